"""A run is a folder: what was asked, on what, with what versions, and everything it made.

    run.json            RunRecord
    metrics.jsonl       one StepResult a line, every step once
    data/train          token shards; data/held-out likewise
    checkpoints/step-…  each a model directory that can also be trained on

The folder is made whole, with the untrained model as its first checkpoint, before it gets its name:
a folder that exists can be resumed.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import msgspec
import torch

import glasshouse
from glasshouse.errors import InputError, RunError
from glasshouse.files import folder_atomically
from glasshouse.models import LanguageModel, Tokenizer
from glasshouse.provenance import source_commit, this_command, this_machine, versions
from glasshouse.training.checkpoint import (
    checkpoint_path,
    checkpoint_step,
    list_checkpoints,
    save_checkpoint,
    saving,
)
from glasshouse.training.config import TrainConfig
from glasshouse.training.decisions import Decisions, decide, training_device
from glasshouse.training.distributed import current_processes
from glasshouse.training.metrics import StepResult, read_metrics
from glasshouse.training.optimizer import make_optimizer
from glasshouse.training.shards import EncodedDocument, TokenShards, write_shards

FORMAT = 1

Rows = Literal["windows", "packed", "alone"]
"""Windows cut from documents end to end; whole documents, several a row; or one a row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """The content of run.json."""

    format: int
    """Version of the folder's layout."""
    kind: str
    """What is trained on: "text", "world", …"""
    created: str
    """UTC, ISO 8601."""
    command: list[str]
    """The command line that began the run."""
    config: TrainConfig
    """The run."""
    context: int
    """Tokens the model reads at once in training."""
    decisions: Decisions
    """What the config's `auto` came to on the machine that began the run."""
    recipe: dict[str, Any]
    """How the data and the model were made, in the words of whoever made them."""
    versions: dict[str, str]
    """Of glasshouse, Python, torch and numpy."""
    commit: str
    """Commit of glasshouse, `+changes` if it was edited; empty outside a checkout."""
    machine: dict[str, Any]
    """Processor, cores and accelerator."""
    rows: Rows = "windows"
    """How documents become training rows."""


@dataclass(frozen=True)
class Run:
    """A run folder that has been read and found sound."""

    folder: Path
    record: RunRecord

    @property
    def checkpoints(self) -> list[Path]:
        """Checkpoints, oldest first; at least one."""
        return list_checkpoints(self.folder)

    @property
    def newest_step(self) -> int:
        """Optimizer steps done at the newest checkpoint."""
        return checkpoint_step(self.checkpoints[-1])

    @property
    def is_finished(self) -> bool:
        """Whether the last step has been saved."""
        return self.newest_step >= self.record.config.steps

    @property
    def metrics_path(self) -> Path:
        """The file of step results."""
        return self.folder / "metrics.jsonl"

    def metrics(self) -> list[StepResult]:
        """Every step result written so far, in order."""
        return read_metrics(self.metrics_path)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """What turns the run's text into tokens."""
        return Tokenizer.load(self.checkpoints[-1])

    @cached_property
    def train_shards(self) -> TokenShards:
        """The documents trained on."""
        return TokenShards.open(self.folder / "data" / "train")

    @cached_property
    def held_out_shards(self) -> TokenShards:
        """The documents held out."""
        return TokenShards.open(self.folder / "data" / "held-out")


def start_run(
    folder: Path,
    *,
    model: LanguageModel,
    train: Iterable[EncodedDocument],
    held_out: Iterable[EncodedDocument],
    config: TrainConfig,
    context: int,
    kind: str,
    recipe: dict[str, Any],
    rows: Rows = "windows",
) -> Run:
    """Make a run folder, whole or not at all; `continue_run` then trains.

    Args:
        folder: Where; it must not exist, or be empty.
        model: The untrained model.
        train: Documents to train on.
        held_out: Documents to measure the loss on.
        config: The run.
        context: Tokens the model reads at once in training.
        kind: What is trained on, for readers of run.json.
        recipe: How data and model were made, for readers of run.json; JSON values.
        rows: How documents become training rows.

    Raises:
        InputError: If the folder is taken or there is not enough data.
        RunError: If the disk is full; no folder is left.
    """
    refuse_taken(folder)
    way_out = "nothing of it is left; mend that or choose another folder, and start again"
    with saving("the new run", folder, way_out=way_out), folder_atomically(folder) as draft:
        shards = write_shards(draft / "data" / "train", train)
        write_shards(draft / "data" / "held-out", held_out)
        optimizer = make_optimizer(model.network, config.optimizer)
        save_checkpoint(checkpoint_path(draft, 0), model, optimizer, step=0)
        tokens = config.steps * config.batch_size * context
        record = RunRecord(
            format=FORMAT,
            kind=kind,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=this_command(),
            config=config,
            context=context,
            decisions=decide(config, model.network, tokens=tokens, device=training_device()),
            recipe={**recipe, "train_tokens": shards.num_tokens},
            versions=versions(),
            commit=source_commit(),
            machine=_machine(),
            rows=rows,
        )
        (draft / "metrics.jsonl").touch()
        written = msgspec.json.format(msgspec.json.encode(record), indent=1)
        (draft / "run.json").write_bytes(written + b"\n")
    return open_run(folder)


def refuse_taken(folder: Path) -> None:
    """Refuse a folder that holds something already.

    Raises:
        InputError: If it does.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    way_out = "choose another folder"
    if (folder / "run.json").is_file():
        way_out = (
            f"resume that run with `glasshouse train --resume {quote(str(folder))}`, or {way_out}"
        )
    raise InputError(f"{folder} exists already; {way_out}")


def open_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        RunError: If it is missing, half-written, or of another version of the layout.
    """
    if not folder.is_dir():
        raise RunError(f"there is no run folder {folder}; list them with `ls runs`")
    path = folder / "run.json"
    try:
        written = path.read_bytes()
        found = msgspec.json.decode(written)
        if found["format"] != FORMAT:
            by = found.get("versions", {}).get("glasshouse", "another version")
            raise RunError(
                f"{folder} has run format {found['format']}, written by glasshouse {by}; "
                f"this is {glasshouse.__version__}, which reads format {FORMAT}"
            )
        record = msgspec.json.decode(written, type=RunRecord)
    except FileNotFoundError:
        raise RunError(f"{folder} is not a run folder: it has no run.json") from None
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is damaged or of another version: {error}") from error
    run = Run(folder, record)
    if not run.checkpoints:
        raise RunError(f"{folder} is half a run folder: it has no checkpoint; start the run again")
    if not run.metrics_path.is_file():
        raise RunError(f"{folder} is half a run folder: it has no metrics.jsonl")
    return run


@contextmanager
def way_back_named(run: Run) -> Iterator[None]:
    """Where the newest checkpoint is damaged, say how to go on from the one before it.

    Raises:
        RunError: With the way back after what is wrong, if there is an older checkpoint.
    """
    try:
        yield
    except RunError as error:
        *older, newest = run.checkpoints
        if not older:
            raise
        back = f"remove {newest} to go on from step {checkpoint_step(older[-1])}"
        raise RunError(f"{error}; {back}") from error


def list_runs(root: Path) -> list[Run]:
    """The sound runs directly inside a folder, oldest first."""
    found = []
    for path in sorted(root.glob("*/run.json")):
        try:
            found.append(open_run(path.parent))
        except RunError:
            continue
    return sorted(found, key=lambda run: run.record.created)


def _machine() -> dict[str, Any]:
    """The machine, with what only training asks for."""
    on_gpu = torch.cuda.is_available()
    return {
        **asdict(this_machine()),
        "accelerator": torch.cuda.get_device_name() if on_gpu else None,
        "processes": current_processes().count,
    }
