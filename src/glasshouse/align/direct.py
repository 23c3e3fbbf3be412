"""Direct preference optimisation: a policy learns from pairs, without a judge and without samples.

The reference's log-probabilities are computed once, before the first step, and held in memory; they
may be given instead, from a reference that was measured elsewhere. `direct_keeping` keeps a run in
a folder, in which it goes on.

Source:
    Rafailov et al. 2023, "Direct preference optimization" (2305.18290), section 4.
"""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from glasshouse.align.direct_keeping import PairKeeper, about_run
from glasshouse.align.judges.losses import dpo_loss
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.pairs.rows import PairRow, encode_pair, length_batches
from glasshouse.align.pairs.weights import counted_places, relative_weights
from glasshouse.align.talks.dialogues import Layout
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer
from glasshouse.training import OptimizerConfig, ScheduleConfig, current_processes, make_optimizer
from glasshouse.training.config import CheckpointConfig, Compile, Precision, TrainConfig
from glasshouse.training.decisions import Decisions, decide, training_device
from glasshouse.training.distributed import Processes
from glasshouse.training.loop import interrupts_held, step_randomness
from glasshouse.training.optimizer import set_learning_rate
from glasshouse.training.schedule import learning_rate
from glasshouse.training.sharding import dealt_out
from glasshouse.training.steps import autocast, clip_gradients


@dataclass(frozen=True, kw_only=True, slots=True)
class DpoConfig:
    """How a policy learns from pairs."""

    epochs: int = 1
    """Times that each pair is seen."""
    batch: int = 32
    """Pairs a step; each is two rows."""
    beta: float = 0.1
    """Pull towards the reference, per nat."""
    label_smoothing: float = 0.0
    """Share of preferences that are taken to be the wrong way round, below 0.5."""
    length_normalised: bool = False
    """Compare mean log-probabilities a token rather than sums: long replies then weigh no more than
    short ones. `beta` wants to be larger, by about the length of a reply."""
    seed: int = 0
    """Orders pairs."""
    precision: Precision = "auto"
    """Of the forward pass; weights are float32. `auto`: bf16 where it is built in."""
    compile: Compile = "auto"
    """Whether torch.compile is used. `auto`: where a run is long enough to earn it."""
    schedule: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig(peak_lr=1e-4, warmup_steps=10)
    )
    """Learning rate, by step."""
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(weight_decay=0.0))
    """AdamW; without decay, which would pull away from the reference."""
    checkpoints: CheckpointConfig = field(default_factory=CheckpointConfig)
    """When a run with a folder saves, and what it keeps."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1:
            raise InputError(f"epochs={self.epochs} and batch={self.batch} must be at least 1")
        if not self.beta > 0 or not 0 <= self.label_smoothing < 0.5:
            raise InputError(
                f"beta={self.beta} must be positive (0.1 is a common start), and label_smoothing="
                f"{self.label_smoothing} must lie in [0, 0.5)"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class DpoStep:
    """One optimizer step; all before its update, and means weighted by what pairs weigh."""

    step: int
    """Steps taken, from 1."""
    loss: float
    """Mean loss of a pair, in nats."""
    accuracy: float
    """Share of pairs whose preferred reply has gained on the other since the reference."""
    margin: float
    """By how many nats, on average and times beta: what the policy pays for the preference."""
    preferred: float
    """Mean gain of the preferred reply's log-probability over the reference, in nats."""
    other: float
    """The same of the other reply; both may fall while the margin rises."""
    lr: float
    """Learning rate."""
    grad_norm: float
    """Norm of the gradient before clipping."""


def train_dpo(
    policy: LanguageModel,
    comparisons: Sequence[Comparison],
    layout: Layout,
    config: DpoConfig,
    *,
    reference: LanguageModel | Float[Tensor, "pair 2"] | None = None,
    folder: Path | None = None,
) -> Generator[DpoStep, None, None]:
    """Train a policy in place; stopping early is `break`.

    With a folder, a run that was stopped goes on when it is called again with the same arguments,
    the policy as it was at first among them.

    A preference that is a probability counts both ways, each in its share, and a pair counts by its
    weight. Under `torchrun`, inside `joined_processes()`, every process calls this and trains on
    its share of every batch; inside `joined_processes(shard=True)` with its share of the weights,
    as `training.train` does.

    Args:
        policy: What is trained.
        comparisons: Pairs of replies.
        layout: In which the policy reads dialogues.
        config: The run.
        reference: What the policy is held near: a model, or `reply_logprobs` of one. None: the
            policy as it is now.
        folder: Where metrics and checkpoints are kept; a new one, or this run's.

    Raises:
        InputError: If there are no pairs, a reply fills the context, the reference reads other
            tokens or has other pairs, the folder is another run's, or the loss is no longer a
            number: with the step.
        RunError: If what the folder holds is damaged, or the disk is full.
    """
    places = counted_places(comparisons)
    counted = [comparisons[place] for place in places]
    if isinstance(reference, Tensor):
        _check_reference(reference, len(comparisons))
        reference = reference[places]
    rows = [encode_pair(layout, one, policy.network.config.context) for one in counted]
    kept = _reference(policy, rows, reference, config)
    labels = torch.tensor([one.p_first for one in counted])
    weights = torch.tensor(relative_weights([one.weight for one in counted]), dtype=torch.float32)
    keeper = PairKeeper(
        folder,
        policy,
        {} if folder is None else about_run(policy, rows, labels, weights, kept, config),
        config.checkpoints,
        processes=current_processes(),
    )
    return _train(policy, rows, labels, weights, kept, config, keeper)


def num_steps(pairs: int, config: DpoConfig) -> int:
    """Steps that training takes."""
    return config.epochs * -(-pairs // config.batch)


def reply_logprobs(
    model: LanguageModel,
    comparisons: Sequence[Comparison],
    layout: Layout,
    *,
    precision: Literal["fp32", "bf16"] = "fp32",
    batch: int = 32,
) -> Float[Tensor, "pair 2"]:
    """Log-probability, in nats, of both replies of each comparison, summed over their tokens.

    Raises:
        InputError: If a reply fills the context.
    """
    rows = [encode_pair(layout, one, model.network.config.context) for one in comparisons]
    return _logprobs(model.network, rows, precision=precision, batch=batch)


class ReplyLogprobs(nn.Module):
    """A network together with what is asked of it, so that both are compiled, or shared, as one."""

    def __init__(self, network: nn.Module, precision: Literal["fp32", "bf16"]) -> None:
        super().__init__()
        self.network = network
        self.precision: Literal["fp32", "bf16"] = precision

    def forward(
        self, ids: Int[Tensor, "row seq"], is_reply: Float[Tensor, "row seq"]
    ) -> Float[Tensor, " row"]:
        """Summed log-probabilities of the tokens marked, each after all before it."""
        inputs, targets, mask = ids[:, :-1], ids[:, 1:], is_reply[:, 1:]
        with autocast(ids.device, self.precision):
            if torch.compiler.is_compiling() or not isinstance(self.network, Transformer):
                logits = self.network(inputs)
            else:
                # Logits of prompts and padding are most of the memory, and nobody reads them.
                features = self.network.features(inputs)
                return _scattered(self.network, features, targets, mask)
        surprise = nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), targets.flatten(), reduction="none"
        )
        return -(surprise.view_as(mask) * mask).sum(dim=1)


def _scattered(
    network: Transformer,
    features: Float[Tensor, "row seq d_model"],
    targets: Int[Tensor, "row seq"],
    mask: Float[Tensor, "row seq"],
) -> Float[Tensor, " row"]:
    """The same, from logits of replies alone."""
    own = mask > 0
    logits = network.unembed(features[own]).float()
    surprise = nn.functional.cross_entropy(logits, targets[own], reduction="none")
    row = own.nonzero()[:, 0]
    return -torch.zeros_like(mask[:, 0]).index_add(0, row, surprise)


def _check_reference(reference: Tensor, pairs: int) -> None:
    if reference.shape != (pairs, 2):
        raise InputError(
            f"the reference has log-probabilities of shape {tuple(reference.shape)}; there are "
            f"{pairs} pairs, each of two replies"
        )


def _reference(
    policy: LanguageModel,
    rows: Sequence[PairRow],
    reference: LanguageModel | Tensor | None,
    config: DpoConfig,
) -> Float[Tensor, "pair 2"]:
    if isinstance(reference, Tensor):
        return reference.float()
    if reference is not None and (
        reference.tokenizer.core.get_vocab() != policy.tokenizer.core.get_vocab()
    ):
        raise InputError("policy and reference read different tokens; give both one tokenizer")
    model = policy if reference is None else reference
    precision = _decisions(policy, rows, config).precision
    return _logprobs(model.network, rows, precision=precision, batch=config.batch)


@torch.no_grad()
def _logprobs(
    network: nn.Module,
    rows: Sequence[PairRow],
    *,
    precision: Literal["fp32", "bf16"],
    batch: int,
) -> Float[Tensor, "pair 2"]:
    was_training = network.training
    network.eval()
    measure, device = ReplyLogprobs(network, precision), next(network.parameters()).device
    found = torch.empty(len(rows), 2)
    order = sorted(range(len(rows)), key=lambda place: rows[place].width)
    for start in range(0, len(order), batch):
        places = order[start : start + batch]
        found[places] = measure(*_padded([rows[at] for at in places], device)).view(-1, 2).cpu()
    network.train(was_training)
    return found


def _train(
    policy: LanguageModel,
    rows: Sequence[PairRow],
    labels: Float[Tensor, " pair"],
    weights: Float[Tensor, " pair"],
    reference: Float[Tensor, "pair 2"],
    config: DpoConfig,
    keeper: PairKeeper,
) -> Generator[DpoStep, None, None]:
    processes = current_processes()
    decisions = _decisions(policy, rows, config)
    try:
        with dealt_out(policy.network, processes) as trained:
            job = _Job(
                network=trained,
                rows=rows,
                labels=labels,
                weights=weights,
                reference=reference,
                config=config,
                optimizer=make_optimizer(trained, config.optimizer),
                program=_program(trained, decisions, processes),
                processes=processes,
            )
            yield from _steps(job, keeper)
    finally:
        policy.network.eval()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Job:
    """What every step reads."""

    network: nn.Module
    rows: Sequence[PairRow]
    labels: Float[Tensor, " pair"]
    weights: Float[Tensor, " pair"]
    """Over their mean."""
    reference: Float[Tensor, "pair 2"]
    config: DpoConfig
    optimizer: torch.optim.Optimizer
    program: nn.Module
    processes: Processes


def _steps(job: _Job, keeper: PairKeeper) -> Generator[DpoStep, None, None]:
    """Train to the end, from where the keeper's folder is."""
    config, network, optimizer = job.config, job.network, job.optimizer
    batches = length_batches(
        [row.width for row in job.rows], batch=config.batch, epochs=config.epochs, seed=config.seed
    )
    first = keeper.resume(network, optimizer)
    network.train()
    try:
        for number in range(first, len(batches)):
            lr = learning_rate(config.schedule, number, len(batches))
            with interrupts_held():
                step = _advance(job, batches[number], number, lr)
                keeper.remember(step.step, asdict(step))
                keeper.save_if_due(network, optimizer, is_last=step.step == len(batches))
                if job.processes.is_sharded:  # so that Ctrl-C finds all at the same step
                    job.processes.wait()
            yield step
    except (KeyboardInterrupt, GeneratorExit):
        with interrupts_held():
            keeper.save_if_met(network, optimizer)
        raise


def _advance(job: _Job, places: Sequence[int], number: int, lr: float) -> DpoStep:
    """One step on the pairs in some places."""
    config, processes, rows = job.config, job.processes, job.rows
    parameters = [p for p in job.network.parameters() if p.requires_grad]
    device = parameters[0].device
    set_learning_rate(job.optimizer, lr)
    job.optimizer.zero_grad(set_to_none=True)
    # A process without a pair of its own computes one that does not count.
    own = places[processes.rank :: processes.count]
    shown = own or places[:1]
    with step_randomness(config.seed, number, processes.rank, device):
        found = job.program(*_padded([rows[at] for at in shown], device)).view(-1, 2)
    gain = found.float() - job.reference[shown].to(device)
    loss, told = _loss(gain, [rows[at] for at in shown], job.labels[shown].to(device), config)
    count = torch.tensor(float(len(own) > 0), device=device)
    weight = job.weights[shown].to(device)
    ((loss * weight).sum() * count * processes.count / len(places)).backward()
    told = (told * weight[:, None]).sum(dim=0) * count
    told = processes.total(told) / job.weights[places].sum().item()
    if not bool(told.isfinite().all()):
        raise InputError(
            f"step {number + 1}: the loss is {told[0].item()}; lower schedule.peak_lr={lr:g}"
        )
    norm = clip_gradients(parameters, config.optimizer.clip_norm)
    job.optimizer.step()
    mean, accuracy, margin, preferred, other = told.tolist()
    return DpoStep(
        step=number + 1,
        loss=mean,
        accuracy=accuracy,
        margin=margin,
        preferred=preferred,
        other=other,
        lr=lr,
        grad_norm=norm.item(),
    )


def _loss(
    gain: Float[Tensor, "pair 2"],
    rows: Sequence[PairRow],
    p_first: Float[Tensor, " pair"],
    config: DpoConfig,
) -> tuple[Float[Tensor, " pair"], Float[Tensor, "pair 5"]]:
    """Loss of each pair from the log-ratios of its replies, and what a step tells of it."""
    counted = gain
    if config.length_normalised:
        counted = gain / torch.tensor([row.replies for row in rows], device=gain.device)
    margin = counted[:, 0] - counted[:, 1]
    zero = torch.zeros_like(margin)
    loss = torch.zeros_like(margin)
    for weight, own in ((p_first, margin), (1 - p_first, -margin)):
        loss = loss + weight * dpo_loss(
            own, zero, beta=config.beta, label_smoothing=config.label_smoothing
        )
    is_first = p_first >= 0.5
    towards = torch.where(is_first, margin, -margin).detach()
    right = (towards > 0).float() + 0.5 * (towards == 0).float()
    better = torch.where(is_first, gain[:, 0], gain[:, 1]).detach()
    worse = torch.where(is_first, gain[:, 1], gain[:, 0]).detach()
    told = torch.stack([loss.detach(), right, config.beta * towards, better, worse], dim=1)
    return loss, told


def _padded(
    rows: Sequence[PairRow], device: torch.device
) -> tuple[Int[Tensor, "row seq"], Float[Tensor, "row seq"]]:
    """Both rows of every pair, filled up on the right, where no token is seen from."""
    texts = [text for row in rows for text in row.texts]
    replies = [length for row in rows for length in row.replies]
    width = max(map(len, texts))
    ids = np.zeros((len(texts), width), dtype=np.int64)
    is_reply = np.zeros((len(texts), width), dtype=np.float32)
    for place, (text, reply) in enumerate(zip(texts, replies, strict=True)):
        ids[place, : len(text)] = text
        is_reply[place, len(text) - reply : len(text)] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(is_reply).to(device)


def _decisions(policy: LanguageModel, rows: Sequence[PairRow], config: DpoConfig) -> Decisions:
    steps = num_steps(len(rows), config)
    run = TrainConfig(steps=steps, precision=config.precision, compile=config.compile)
    tokens = config.epochs * sum(map(len, (text for row in rows for text in row.texts)))
    device = training_device() if current_processes().is_sharded else None
    return decide(run, policy.network, tokens=tokens, device=device)


def _program(network: nn.Module, decisions: Decisions, processes: Processes) -> nn.Module:
    program: nn.Module = ReplyLogprobs(network, decisions.precision)
    if processes.is_sharded:
        return program  # uncompiled: its blocks are whole only in turn
    if decisions.compiled:
        compiled = torch.compile(program, dynamic=True)
        assert isinstance(compiled, nn.Module)
        program = compiled
    if processes.count > 1:
        program = DistributedDataParallel(program)
    return program
