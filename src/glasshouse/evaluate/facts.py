"""What a model knows: its answers to questions whose true answer is in the knowledge base."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int

from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.world import Item


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's answers to items, one entry an item, in the items' order."""

    p_true: Float[np.ndarray, " sample"]
    """Probability of the true answer as the next token: the expected accuracy of samples at T=1."""
    p_options: Float[np.ndarray, " sample"]
    """Probability of all the options together: how surely the form of the answer is known."""
    confidence: Float[np.ndarray, " sample"]
    """Probability of the likeliest option among the options."""
    is_right: Bool[np.ndarray, " sample"]
    """Whether the likeliest option is the true one."""
    exposures: Int[np.ndarray, " sample"]
    """How often training stated the fact in question."""

    def __len__(self) -> int:
        return len(self.p_true)

    def where(self, chosen: Bool[np.ndarray, " sample"]) -> "Answers":
        """Return the answers that are chosen."""
        return Answers(
            self.p_true[chosen],
            self.p_options[chosen],
            self.confidence[chosen],
            self.is_right[chosen],
            self.exposures[chosen],
        )


def answer(model: LanguageModel, items: Sequence[Item], *, batch_size: int = 256) -> Answers:
    """Ask a model questions and read its next-token distribution over the options.

    Args:
        model: A model whose vocabulary is the world's.
        items: Questions; a prompt ends where the answer, one token, begins.
        batch_size: Prompts per forward pass; prompts of equal length go together.

    Raises:
        InputError: If there are no items, or a prompt is longer than the model's context.
    """
    if not items:
        raise InputError("there are no questions to ask; pass at least one item")
    p_true = np.zeros(len(items))
    p_options = np.zeros(len(items))
    confidence = np.zeros(len(items))
    is_right = np.zeros(len(items), dtype=bool)
    for places in _batches(items, batch_size):
        prompts = np.array([items[place].prompt for place in places], dtype=np.int64)
        for place, row in zip(places, next_token(model, prompts), strict=True):
            options = row[list(items[place].options)]
            p_true[place] = row[items[place].answer]
            p_options[place] = options.sum()
            confidence[place] = options.max() / max(options.sum(), 1e-30)
            is_right[place] = items[place].options[int(options.argmax())] == items[place].answer
    exposures = np.array([item.exposures for item in items])
    return Answers(p_true, p_options, np.clip(confidence, 0, 1), is_right, exposures)


def next_token(
    model: LanguageModel, prompts: Int[np.ndarray, "batch seq"]
) -> Float32[np.ndarray, "batch vocab"]:
    """Return the distribution of the token after each prompt.

    Raises:
        InputError: If the prompts are longer than the model's context.
    """
    context = model.network.config.context
    if prompts.shape[1] > context:
        raise InputError(
            f"a prompt of {prompts.shape[1]} tokens does not fit the model's context of {context}"
        )
    device = next(model.network.parameters()).device
    with torch.inference_mode():
        hidden = model.network.features(torch.from_numpy(prompts).to(device))
        logits = model.network.unembed(hidden[:, -1])  # batch vocab; other positions are not asked
    return logits.float().softmax(dim=-1).cpu().numpy()


def _batches(items: Sequence[Item], batch_size: int) -> list[list[int]]:
    """Group the items' places by length of prompt, so that no prompt needs padding."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        by_length[len(item.prompt)].append(place)
    return [
        places[first : first + batch_size]
        for places in by_length.values()
        for first in range(0, len(places), batch_size)
    ]


@dataclass(frozen=True, slots=True)
class ExposureBucket:
    """The answers about facts that training stated about equally often."""

    low: int
    """Fewest statements, included."""
    high: int
    """Most statements, included."""
    answers: Answers

    @property
    def label(self) -> str:
        """The bucket in words: `0`, `1-2`, `17-32`."""
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


def by_exposure(answers: Answers) -> list[ExposureBucket]:
    """Part answers by how often their fact was stated: 0, 1, 2, 3-4, 5-8, 9-16, ...; no empty ones.

    The bounds double because knowledge grows about with the logarithm of exposure.
    """
    buckets = []
    low, high = 0, 0
    most = int(answers.exposures.max()) if len(answers) else -1
    while low <= most:
        chosen = (answers.exposures >= low) & (answers.exposures <= high)
        if chosen.any():
            buckets.append(ExposureBucket(low, high, answers.where(chosen)))
        low, high = high + 1, max(1, 2 * high)
    return buckets
