"""Runs from where they are kept: a table (.csv, .json, .jsonl), or a folder of run folders.

A table has a record a run: `params`, `tokens` and `loss`, and optionally `name`, `flops`, `steps`,
`batch_tokens`, `group` and, in JSON, `curve` (a list of `tokens` and `loss`). A record without a
loss is a missing run, to be counted; one without size or data is a mistake in the file.
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from glasshouse.errors import InputError, RunError
from glasshouse.models import LanguageModel, count_params
from glasshouse.scaling.records import SWEEP, sweep_runs
from glasshouse.scaling.runs import CurvePoint, Excluded, ScalingRun, Sound, sound_runs
from glasshouse.training import Run, open_run

_NUMBERS = ("params", "tokens", "loss", "flops", "steps", "batch_tokens")
_TEXTS = ("name", "group")
_NOT_A_LOSS = ("", "nan", "none", "null", "na", "n/a", "missing", "diverged", "-")


def read_runs(path: Path) -> Sound:
    """Read runs, and part the sound ones from the others.

    Args:
        path: A table, a sweep's folder, or a folder of run folders.

    Raises:
        InputError: If nothing is there, or the file is not what it should be.
    """
    if path.is_dir():
        return _read_folder(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"there is no file or folder {path}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; give a .csv, .json or .jsonl") from None
    records = _csv(path, text) if path.suffix.lower() == ".csv" else _json(path, text)
    if not records:
        raise InputError(f"{path} holds no run; give params, tokens and loss, a record a run")
    return sound_runs(run_of(record, f"{path}, record {n}", n) for n, record in records)


def run_of(record: Mapping[str, Any], where: str, number: int) -> ScalingRun:
    """A run from a record of a table.

    Args:
        record: Its fields.
        where: The place to name in a refusal.
        number: Of the record, for its name if it has none.

    Raises:
        InputError: If size or data are missing, or a field is not what it should be.
    """
    name = str(record.get("name") or f"run {number}")
    failure = str(record.get("failure") or "")
    numbers = {field: _number(record.get(field), field, where) for field in _NUMBERS}
    word = record.get("loss")
    if isinstance(word, str) and word.strip().lower() == "diverged":
        failure = failure or "diverged"
    for field in ("params", "tokens"):
        value = numbers[field]
        if value is None or not 0 < value < math.inf:
            raise InputError(f"{where}: {field}={record.get(field)!r} must be a positive number")
    loss = numbers["loss"]
    try:
        return ScalingRun(
            name=name,
            params=numbers["params"] or 0.0,
            tokens=numbers["tokens"] or 0.0,
            loss=math.nan if loss is None else loss,
            flops=numbers["flops"],
            steps=numbers["steps"],
            batch_tokens=numbers["batch_tokens"],
            group=str(record.get("group") or ""),
            curve=_curve(record.get("curve"), where),
            failure=failure,
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _csv(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    rows = csv.DictReader(text.splitlines(), skipinitialspace=True)
    header = [name.strip() for name in rows.fieldnames or ()]
    missing = [name for name in ("params", "tokens", "loss") if name not in header]
    if missing:
        raise InputError(
            f"{path} has no column {', '.join(missing)}; its header must name params, tokens and "
            f"loss, and may name {', '.join((*_NUMBERS[3:], *_TEXTS))}"
        )
    rows.fieldnames = header
    return [(number, row) for number, row in enumerate(rows, start=1)]


def _json(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    try:
        if path.suffix.lower() == ".jsonl":
            found = [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]
        else:
            found = msgspec.json.decode(text)
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    if isinstance(found, dict):
        found = found.get("runs")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{path} must hold a list of records with params, tokens and loss")
    return list(enumerate(found, start=1))


def _number(value: Any, field: str, where: str) -> float | None:
    """A number of a table; None for an empty cell."""
    if value is None:
        return None
    if isinstance(value, str) and value.strip().lower() in _NOT_A_LOSS:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InputError(f"{where}: {field}={value!r} must be a number")
    try:
        return float(value)
    except ValueError:
        raise InputError(f"{where}: {field}={value!r} must be a number") from None


def _curve(value: Any, where: str) -> tuple[CurvePoint, ...]:
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    try:
        points = msgspec.convert(value, type=list[CurvePoint])
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: curve must list tokens and loss: {error}") from None
    return tuple(sorted(points, key=lambda point: point.tokens))


def _read_folder(path: Path) -> Sound:
    """Runs of a sweep, or run folders directly inside a folder."""
    if (path / SWEEP).is_file():
        return sound_runs(sweep_runs(path))
    found: list[ScalingRun] = []
    excluded: list[Excluded] = []
    for folder in sorted(one.parent for one in path.glob("*/run.json")):
        try:
            found.append(_from_folder(folder))
        except RunError as error:
            excluded.append(Excluded(name=folder.name, reason=str(error)))
    if not found and not excluded:
        raise InputError(
            f"{path} holds no run folder and no sweep; give a folder of them, or a table"
        )
    return sound_runs(found, excluded)


def _from_folder(folder: Path) -> ScalingRun:
    """What a run folder says: its size, its data, and its held-out loss over time."""
    run = open_run(folder)
    config, context = run.record.config, run.record.context
    tokens_a_step = config.batch_size * context
    curve = tuple(
        CurvePoint(tokens=step.tokens, loss=step.held_out["all"])
        for step in run.metrics()
        if step.held_out is not None and "all" in step.held_out
    )
    failure = ""
    if not run.is_finished:
        failure = f"stopped at step {run.newest_step} of {config.steps}"
    elif not curve:
        failure = "no held-out loss was measured"
    return ScalingRun(
        name=folder.name,
        params=_params(run),
        tokens=config.steps * tokens_a_step,
        loss=curve[-1].loss if curve and not failure else math.nan,
        steps=config.steps,
        batch_tokens=tokens_a_step,
        curve=curve,
        failure=failure,
    )


def _params(run: Run) -> int:
    """N without embeddings, as scaling laws count it."""
    return count_params(LanguageModel.load(run.checkpoints[-1]).network)
