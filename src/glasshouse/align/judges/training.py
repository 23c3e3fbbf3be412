"""Training preference models: an iterator of steps over comparisons.

Four objectives read the same comparisons, so that they can be compared on identical data: which of
two replies is better (ranked, the labels being probabilities), whether each is good (binary), what
each is worth (l2), and what the better one says (imitation, which trains no head: its judge is the
mean log-probability of `scoring`).

Rows of like length go together, so that little padding is computed; which comparisons a step sees
is a function of the seed and the step alone.

Source:
    Askell et al. 2021 (2112.00861), section 3.1, for ranked, binary and imitation; Bai et al. 2022
    (2212.08073), section 4.3, for scores of single replies.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.align.judges.losses import score_loss, soft_binary_loss, soft_ranked_loss
from glasshouse.align.judges.model import PreferenceModel, pad_right
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.errors import InputError
from glasshouse.training.config import Precision
from glasshouse.training.decisions import settled_precision
from glasshouse.training.loop import step_randomness
from glasshouse.training.optimizer import OptimizerConfig, make_optimizer, set_learning_rate
from glasshouse.training.schedule import ScheduleConfig, learning_rate
from glasshouse.training.steps import autocast

Objective = Literal["ranked", "binary", "l2", "imitation"]
"""What is learned from a comparison."""

_SORTED_BATCHES = 16
"""Batches' worth of comparisons that are sorted by length at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeTrainingConfig:
    """How a preference model is trained."""

    objective: Objective = "ranked"
    """Which of two replies is better; whether each is good; what each is worth; or what the better
    one says."""
    epochs: int = 1
    """Times that each comparison is seen; more than one over-fits (2204.05862, section 3)."""
    batch: int = 32
    """Comparisons a step; each is two rows."""
    schedule: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig(peak_lr=3e-4, warmup_steps=10)
    )
    """Learning rate, by step."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """AdamW."""
    centre: float = 0.0
    """Weight of the squared sum of both scores, which keeps scores about zero
    (2312.09244, "Helping or herding?")."""
    lm_weight: float = 0.0
    """Weight of the mean surprise, in nats a token, at the better reply's words, beside the
    objective; preference-model pre-training in 2112.00861 adds it."""
    seed: int = 0
    """Orders comparisons."""
    precision: Precision = "auto"
    """Of the forward pass; weights and scores are float32. `auto`: bf16 where it is built in."""

    def __post_init__(self) -> None:
        if self.objective not in get_args(Objective):
            raise InputError(
                f"objective={self.objective!r} must be one of {', '.join(get_args(Objective))}"
            )
        if self.epochs < 1 or self.batch < 1 or self.centre < 0 or self.lm_weight < 0:
            raise InputError(
                f"epochs={self.epochs} and batch={self.batch} must be at least 1, and "
                f"centre={self.centre} and lm_weight={self.lm_weight} not negative"
            )
        if self.objective == "imitation" and (self.centre or self.lm_weight):
            raise InputError(
                f"centre={self.centre} and lm_weight={self.lm_weight} mean nothing to imitation, "
                "which has no scores and no other loss; leave them at 0"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeStep:
    """One optimizer step."""

    step: int
    """Steps taken, from 1."""
    loss: float
    """Mean loss of the batch before the update: in nats a comparison (ranked), a reply (binary) or
    a token (imitation), or in squared grades (l2); without what `centre` and `lm_weight` add."""
    accuracy: float
    """Share of comparisons whose likelier reply scored higher; 0.5 where nothing is scored."""
    margin: float
    """Mean distance of both scores."""
    lr: float
    """Learning rate."""


class _Pair(NamedTuple):
    """A comparison as a model reads it."""

    rows: tuple[list[int], list[int]]
    """Token ids of both dialogues."""
    replies: tuple[int, int]
    """Tokens of each reply, at the end of its row."""
    p_first: float
    grades: tuple[float, float] | None


def train_judge(
    model: PreferenceModel, comparisons: Sequence[Comparison], config: JudgeTrainingConfig
) -> Generator[JudgeStep, None, None]:
    """Train a preference model in place; stopping early is `break`.

    Raises:
        InputError: If there are no comparisons, one does not fit the context or has no grades that
            the objective needs, or the loss is no longer a number: with the step.
    """
    if not comparisons:
        raise InputError("there are no comparisons to learn from")
    if config.objective == "l2" and any(one.grades is None for one in comparisons):
        raise InputError("objective='l2' needs comparisons with grades; some have none")
    pairs = [_pair(model, one) for one in comparisons]
    batches = list(_batches([max(map(len, pair.rows)) for pair in pairs], config))
    optimizer = make_optimizer(model, config.optimizer)
    device = model.head.weight.device
    precision = settled_precision(config.precision, device)
    model.train()
    try:
        for number, places in enumerate(batches):
            lr = learning_rate(config.schedule, number, len(batches))
            set_learning_rate(optimizer, lr)
            with (
                step_randomness(config.seed, number, 0, device),
                autocast(device, precision),
            ):
                loss, extra, margin, p_first = _losses(model, [pairs[at] for at in places], config)
            total = loss + extra
            if not bool(total.isfinite()):
                raise InputError(
                    f"step {number + 1}: the loss is {total.item()}; lower schedule.peak_lr={lr}"
                )
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            if config.optimizer.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.clip_norm)
            optimizer.step()
            right = ((margin > 0) == (p_first > 0.5)).float().mean().item()
            yield JudgeStep(
                step=number + 1,
                loss=loss.item(),
                accuracy=0.5 if config.objective == "imitation" else right,
                margin=margin.abs().mean().item(),
                lr=lr,
            )
    finally:
        model.eval()


def num_steps(comparisons: int, config: JudgeTrainingConfig) -> int:
    """Steps that training takes."""
    return config.epochs * -(-comparisons // config.batch)


def _pair(model: PreferenceModel, one: Comparison) -> _Pair:
    (first, first_reply), (second, second_reply) = (
        model.encode_reply(one.dialogue(reply)) for reply in (one.first, one.second)
    )
    return _Pair((first, second), (first_reply, second_reply), one.p_first, one.grades)


def _losses(
    model: PreferenceModel, pairs: Sequence[_Pair], config: JudgeTrainingConfig
) -> tuple[Float[Tensor, ""], Float[Tensor, ""], Float[Tensor, " pair"], Float[Tensor, " pair"]]:
    """The objective's loss, what else is added to it, the margins of scores, and the labels."""
    device = model.head.weight.device
    p_first = torch.tensor([pair.p_first for pair in pairs], device=device)
    if config.objective == "imitation":
        loss = _surprise(model, pairs)
        return loss, torch.zeros_like(loss), torch.zeros_like(p_first), p_first
    ids, lengths = pad_right([row for pair in pairs for row in pair.rows])
    ids, lengths = ids.to(device), lengths.to(device)
    features = model.network.features(ids)  # row seq d_model, both replies of a pair in turn
    ends = features[torch.arange(len(ids), device=device), lengths - 1]
    with torch.autocast(device.type, enabled=False):
        scores = model.head(ends.float()).view(-1, 2)  # pair reply
    loss = _objective(scores, p_first, pairs, config.objective)
    extra = config.centre * scores.sum(dim=1).square().mean()
    if config.lm_weight:
        better = [2 * place + (pair.p_first < 0.5) for place, pair in enumerate(pairs)]
        spans = [pair.replies[row % 2] for pair, row in zip(pairs, better, strict=True)]
        extra = extra + config.lm_weight * _surprise_of(
            model, features[better], ids[better], lengths[better], spans
        )
    return loss, extra, (scores[:, 0] - scores[:, 1]).detach(), p_first


def _objective(
    scores: Float[Tensor, "pair 2"],
    p_first: Float[Tensor, " pair"],
    pairs: Sequence[_Pair],
    objective: Objective,
) -> Float[Tensor, ""]:
    """The mean loss of one batch."""
    if objective == "ranked":
        return soft_ranked_loss(scores[:, 0], scores[:, 1], p_first).mean()
    if objective == "binary":
        return soft_binary_loss(scores, torch.stack([p_first, 1 - p_first], dim=1)).mean()
    grades = torch.tensor([pair.grades or (0.0, 0.0) for pair in pairs], device=scores.device)
    return score_loss(scores.flatten(), grades.flatten()).mean()


def _surprise(model: PreferenceModel, pairs: Sequence[_Pair]) -> Float[Tensor, ""]:
    """Mean surprise at the words of the better replies, which alone are read."""
    better = [int(pair.p_first < 0.5) for pair in pairs]
    ids, lengths = pad_right([pair.rows[at] for pair, at in zip(pairs, better, strict=True)])
    device = model.head.weight.device
    ids = ids.to(device)
    spans = [pair.replies[at] for pair, at in zip(pairs, better, strict=True)]
    return _surprise_of(model, model.network.features(ids), ids, lengths.to(device), spans)


def _surprise_of(
    model: PreferenceModel,
    features: Float[Tensor, "row seq d_model"],
    ids: Int[Tensor, "row seq"],
    lengths: Int[Tensor, " row"],
    spans: Sequence[int],
) -> Float[Tensor, ""]:
    """Mean surprise, in nats, at the last `spans` tokens of rows padded on the right."""
    places = torch.arange(ids.shape[1], device=ids.device)
    starts = lengths - torch.tensor(spans, device=ids.device)
    is_reply = (places >= starts[:, None]) & (places < lengths[:, None])
    before = is_reply[:, 1:]  # features at place i foretell token i + 1
    logits = model.network.unembed(features[:, :-1][before]).float()
    return torch.nn.functional.cross_entropy(logits, ids[:, 1:][before])


def _batches(lengths: Sequence[int], config: JudgeTrainingConfig) -> Iterator[list[int]]:
    """Places of comparisons, batch by batch."""
    chance = np.random.default_rng([config.seed, 2112])
    for _ in range(config.epochs):
        order = chance.permutation(len(lengths))
        found: list[list[int]] = []
        for start in range(0, len(order), _SORTED_BATCHES * config.batch):
            part = order[start : start + _SORTED_BATCHES * config.batch].tolist()
            part.sort(key=lambda place: lengths[place])
            found += [part[at : at + config.batch] for at in range(0, len(part), config.batch)]
        yield from (found[place] for place in chance.permutation(len(found)))
