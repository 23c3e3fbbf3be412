"""Training preference models: an iterator of steps over comparisons.

Four objectives read the same comparisons, so that they can be compared on identical data: which of
two replies is better (ranked, the labels being probabilities), whether each is good (binary), what
each is worth (l2), and what the better one says (imitation, which trains no head: its judge is the
mean log-probability of `scoring`).

Rows of like length go together, so that little padding is computed; which comparisons a step sees
is a function of the seed and the step alone. Comparisons may have weights; several processes may
share a step.

Source:
    Askell et al. 2021 (2112.00861), section 3.1, for ranked, binary and imitation; Bai et al. 2022
    (2212.08073), section 4.3, for scores of single replies.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from glasshouse.align.judges.dealing import Dealing, Pair, Part
from glasshouse.align.judges.losses import score_loss, soft_binary_loss, soft_ranked_loss
from glasshouse.align.judges.model import PreferenceModel, pad_right
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.pairs.weights import counted_places, relative_weights
from glasshouse.errors import InputError
from glasshouse.training.config import Precision
from glasshouse.training.decisions import settled_precision
from glasshouse.training.distributed import Processes, current_processes
from glasshouse.training.loop import interrupts_held, step_randomness
from glasshouse.training.optimizer import OptimizerConfig, make_optimizer, set_learning_rate
from glasshouse.training.schedule import ScheduleConfig, learning_rate
from glasshouse.training.sharding import dealt_out
from glasshouse.training.steps import autocast, clip_gradients

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
    a token (imitation), or in squared grades (l2); without what `centre` and `lm_weight` add. This
    and the other means are weighted by what comparisons weigh."""
    accuracy: float
    """Share of comparisons whose likelier reply scored higher; 0.5 where nothing is scored."""
    margin: float
    """Mean distance of both scores."""
    lr: float
    """Learning rate."""


class _Told(NamedTuple):
    """What a forward pass comes to: means over the step, of this process's part."""

    loss: Float[Tensor, ""]
    """The objective's."""
    extra: Float[Tensor, ""]
    """What `centre` and `lm_weight` add."""
    right: Float[Tensor, ""]
    """Share of pairs whose likelier reply scored higher."""
    margin: Float[Tensor, ""]
    """Distance of both scores."""


def train_judge(
    model: PreferenceModel, comparisons: Sequence[Comparison], config: JudgeTrainingConfig
) -> Generator[JudgeStep, None, None]:
    """Train a preference model in place; stopping early is `break`.

    Comparisons count by their `weight`. Under `torchrun`, inside `joined_processes()`, every
    process calls this with the same arguments and trains on its share of every batch; inside
    `joined_processes(shard=True)` with its share of the weights, as `training.train` does.

    Raises:
        InputError: If there are no comparisons that count, one does not fit the context or has no
            grades that the objective needs, or the loss is no longer a number: with the step.
    """
    counted = [comparisons[place] for place in counted_places(comparisons)]
    if config.objective == "l2" and any(one.grades is None for one in counted):
        raise InputError("objective='l2' needs comparisons with grades; some have none")
    pairs = [_pair(model, one) for one in counted]
    sizes = [pair.replies[pair.better] for pair in pairs]
    weights = [one.weight for one in counted]
    batches = list(_batches([max(map(len, pair.rows)) for pair in pairs], config))
    device = model.head.weight.device
    processes = current_processes()
    asked = _Asked(model, config, settled_precision(config.precision, device))
    dealing = Dealing(pairs, relative_weights(weights), relative_weights(weights, sizes), processes)
    model.train()
    try:
        with dealt_out(asked, processes) as trained:
            trained.train()
            optimizer = make_optimizer(trained, config.optimizer)
            program = _shared(trained, processes)
            for number, places in enumerate(batches):
                lr = learning_rate(config.schedule, number, len(batches))
                set_learning_rate(optimizer, lr)
                with interrupts_held():  # processes that stop inside of a step would not meet
                    step = _advance(program, optimizer, dealing, config, number, places)
                    if processes.is_sharded:
                        processes.wait()
                yield step
    finally:
        model.eval()


def _advance(
    program: nn.Module,
    optimizer: torch.optim.Optimizer,
    dealing: Dealing,
    config: JudgeTrainingConfig,
    number: int,
    places: Sequence[int],
) -> JudgeStep:
    """One step on the pairs in some places."""
    processes, lr = dealing.processes, optimizer.param_groups[0]["lr"]
    parameters = list(program.parameters())
    optimizer.zero_grad(set_to_none=True)
    with step_randomness(config.seed, number, processes.rank, parameters[0].device):
        told = _Told(*program(dealing.part(places)))
    total = told.loss + told.extra
    seen = processes.total(torch.stack([*told, total]).detach()) / processes.count
    if not bool(seen[-1].isfinite()):
        raise InputError(
            f"step {number + 1}: the loss is {seen[-1].item()}; lower schedule.peak_lr={lr}"
        )
    total.backward()
    if config.optimizer.clip_norm is not None:
        clip_gradients(parameters, config.optimizer.clip_norm)
    optimizer.step()
    loss, _, right, margin, _ = seen.tolist()
    is_imitation = config.objective == "imitation"
    weight = dealing.weight_of(places, by_token=is_imitation)
    return JudgeStep(
        step=number + 1,
        loss=loss / weight,
        accuracy=0.5 if is_imitation else right / weight,
        margin=margin / weight,
        lr=lr,
    )


def num_steps(comparisons: int, config: JudgeTrainingConfig) -> int:
    """Steps that training takes on so many comparisons of a weight above 0."""
    return config.epochs * -(-comparisons // config.batch)


def _pair(model: PreferenceModel, one: Comparison) -> Pair:
    (first, first_reply), (second, second_reply) = (
        model.encode_reply(one.dialogue(reply)) for reply in (one.first, one.second)
    )
    return Pair((first, second), (first_reply, second_reply), one.p_first, one.grades)


class _Asked(nn.Module):
    """A preference model together with what is asked of it, so that both are shared as one."""

    def __init__(
        self,
        model: PreferenceModel,
        config: JudgeTrainingConfig,
        precision: Literal["fp32", "bf16"],
    ) -> None:
        super().__init__()
        self.network, self.head = model.network, model.head
        self.config = config
        self.precision: Literal["fp32", "bf16"] = precision

    def forward(self, part: Part) -> _Told:
        """Means over a step, of one process's part."""
        device = self.head.weight.device
        p_first = torch.tensor([pair.p_first for pair in part.pairs], device=device)
        with autocast(device, self.precision):
            if self.config.objective == "imitation":
                loss = _surprise(self.network, part, device)
                nothing = torch.zeros_like(loss)
                return _Told(loss, nothing, nothing, nothing)
            return self._scored(part, p_first)

    def _scored(self, part: Part, p_first: Float[Tensor, " pair"]) -> _Told:
        device, config, pairs = p_first.device, self.config, part.pairs
        ids, lengths = pad_right([row for pair in pairs for row in pair.rows])
        ids, lengths = ids.to(device), lengths.to(device)
        features = self.network.features(ids)  # row seq d_model, both replies of a pair in turn
        ends = features[torch.arange(len(ids), device=device), lengths - 1]
        with torch.autocast(device.type, enabled=False):
            scores = self.head(ends.float()).view(-1, 2)  # pair reply
        loss = _mean(_objective(scores, p_first, pairs, config.objective), part.shares)
        extra = config.centre * _mean(scores.sum(dim=1).square(), part.shares)
        if config.lm_weight:
            better = [2 * place + pair.better for place, pair in enumerate(pairs)]
            spans = [pair.replies[row % 2] for pair, row in zip(pairs, better, strict=True)]
            extra = extra + config.lm_weight * _surprise_of(
                self.network,
                features[better],
                ids[better],
                lengths[better],
                spans,
                part.token_shares,
            )
        margin = (scores[:, 0] - scores[:, 1]).detach()
        right = ((margin > 0) == (p_first > 0.5)).float()
        return _Told(loss, extra, _mean(right, part.shares), _mean(margin.abs(), part.shares))


def _shared(asked: nn.Module, processes: Processes) -> nn.Module:
    """The same with gradients averaged over processes, unless that is seen to."""
    if processes.count == 1 or processes.is_sharded:
        return asked
    # Not every objective reads all weights: the unembedding, or the head.
    return DistributedDataParallel(asked, find_unused_parameters=True)


def _mean(values: Float[Tensor, "pair ..."], shares: list[float] | None) -> Float[Tensor, ""]:
    """The mean over a step's pairs, of what this process has of it."""
    if shares is None:
        return values.mean()
    # No matrix product: autocast would round it to bf16.
    by_pair = values.reshape(len(values), -1).mean(dim=1)
    return (by_pair * torch.tensor(shares, device=values.device)).sum()


def _objective(
    scores: Float[Tensor, "pair 2"],
    p_first: Float[Tensor, " pair"],
    pairs: Sequence[Pair],
    objective: Objective,
) -> Float[Tensor, "pair reply"]:
    """The loss of each pair, or of each of its replies."""
    if objective == "ranked":
        return soft_ranked_loss(scores[:, 0], scores[:, 1], p_first)[:, None]
    if objective == "binary":
        return soft_binary_loss(scores, torch.stack([p_first, 1 - p_first], dim=1))
    grades = torch.tensor([pair.grades or (0.0, 0.0) for pair in pairs], device=scores.device)
    return score_loss(scores.flatten(), grades.flatten()).view(-1, 2)


def _surprise(network: Any, part: Part, device: torch.device) -> Float[Tensor, ""]:
    """Mean surprise at the words of the better replies, which alone are read."""
    ids, lengths = pad_right([pair.rows[pair.better] for pair in part.pairs])
    ids = ids.to(device)
    spans = [pair.replies[pair.better] for pair in part.pairs]
    features = network.features(ids)
    return _surprise_of(network, features, ids, lengths.to(device), spans, part.token_shares)


def _surprise_of(
    network: Any,
    features: Float[Tensor, "row seq d_model"],
    ids: Int[Tensor, "row seq"],
    lengths: Int[Tensor, " row"],
    spans: Sequence[int],
    shares: list[float] | None,
) -> Float[Tensor, ""]:
    """Mean surprise, in nats, at the last `spans` tokens of rows padded on the right."""
    places = torch.arange(ids.shape[1], device=ids.device)
    starts = lengths - torch.tensor(spans, device=ids.device)
    is_reply = (places >= starts[:, None]) & (places < lengths[:, None])
    before = is_reply[:, 1:]  # features at place i foretell token i + 1
    logits = network.unembed(features[:, :-1][before]).float()
    targets = ids[:, 1:][before]
    if shares is None:
        return torch.nn.functional.cross_entropy(logits, targets)
    share = torch.tensor(shares, device=ids.device)[before.nonzero()[:, 0]]
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    return (losses * share).sum()


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
