"""Supervised fine-tuning: a model learns to say what the assistant says in given dialogues.

The loss is the mean surprise at the tokens that replies hold, their ends with them, and at no
others. Dialogues share rows of the context without seeing each other where the network can part
them (`training.packing`). Training is an iterator; which dialogues a step sees is a function of the
seed and the step, so a run that was killed goes on as if nothing had been.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import nn

from glasshouse.align.talks.dialogues import Rendered
from glasshouse.align.talks.fitting import tokens_read
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer
from glasshouse.training import (
    CheckpointConfig,
    EncodedDocument,
    OptimizerConfig,
    Run,
    ScheduleConfig,
    StepResult,
    TrainConfig,
    continue_run,
    start_run,
    train,
)
from glasshouse.training.config import Compile, Precision
from glasshouse.training.held_out import document_loss
from glasshouse.training.loop import HeldOut, documents_of
from glasshouse.training.packing import DocumentRows, row_width

Packing = Literal["auto", "yes", "no"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SftConfig:
    """How a model is fine-tuned on dialogues."""

    epochs: int = 1
    """Times that each dialogue is seen."""
    batch_tokens: int = 2048
    """Tokens a step, padding included: rows of a batch times tokens of a row, at least one row."""
    context: int | None = None
    """Tokens of a row; None: as many as cost least, from the longest dialogue's to the model's
    context."""
    packing: Packing = "auto"
    """Whether dialogues share rows. `auto`: where the network can part them, as ours can."""
    accumulate: int = 1
    """Micro-batches that a step is cut into, to save memory."""
    seed: int = 0
    """Orders dialogues; names dropout."""
    precision: Precision = "auto"
    """Of the forward pass; weights are float32. `auto`: bf16 where it is built in."""
    compile: Compile = "auto"
    """Whether torch.compile is used. `auto`: where a run is long enough to earn it."""
    threads: int | None = None
    """Threads of one process on a CPU; None takes what torch would."""
    evaluate_every: int = 50
    """Steps between measurements of held-out loss, if dialogues are held out. 0: never."""
    schedule: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig(peak_lr=3e-4, warmup_steps=10)
    )
    """Learning rate, by step."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """AdamW and clipping."""
    checkpoints: CheckpointConfig = field(default_factory=CheckpointConfig)
    """How often a run with a folder is saved."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_tokens", "accumulate"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} must be at least 1")
        if self.context is not None and self.context < 2:
            raise InputError(f"context={self.context} must be at least 2")
        if self.packing not in ("auto", "yes", "no"):
            raise InputError(f"packing={self.packing!r} must be one of auto, yes, no")


@dataclass(frozen=True, kw_only=True, slots=True)
class SftStep:
    """One optimizer step."""

    step: int
    """Steps done, this one included."""
    loss: float
    """Mean surprise at a token of a reply before the update, in nats."""
    lr: float
    """Learning rate."""
    grad_norm: float
    """Norm of the gradient before clipping."""
    tokens: int
    """Tokens read since the run began, padding left out."""
    tokens_per_second: float
    """Of this step, padding left out."""
    held_out: float | None = None
    """The same loss on dialogues that are not learned from, where it was measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SftPlan:
    """What a config comes to for a model and its dialogues."""

    rows: DocumentRows
    """Dialogues in rows, and their order."""
    train: TrainConfig
    """The run."""

    @property
    def padding(self) -> float:
        """Share of rows' tokens that stand for nothing."""
        return self.rows.padding


def plan_sft(model: LanguageModel, rendered: Sequence[Rendered], config: SftConfig) -> SftPlan:
    """Settle rows and steps.

    Raises:
        InputError: If there is no dialogue, one has no reply or does not fit the context, or
            dialogues are to share rows of a network that cannot part them.
    """
    return _plan(model, rendered, config)


def _plan(
    model: LanguageModel,
    rendered: Sequence[Rendered],
    config: SftConfig,
    *,
    measured: Sequence[Rendered] = (),
) -> SftPlan:
    """The same, in rows that hold the dialogues that are only measured as well."""
    documents = _documents(rendered)
    longest = max((tokens_read(one) for one in measured), default=0)
    context, batch, is_packed = _shape(model, rendered, config, least=longest)
    rows = DocumentRows(
        documents, context=context, batch=batch, seed=config.seed, is_packed=is_packed
    )
    return SftPlan(rows=rows, train=_train_config(config, rows))


def train_sft(
    model: LanguageModel,
    rendered: Sequence[Rendered],
    config: SftConfig,
    *,
    held_out: Sequence[Rendered] | None = None,
) -> Generator[SftStep, None, None]:
    """Fine-tune a model in place; stopping early is `break`.

    Under `torchrun`, inside `joined_processes()`, every process calls this with the same arguments
    and trains on its share of every batch.

    Args:
        model: What is trained.
        rendered: Dialogues, each as long as the context at most (`fit_dialogues`).
        config: The run.
        held_out: Dialogues to measure on.

    Raises:
        InputError: As `plan_sft`; or if the loss is no longer a number: with the step.
    """
    plan = plan_sft(model, rendered, config)
    measure = _loss_on(plan_sft(model, held_out, config).rows) if held_out else None
    steps = train(model, plan.rows, plan.train, held_out=measure)
    return _sft_steps(model, steps, plan)


def start_sft_run(
    folder: Path,
    model: LanguageModel,
    rendered: Sequence[Rendered],
    held_out: Sequence[Rendered],
    config: SftConfig,
    *,
    recipe: dict[str, Any] | None = None,
) -> Run:
    """Make a run folder that `continue_sft` trains, and goes on with after whatever stopped it.

    Args:
        folder: Where; it must not exist, or be empty.
        model: What is trained.
        rendered: Dialogues to learn from.
        held_out: Dialogues to measure on; at least one.
        config: The run.
        recipe: Where model and dialogues come from, for readers of run.json; JSON values.

    Raises:
        InputError: As `plan_sft`; or if the folder is taken.
        RunError: If the disk is full; no folder is left.
    """
    plan = _plan(model, rendered, config, measured=held_out)
    return start_run(
        folder,
        model=model,
        train=_documents(rendered),
        held_out=_documents(held_out),
        config=plan.train,
        context=plan.rows.context,
        kind="dialogues",
        recipe={"dialogues": len(rendered), "padding": plan.padding, **(recipe or {})},
        rows="packed" if plan.rows.is_packed else "alone",
    )


def continue_sft(run: Run) -> Generator[SftStep, None, None]:
    """Train a run from its newest checkpoint to its last step; see `continue_run`.

    Raises:
        RunError: If the run's files are damaged or the disk is full.
        InputError: If it is a run of another kind.
    """
    if run.record.rows == "windows":
        raise InputError(f"{run.folder} was not made of dialogues; go on with `glasshouse train`")
    data, _ = documents_of(run)
    plan = SftPlan(rows=data, train=run.record.config)
    return _sft_steps(None, continue_run(run), plan)


def _sft_steps(
    model: LanguageModel | None, steps: Generator[StepResult, None, None], plan: SftPlan
) -> Generator[SftStep, None, None]:
    batch = plan.train.batch_size
    counted = batch * plan.rows(0, 1).inputs.shape[1]  # what `train` counts a step, padding too
    total: int | None = None
    try:
        with closing(steps):
            for result in steps:
                first = (result.step - 1) * batch
                before = plan.rows.tokens_read(0, first) if total is None else total
                own = plan.rows.tokens_read(first, batch)
                total = before + own
                yield SftStep(
                    step=result.step,
                    loss=result.loss,
                    lr=result.lr,
                    grad_norm=result.grad_norm,
                    tokens=total,
                    tokens_per_second=result.tokens_per_second * own / counted,
                    held_out=None if result.held_out is None else result.held_out["all"],
                )
    finally:
        if model is not None:
            model.network.eval()


def _loss_on(rows: DocumentRows) -> HeldOut:
    def measure(network: nn.Module) -> dict[str, float]:
        return {"all": document_loss(network, rows)}

    return measure


def _documents(rendered: Sequence[Rendered]) -> list[EncodedDocument]:
    found = []
    for number, one in enumerate(rendered, 1):
        if not any(one.is_reply[1:]):
            raise InputError(f"dialogue {number} has no reply to learn; leave it out")
        mask = np.array(one.is_reply)
        found.append(EncodedDocument(ids=np.array(one.ids), kind="dialogue", mask=mask))
    return found


def _shape(
    model: LanguageModel, rendered: Sequence[Rendered], config: SftConfig, *, least: int
) -> tuple[int, int, bool]:
    """Tokens of a row, rows of a batch, and whether dialogues share rows."""
    if not rendered:
        raise InputError("there are no dialogues to learn from")
    can_pack = isinstance(model.network, Transformer)
    if config.packing == "yes" and not can_pack:
        raise InputError(
            "packing='yes' needs a network that can part documents of a row; this one is computed "
            "by transformers, so leave packing at 'auto'"
        )
    is_packed = can_pack and config.packing != "no"
    limit = model.network.config.context
    context = limit if config.context is None else config.context
    if context > limit:
        raise InputError(f"context={context} is longer than the model's, which is {limit}")
    longest = max(least, max(tokens_read(one) for one in rendered))
    if longest > context:
        raise InputError(
            f"a dialogue has {longest} tokens and a row {context}; cut it with fit_dialogues"
        )
    if not is_packed:
        context = longest
    elif config.context is None:
        lengths = [*(tokens_read(one) for one in rendered), longest]
        context = row_width(lengths, limit, d_model=model.network.config.d_model)
    batch = max(1, config.batch_tokens // context // config.accumulate) * config.accumulate
    return context, batch, is_packed


def _train_config(config: SftConfig, rows: DocumentRows) -> TrainConfig:
    return TrainConfig(
        steps=config.epochs * rows.num_batches,
        batch_size=rows.batch,
        accumulate=config.accumulate,
        seed=config.seed,
        precision=config.precision,
        compile=config.compile,
        threads=config.threads,
        evaluate_every=config.evaluate_every,
        schedule=config.schedule,
        optimizer=config.optimizer,
        checkpoints=config.checkpoints,
    )
