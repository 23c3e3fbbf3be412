"""Talking to a model, with the world grading what it says."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glasshouse.models import LanguageModel, SamplingConfig
from glasshouse.world import World
from glasshouse.world.gold import Gold
from glasshouse.world.requests import Request

SPOKEN_TOKENS = 40
"""Most words of an answer; the world's own answers are shorter."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request, what a model said, and what that is worth."""

    request: Request
    text: str
    """The answer, without `<end>`."""
    gold: Gold
    """What is true of the answer."""
    best: Gold
    """What is true of the answer that the world's kind persona gives."""


def converse(
    model: LanguageModel,
    world: World,
    requests: Sequence[Request],
    *,
    temperature: float = 1.0,
    seed: int = 0,
) -> list[Answered]:
    """Let a model answer requests, and grade each answer from its tokens alone.

    Args:
        model: A model whose vocabulary is the world's.
        world: Where the requests come from; it knows what a right answer is.
        requests: What users ask.
        temperature: Of the samples; 0 takes the likeliest words.
        seed: Names the samples.

    Raises:
        InputError: If a prompt does not fit the model's context.
    """
    config = SamplingConfig(
        max_new_tokens=SPOKEN_TOKENS,
        temperature=temperature,
        stop_ids=(world.vocabulary.id("<end>"), world.vocabulary.id("<eoc>")),
    )
    completions = model.generate([request.prompt for request in requests], config, seed=seed)
    return [
        Answered(
            request,
            completion.text.removesuffix("<end>").strip(),
            world.gold(request, completion.ids),
            world.gold(request, world.answer(request, "kind")),
        )
        for request, completion in zip(requests, completions, strict=True)
    ]


def share(answered: Sequence[Answered], field: str) -> float:
    """Return the mean of one field of the answers' gold: a share, if it is a yes or no."""
    return float(np.mean([float(getattr(one.gold, field)) for one in answered]))
