"""Context distillation: teach a model to behave without a prompt as it does with it.

The teacher reads prompt and text once; of each of its distributions the likeliest tokens are kept
on disk. The student reads the text alone and is trained towards what was kept: a distribution over
so many tokens and one more, which stands for all others.

Source:
    Askell et al. 2021 (2112.00861), section 2.3; recipe of Bai et al. 2022 (2204.05862),
    appendix A.1: the 50 likeliest tokens, a 51st for the rest, learning rate 0.05 of pretraining's,
    decayed linearly to 0.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.align.distilling.store import Taught, TeacherStore
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.training.checkpoint import (
    checkpoint_path,
    list_checkpoints,
    restore_checkpoint,
    save_checkpoint,
)
from glasshouse.training.distributed import refuse_sharded
from glasshouse.training.optimizer import OptimizerConfig, make_optimizer, set_learning_rate
from glasshouse.training.schedule import ScheduleConfig, learning_rate


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillationConfig:
    """How a student is trained towards a stored teacher."""

    steps: int = 400
    """Optimizer steps."""
    batch: int = 32
    """Texts a step."""
    schedule: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig(
            peak_lr=2e-4, warmup_steps=10, shape="wsd", decay_fraction=1.0, final_fraction=0.0
        )
    )
    """Learning rate, by step: a linear descent to 0 from 0.05 of a pretraining at 4e-3."""
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(weight_decay=0.0))
    """AdamW."""
    checkpoint_every: int = 100
    """Steps between checkpoints, where there is a folder for them."""
    seed: int = 0
    """Orders texts."""

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.checkpoint_every) < 1:
            raise InputError(
                f"steps={self.steps}, batch={self.batch} and checkpoint_every="
                f"{self.checkpoint_every} must be at least 1"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillationStep:
    """One optimizer step."""

    step: int
    """Steps taken, from 1."""
    divergence: float
    """Mean KL from teacher to student over what was kept, in nats a token, before the update."""
    lr: float
    """Learning rate."""


def kept_divergence(
    logits: Float[Tensor, "token vocab"],
    top: Int[Tensor, "token kept"],
    logprobs: Float[Tensor, "token kept"],
) -> Float[Tensor, " token"]:
    """KL from the teacher to a student over the kept tokens and, as one more, all others.

    Merging tokens can only lower a KL, so this is a lower bound of the whole one.

    Args:
        logits: The student's.
        top: The teacher's likeliest tokens.
        logprobs: Their log-probabilities under the teacher, in nats.
    """
    own = logits.float().log_softmax(dim=-1)
    # All others one by one, as one less a sum would cancel where the kept ones are nearly all.
    others = own.scatter(1, top, -torch.inf).logsumexp(dim=-1)
    rest = (-logprobs.logsumexp(dim=-1).clamp(max=-1e-7).expm1()).log()
    kept = (logprobs.exp() * (logprobs - own.gather(1, top))).sum(dim=-1)
    if top.shape[1] == own.shape[1]:
        return kept
    return kept + rest.exp() * (rest - others)


def train_student(
    student: LanguageModel,
    store: TeacherStore,
    config: DistillationConfig,
    *,
    folder: Path | None = None,
) -> Generator[DistillationStep, None, None]:
    """Train a student in place; stopping early is `break`.

    What a step reads is a function of the seed and the step alone, so a run that was killed goes on
    from its newest checkpoint as if nothing had been.

    Args:
        student: What it begins as; for context distillation, the teacher's own weights.
        store: What the teacher said.
        config: The run.
        folder: Where checkpoints go and are looked for; None keeps none.

    Raises:
        InputError: If the store holds nothing, or the loss is no longer a number: with the step.
        RunError: If a checkpoint cannot be read or written.
    """
    if not len(store):
        raise InputError("the store of the teacher is empty; fill it with `store_teacher`")
    refuse_sharded("a student of a teacher's store")
    network = student.network
    optimizer = make_optimizer(network, config.optimizer)
    done = 0
    if folder is not None and (found := list_checkpoints(folder)):
        done = restore_checkpoint(found[-1], network, optimizer)
    device = next(network.parameters()).device
    network.train()
    try:
        for number in range(done, config.steps):
            lr = learning_rate(config.schedule, number, config.steps)
            set_learning_rate(optimizer, lr)
            batch = store.batch(_places(len(store), config, number)).to(device)
            loss = divergence_of(student, batch).mean()
            if not bool(loss.isfinite()):
                raise InputError(
                    f"step {number + 1}: the loss is {loss.item()}; lower schedule.peak_lr={lr}"
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if config.optimizer.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), config.optimizer.clip_norm)
            optimizer.step()
            taken = number + 1
            if folder is not None and taken % config.checkpoint_every == 0:
                save_checkpoint(checkpoint_path(folder, taken), student, optimizer, step=taken)
            yield DistillationStep(step=taken, divergence=loss.item(), lr=lr)
    finally:
        network.eval()


def divergence_of(student: LanguageModel, batch: Taught) -> Float[Tensor, " token"]:
    """KL from the teacher at every token of some texts that it was asked about."""
    features = student.network.features(batch.ids)
    logits = student.network.unembed(features[batch.is_taught])
    return kept_divergence(logits, batch.top, batch.logprobs)


@torch.no_grad()
def mean_divergence(student: LanguageModel, store: TeacherStore, *, batch: int = 64) -> float:
    """Mean KL from the teacher over a whole store, in nats a token.

    Raises:
        InputError: If the store is empty.
    """
    if not len(store):
        raise InputError("the store of the teacher is empty; nothing can be compared with it")
    device = next(student.network.parameters()).device
    total, count = 0.0, 0
    for start in range(0, len(store), batch):
        places = list(range(start, min(start + batch, len(store))))
        found = divergence_of(student, store.batch(places).to(device))
        total += float(found.double().sum())
        count += len(found)
    return total / count


def gap_closed(student: LanguageModel, base: LanguageModel, held_out: TeacherStore) -> float:
    """How much of the way from base to teacher a student has gone: 1 - KL(teacher || student) /
    KL(teacher || base), on texts that it was not trained on.

    1 is the teacher itself, 0 the base; below 0 it has gone the wrong way.

    Raises:
        InputError: If the base is the teacher already, so that there is no way to go.
    """
    before = mean_divergence(base, held_out)
    if not before > 0:
        raise InputError("the base speaks as the teacher does already; there is no gap to close")
    return 1 - mean_divergence(student, held_out) / before


def _places(count: int, config: DistillationConfig, step: int) -> Sequence[int]:
    """Which texts a step reads: every text once before any comes again."""
    found: list[int] = []
    at = step * config.batch
    while len(found) < config.batch:
        round_, first = divmod(at + len(found), count)
        order = np.random.default_rng([config.seed, 2112, round_]).permutation(count)
        found += order[first : first + config.batch - len(found)].tolist()
    return found
