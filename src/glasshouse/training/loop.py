"""Training as an iterator: one typed result a step, and a checkpoint wherever it stops."""

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.training.batches import Batch, BatchSource, shuffled_windows
from glasshouse.training.checkpoint import (
    checkpoint_path,
    prune_checkpoints,
    remove_drafts,
    restore_checkpoint,
    save_checkpoint,
    saving,
)
from glasshouse.training.config import TrainConfig, is_log_spaced
from glasshouse.training.decisions import Decisions, decide, training_device
from glasshouse.training.distributed import Processes, current_processes
from glasshouse.training.held_out import document_loss, held_out_losses, to_device
from glasshouse.training.metrics import MetricsFile, StepResult, cut_metrics
from glasshouse.training.optimizer import make_optimizer, set_learning_rate
from glasshouse.training.packing import DocumentRows, shard_documents
from glasshouse.training.run_folder import Run, way_back_named
from glasshouse.training.schedule import learning_rate
from glasshouse.training.sharding import dealt_out, let_go
from glasshouse.training.shards import TokenShards
from glasshouse.training.steps import SummedLoss, accumulate_gradients, clip_gradients

_log = logging.getLogger(__name__)

HeldOut = Callable[[nn.Module], dict[str, float]]
"""Measures a network: held-out losses in nats per token by kind of document."""


def continue_run(run: Run) -> Generator[StepResult, None, None]:
    """Train a run from its newest checkpoint to its last step.

    Whatever stops it (the caller's `break`, Ctrl-C, `close()`), a checkpoint of the last whole step
    is left. Close the iterator, or use `contextlib.closing`, before reporting that.

    Raises:
        RunError: If the run's files are damaged or the disk is full.
        KeyboardInterrupt: On Ctrl-C, after the checkpoint.
    """
    record = run.record
    with way_back_named(run):
        model = LanguageModel.load(run.checkpoints[-1])
    if not current_processes().is_sharded:  # else blocks are moved one by one, as they are parted
        model.network.to(training_device())
    data, held_out = _windows_of(run) if record.rows == "windows" else documents_of(run)
    return train(model, data, record.config, held_out=held_out, run=run)


def _windows_of(run: Run) -> tuple[BatchSource, HeldOut]:
    context = run.record.context
    data = shuffled_windows(run.train_shards, context=context, seed=run.record.config.seed)

    def held_out(network: nn.Module) -> dict[str, float]:
        return held_out_losses(network, run.held_out_shards, context=context)

    return data, held_out


def documents_of(run: Run) -> tuple[DocumentRows, HeldOut]:
    """Training rows of a run on whole documents, and what measures it on those held out."""
    config = run.record.config

    def rows(shards: TokenShards) -> DocumentRows:
        return DocumentRows(
            shard_documents(shards),
            context=run.record.context,
            batch=config.batch_size,
            seed=config.seed,
            is_packed=run.record.rows == "packed",
        )

    measured = rows(run.held_out_shards)

    def held_out(network: nn.Module) -> dict[str, float]:
        return {"all": document_loss(network, measured)}

    return rows(run.train_shards), held_out


def train(
    model: LanguageModel | nn.Module,
    data: BatchSource,
    config: TrainConfig,
    *,
    held_out: HeldOut | None = None,
    run: Run | None = None,
) -> Generator[StepResult, None, None]:
    """Train a model in place, yielding the result of every step.

    Under `torchrun`, inside `joined_processes()`, every process calls this with the same arguments;
    each trains on its share of every batch, and the first one measures and writes. Inside
    `joined_processes(shard=True)` weights are dealt out too: all processes measure, and until the
    last step, or a stop that all come to together, the model has no weights of its own.

    Args:
        model: A language model, or any network from token ids to logits; trained on its device.
        data: Training windows, in the order they are trained on.
        config: The run.
        held_out: Measured every `config.evaluate_every` steps and after the last.
        run: Where metrics and checkpoints go, and what is resumed; None keeps nothing. It needs
            a LanguageModel.

    Raises:
        InputError: If the batch cannot be dealt out, nor the weights where they are to be, or the
            loss is no longer a number.
        RunError: If the run cannot be read or written.
    """
    if run is not None and not isinstance(model, LanguageModel):
        raise InputError("a run saves language models; wrap the network in LanguageModel")
    network = model.network if isinstance(model, LanguageModel) else model
    return _train(_Job(model, network, data, config, held_out, run, current_processes()))


@dataclass(frozen=True)
class _Job:
    """What every part of the loop reads."""

    model: LanguageModel | nn.Module
    network: nn.Module
    """What is trained: the model's network, or a twin that holds its share of the weights."""
    data: BatchSource
    config: TrainConfig
    held_out: HeldOut | None
    run: Run | None
    processes: Processes


def _train(job: _Job) -> Generator[StepResult, None, None]:
    decisions = _decisions(job)
    with dealt_out(job.network, job.processes) as trained:
        yield from _train_dealt_out(replace(job, network=trained), decisions)


def _train_dealt_out(job: _Job, decisions: Decisions) -> Generator[StepResult, None, None]:
    optimizer = make_optimizer(job.network, job.config.optimizer)
    keeper = _Keeper(job, optimizer)
    try:
        first_step = keeper.resume()
        if first_step >= job.config.steps:
            return
        job.network.train()
        with _threads(decisions.threads):
            advance = _advance(job, optimizer, decisions)
            for step in range(first_step, job.config.steps):
                with interrupts_held():
                    result = advance(step)
                    keeper.remember(result)
                    keeper.save_if_due()
                    if job.processes.is_sharded:  # so that Ctrl-C finds all at the same step
                        job.processes.wait()
                yield result
    except (KeyboardInterrupt, GeneratorExit):
        with interrupts_held():
            keeper.save_if_met()
        raise
    finally:
        keeper.close()


def _decisions(job: _Job) -> Decisions:
    if job.run is not None:
        return job.run.record.decisions
    windows = job.config.steps * job.config.batch_size
    context = job.data(0, 1).inputs.shape[1]
    device = training_device() if job.processes.is_sharded else None
    return decide(job.config, job.network, tokens=windows * context, device=device)


def _advance(
    job: _Job, optimizer: torch.optim.Optimizer, decisions: Decisions
) -> Callable[[int], StepResult]:
    """A function that does one optimizer step, given how many were done before."""
    config, processes = job.config, job.processes
    device = next(job.network.parameters()).device
    parameters = [p for p in job.network.parameters() if p.requires_grad]
    program = _program(job, decisions, device)
    context = job.data(0, 1).inputs.shape[1]

    def advance(step: int) -> StepResult:
        began = time.perf_counter()
        lr = learning_rate(config.schedule, step, config.steps)
        batches = [to_device(batch, device) for batch in _micro_batches(job, step)]
        optimizer.zero_grad(set_to_none=True)
        with step_randomness(config.seed, step, processes.rank, device):
            loss = accumulate_gradients(program, batches, processes)
        norm = clip_gradients(parameters, config.optimizer.clip_norm)
        loss, grad_norm = loss.item(), norm.item()
        _refuse_divergence(loss, step, lr)
        set_learning_rate(optimizer, lr)
        optimizer.step()
        tokens = config.batch_size * context
        result = StepResult(
            step=step + 1,
            loss=loss,
            lr=lr,
            grad_norm=grad_norm,
            tokens=(step + 1) * tokens,
            tokens_per_second=tokens / (time.perf_counter() - began),
        )
        return replace(result, held_out=_measured(job, step))

    return advance


def _measured(job: _Job, step: int) -> dict[str, float] | None:
    """Held-out losses, if this step and this process measure them."""
    every, done = job.config.evaluate_every, step + 1
    is_due = every and (done % every == 0 or done == job.config.steps)
    if (
        job.held_out is None
        or not is_due
        or not (job.processes.is_first or job.processes.is_sharded)
    ):
        return None
    measured = job.held_out(job.network)
    let_go(job.network)
    return measured if job.processes.is_first else None


def _micro_batches(job: _Job, step: int) -> list[Batch]:
    """This process's windows of a step: with its peers' they are the step's whole batch."""
    size = job.processes.share(job.config)
    first = step * job.config.batch_size + job.processes.rank * size * job.config.accumulate
    return [job.data(first + i * size, size) for i in range(job.config.accumulate)]


def _program(job: _Job, decisions: Decisions, device: torch.device) -> nn.Module:
    """The network with its loss: as it is, or compiled; shared out among several processes."""
    most = None
    if isinstance(job.data, DocumentRows):
        most = job.data.most_targets(job.processes.share(job.config))
    program: nn.Module = SummedLoss(job.network, decisions.precision, most_targets=most)
    if decisions.compiled and job.processes.is_sharded:
        _log.warning("training runs uncompiled, because its weights are dealt out")
    elif decisions.compiled:
        program = _compiled(
            program, to_device(job.data(0, job.processes.share(job.config)), device)
        )
    if job.processes.count > 1 and not job.processes.is_sharded:
        program = DistributedDataParallel(program)
    return program


def _compiled(program: nn.Module, example: Batch) -> nn.Module:
    """Compile forward and backward now, so that no step's time contains it; eager if that fails."""
    compiled = torch.compile(program, dynamic=False)
    assert isinstance(compiled, nn.Module)
    try:
        compiled(example.inputs, example.targets, example.mask, example.segments).backward()
    except Exception as error:
        # The compiler fails in many ways on machines we have not seen; none should stop a run.
        _log.warning("training runs uncompiled, because compiling failed: %s", error)
        return program
    return compiled


def _refuse_divergence(loss: float, step: int, lr: float) -> None:
    if not math.isfinite(loss):
        raise InputError(
            f"the loss is {loss} at step {step + 1} (learning rate {lr:g}): training has diverged; "
            "lower schedule.peak_lr or lengthen schedule.warmup_steps"
        )


@contextmanager
def step_randomness(seed: int, step: int, rank: int, device: torch.device) -> Iterator[None]:
    """Make the dropout of a step a function of seed, step and process, and leave no trace.

    Dropout layers read the global generator, which is why it is set here and put back after.
    """
    entropy = np.random.SeedSequence([0xD209, seed, step, rank]).generate_state(2, np.uint32)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(entropy[0]) << 31 | int(entropy[1]) >> 1)
        yield


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the body, so that no step or checkpoint is half done.

    Only the main thread may set signal handlers, and only it gets KeyboardInterrupt; elsewhere
    nothing is changed. Nor where Python has no handler to put back: at the end of the interpreter,
    when runs that nobody took to their end are closed.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    pressed: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if pressed:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Keeper:
    """Writes a run's metrics and checkpoints; without a run, or in a later process, nothing."""

    def __init__(self, job: _Job, optimizer: torch.optim.Optimizer) -> None:
        self._job = job
        self._optimizer = optimizer
        self._metrics: MetricsFile | None = None
        self._done = 0
        self._saved = 0

    def resume(self) -> int:
        """Bring network, optimizer and metrics to the newest checkpoint; returns its step."""
        run = self._job.run
        if run is None:
            return 0
        with way_back_named(run):
            self._done = restore_checkpoint(run.checkpoints[-1], self._job.network, self._optimizer)
        self._saved = self._done
        self._job.processes.wait()
        if self._job.processes.is_first:
            remove_drafts(run.folder)
            cut_metrics(run.metrics_path, self._done)
            self._metrics = MetricsFile(run.metrics_path)
        return self._done

    def remember(self, result: StepResult) -> None:
        """Write the line of a step that is done."""
        self._done = result.step
        if self._metrics is not None:
            with saving(f"the metrics of step {result.step}", self._folder):
                self._metrics.append(result)

    def save_if_due(self) -> None:
        """Save if the schedule of checkpoints says so."""
        kept = self._job.config.checkpoints
        is_due = self._done % kept.every == 0 or self._done == self._job.config.steps
        if is_due or (kept.log_spaced and is_log_spaced(self._done)):
            self.save()

    def save(self) -> None:
        """Save the last step done, unless it is saved."""
        model, processes = self._job.model, self._job.processes
        is_asked = processes.is_first or processes.is_sharded
        if self._job.run is None or self._saved == self._done or not is_asked:
            return
        assert isinstance(model, LanguageModel)
        if self._metrics is not None:
            with saving("the metrics", self._folder):
                self._metrics.sync()
        save_checkpoint(
            checkpoint_path(self._folder, self._done),
            model,
            self._optimizer,
            step=self._done,
            trained=self._job.network,
            processes=processes,
        )
        self._saved = self._done
        if processes.is_first:
            prune_checkpoints(self._folder, self._job.config.checkpoints)

    def save_if_met(self) -> None:
        """The same of a run that is stopped; not if processes stop at different steps."""
        processes = self._job.processes
        if processes.is_sharded and not processes.meet(f"stopped after step {self._done}"):
            _log.warning("stopped at different steps: the run goes on from its last checkpoint")
            return
        self.save()

    def close(self) -> None:
        """Close the metrics file."""
        if self._metrics is not None:
            self._metrics.close()

    @property
    def _folder(self) -> Path:
        assert self._job.run is not None
        return self._job.run.folder
