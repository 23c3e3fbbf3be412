"""A run folder in the notebook: the run and its curves.

The files are read here by what they hold, not through the room that wrote them, so that importing
needs no torch.
"""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from glasshouse.errors import RunError
from glasshouse.notebook.curves import (
    Curve,
    by_curve,
    cut_curves,
    delete_curves,
    write_curves,
)
from glasshouse.notebook.ids import derived_id
from glasshouse.notebook.importing.checkpoints import (
    checkpoint_folders,
    checkpoint_step,
    import_checkpoints,
)
from glasshouse.notebook.importing.reading import read_json, read_time
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Run, RunStatus, Summary

_VALUES = 50_000
"""Of a curve that are written by one transaction."""


class _RunFile(msgspec.Struct):
    """What run.json says, as far as the notebook wants to know."""

    kind: str
    created: str
    config: dict[str, Any]
    command: list[str] = []
    context: int | None = None
    decisions: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    versions: dict[str, str] = {}
    commit: str = ""
    machine: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class RunImport:
    """What importing a run folder did."""

    run: Run
    is_new: bool
    new_steps: int
    """Steps that the notebook did not have, or had otherwise."""


def run_id_of(folder: Path) -> str | None:
    """The id of the run that a folder holds; None if it holds none.

    It is made of run.json, which is written once: wherever the folder goes, the run is the same.
    """
    try:
        return derived_id("run", (folder / "run.json").read_bytes())
    except OSError:
        return None


def import_run(
    notebook: Notebook,
    folder: Path,
    *,
    parent: Run | None = None,
    status: RunStatus | None = None,
    up_to: int | None = None,
) -> RunImport:
    """Bring a run into the notebook, or what it has there up to date.

    Args:
        notebook: Where to.
        folder: Of the run.
        parent: The run that it is part of.
        status: What to say of it; without, whether its last step is saved.
        up_to: The step from which it is about to go on: later ones will be done anew.

    Raises:
        RunError: If the folder is not a run's, or is damaged.
    """
    file, run_id = read_json(folder / "run.json", _RunFile), run_id_of(folder)
    assert run_id is not None
    curves = _read_metrics(folder / "metrics.jsonl", up_to)
    known = notebook.load(Run, run_id)
    run = _run_record(run_id, folder, file, curves, parent or known)
    run.status = status or _status(folder, run)
    if parent is not None:
        run.parent, run.study, run.preset = parent.id, parent.study, parent.preset
    if known is not None:
        run.tags, run.note = known.tags, known.note
    new_steps = _bring_curves(notebook, run_id, curves)
    if run != known:
        notebook.add(run)
    import_checkpoints(notebook, folder, run_id, curves)
    return RunImport(run, known is None, new_steps)


def _bring_curves(notebook: Notebook, run: str, curves: Mapping[str, Curve]) -> int:
    """Make the notebook's curves those of the folder; how many steps that changed."""
    newest = max((curve.steps[-1] for curve in curves.values()), default=0)
    notebook.run(lambda store: cut_curves(store, run, newest))
    held = notebook.curves(run)
    behind = {name: _behind(held.get(name), curve) for name, curve in curves.items()}
    if any(curve is None for curve in behind.values()) or held.keys() - curves.keys():
        notebook.run(lambda store: delete_curves(store, run))
        behind = dict(curves)
    added = {name: curve for name, curve in behind.items() if curve is not None and len(curve)}
    for name, curve in added.items():
        for begin in range(0, len(curve), _VALUES):
            end = begin + _VALUES
            part = {name: Curve(curve.steps[begin:end], curve.values[begin:end])}
            notebook.run(lambda store, part=part: write_curves(store, run, part))
    return len({step for curve in added.values() for step in curve.steps})


def _behind(held: Curve | None, curve: Curve) -> Curve | None:
    """What a curve has behind what is held; None if what is held is no beginning of it."""
    if held is None:
        return curve
    there = len(held)
    if held.steps != curve.steps[:there] or not _same(held.values, curve.values[:there]):
        return None
    return Curve(curve.steps[there:], curve.values[there:])


def _same(some: list[float], others: list[float]) -> bool:
    """Whether values are the same, what is no number included."""
    if some == others:
        return True
    pairs = zip(some, others, strict=False)
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)


def _read_metrics(path: Path, up_to: int | None) -> dict[str, Curve]:
    """The curves in a metrics file; a last line that was cut off is left out.

    Raises:
        RunError: If it is missing, or a line is damaged.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError:
        raise RunError(f"{path} is missing; the run folder is incomplete") from None
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    steps = []
    for number, line in enumerate(lines[:up_to], start=1):
        if not line.endswith(b"\n"):
            break
        try:
            values = decode(line)
            step = values.pop("step")
        except (msgspec.MsgspecError, KeyError) as error:
            raise RunError(f"{path}, line {number} is damaged: {error}") from None
        if step != number:
            raise RunError(f"{path}, line {number} is step {step}; lines were lost or added")
        steps.append((step, values))
    return by_curve(steps)


def _run_record(
    run_id: str, folder: Path, file: _RunFile, curves: Mapping[str, Curve], like: Run | None
) -> Run:
    config = {**file.recipe, "train": file.config}
    if file.context is not None:
        config["context"] = file.context
    steps = file.config.get("steps")
    seed = file.config.get("seed")
    run = Run(
        id=run_id,
        kind=file.kind,
        started=read_time(file.created, folder / "run.json"),
        name=folder.resolve().name,
        study="" if like is None else like.study,
        preset="" if like is None else like.preset,
        parent=None if like is None else like.parent,
        seed=seed if isinstance(seed, int) else None,
        command=shlex.join(file.command),
        config=config,
        decisions=file.decisions,
        steps=steps if isinstance(steps, int) else None,
        versions=file.versions,
        commit=file.commit,
        machine=file.machine,
        path=str(folder.resolve()),
    )
    summaries = {name: one.summary for name, one in curves.items() if one.summary is not None}
    put_measured(run, summaries)
    run.seconds = _seconds(curves.get("tokens"), curves.get("tokens_per_second"))
    return run


def put_measured(run: Run, summaries: dict[str, Summary]) -> None:
    """Put into a run's record what its curves say in short."""
    run.metrics = summaries
    if (loss := summaries.get("loss")) is not None:
        run.loss, run.step = loss.last, loss.last_step
    if (held_out := summaries.get("held_out/all")) is not None:
        run.held_out = held_out.last
    if (tokens := summaries.get("tokens")) is not None and tokens.last is not None:
        run.tokens = int(tokens.last)


def _seconds(tokens: Curve | None, speed: Curve | None) -> float | None:
    """Time that the steps took, by the tokens and the speed of each."""
    if tokens is None or speed is None or len(speed) != len(tokens):
        return None
    total, before = 0.0, 0.0
    for done, per_second in zip(tokens.values, speed.values, strict=True):
        total += (done - before) / per_second if per_second > 0 else 0.0
        before = done
    return round(total, 3)


def _status(folder: Path, run: Run) -> RunStatus:
    saved = max(map(checkpoint_step, checkpoint_folders(folder)), default=0)
    is_done = run.steps is not None and saved >= run.steps
    return RunStatus.FINISHED if is_done else RunStatus.STOPPED
