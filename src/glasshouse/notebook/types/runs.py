"""Runs, their curves and their checkpoints."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from glasshouse.records import Record


class RunStatus(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    """It writes, or it was killed and nobody has gone on with it."""
    STOPPED = "stopped"
    """It left a checkpoint before its last step."""
    FINISHED = "finished"


class Summary(msgspec.Struct, frozen=True):
    """A curve in five numbers; values that are no numbers count as steps and are left out else."""

    steps: int
    """How many values it has."""
    last: float | None
    """The newest."""
    least: float | None
    most: float | None
    last_step: int
    """The step of the newest value."""


class Run(Record, kw_only=True):
    """One piece of work: a training run, a study, a sweep, one of its trials."""

    id: str
    kind: str
    """What it does or is trained on: "text", "world", "study", "sweep", "trial", …"""
    started: datetime
    """When it began, with its time zone."""
    name: str = ""
    """What people call it: its folder's name, or its study's."""
    study: str = ""
    """The study that it is, or is part of."""
    preset: str = ""
    """The preset that its config began from."""
    parent: str | None = None
    """The run that it is part of, or goes on from."""
    status: RunStatus = RunStatus.RUNNING
    failure: str = ""
    """Why it has no result that counts: it diverged, or was lost. Empty where nobody found so."""
    seconds: float | None = None
    """Wall-clock time, where it is known."""
    seed: int | None = None
    command: str = ""
    """The command line that began it."""
    config: dict[str, Any] = {}
    """What was asked for, under the names that `--set` takes: `config.train.schedule.peak_lr`."""
    decisions: dict[str, Any] = {}
    """What the config's `auto` came to on its machine."""
    step: int = 0
    """Optimizer steps done."""
    steps: int | None = None
    """Optimizer steps asked for."""
    tokens: int | None = None
    """Tokens trained on."""
    loss: float | None = None
    """The newest training loss, in nats per token."""
    held_out: float | None = None
    """The newest held-out loss over all kinds, in nats per token."""
    metrics: dict[str, Summary] = {}
    """Every curve in short."""
    verdicts: dict[str, int] = {}
    """How many of its claims got each verdict."""
    versions: dict[str, str] = {}
    """Of Python, glasshouse and the libraries that do the numerics."""
    commit: str = ""
    """Of glasshouse, `+changes` if it was edited."""
    machine: dict[str, Any] = {}
    """Processor, cores, memory and accelerator."""
    path: str = ""
    """Its folder, absolute; the folder is the truth, and may have moved since."""
    tags: list[str] = []
    note: str = ""


class Metric(Record, kw_only=True):
    """A stretch of one curve of a run: some values with the steps they were measured at.

    Curves are kept in stretches because a value a step would cost its key and its row some fifty
    bytes and ten microseconds each; `notebook.curves` reads and writes them as curves.
    """

    run: str
    name: str
    """What is measured: "loss", "held_out/all"."""
    first_step: int
    """The step of the first value."""
    steps: list[int]
    """Ascending, each once."""
    values: list[float]
    """As many; not a number where that was measured."""


class Checkpoint(Record, kw_only=True):
    """A moment of a run that can be loaded. The weights are files; this says which, and where."""

    id: str
    run: str
    step: int
    path: str
    """The model directory, absolute."""
    weights: str = ""
    """Hash of its weight files, `sha256:` and 64 digits; empty where nobody has read them."""
    bytes: int = 0
    """Size of all its files."""
    created: datetime | None = None
    is_kept: bool = True
    """Whether the files were there when it was last looked at; old ones are removed."""
    loss: float | None = None
    """Training loss of its step, in nats per token."""
    held_out: float | None = None
    """Held-out loss of its step, where it was measured."""
    architecture: dict[str, Any] = {}
    """The model's config: layers, widths, family."""
    tags: list[str] = []
