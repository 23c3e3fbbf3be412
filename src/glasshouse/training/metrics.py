"""What a step tells, and the file that remembers it: one JSON line a step, each step once."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from glasshouse.errors import RunError


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """One optimizer step."""

    step: int
    """Optimizer steps done, this one included."""
    loss: float
    """Mean training loss of the step's batch before its update, in nats per token."""
    lr: float
    """Learning rate of the step."""
    grad_norm: float
    """Global norm of the gradient before clipping."""
    tokens: int
    """Tokens trained on since the run began."""
    tokens_per_second: float
    """Of this step alone, measurements and saving left out; the only field that time changes."""
    held_out: dict[str, float] | None = None
    """Held-out loss in nats per token, overall ("all") and by kind, where it was measured."""


class MetricsFile:
    """Appends step results to `metrics.jsonl`.

    A line is handed to the operating system whole, at once, so a killed process loses none; `sync`
    brings the lines to the disk itself and is called before a checkpoint takes its name.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("ab", buffering=0)

    def append(self, result: StepResult) -> None:
        """Write one line.

        Raises:
            OSError: If the disk is full; what little of the line did fit is taken away again.
        """
        line = msgspec.json.encode(result) + b"\n"
        written = self._file.write(line)
        if written != len(line):
            # A disk that fills up takes a part of a line without complaint.
            self._file.truncate(os.fstat(self._file.fileno()).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self) -> None:
        """Return when every line is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; its lines stay."""
        self._file.close()


def best_held_out(results: Sequence[StepResult]) -> StepResult | None:
    """Return the step with the lowest held-out loss over all kinds; None if none was measured."""
    measured = [result for result in results if result.held_out is not None]
    return min(measured, key=lambda result: (result.held_out or {})["all"], default=None)


def read_metrics(path: Path) -> list[StepResult]:
    """Every whole line of a metrics file; a last line that was cut off is left out.

    Raises:
        RunError: If a line is not a step result, or steps do not count 1, 2, 3, …
    """
    results = []
    for number, line in enumerate(_whole_lines(path), start=1):
        try:
            result = msgspec.json.decode(line, type=StepResult)
        except msgspec.MsgspecError as error:
            raise RunError(f"{path}, line {number} is damaged: {error}") from None
        if result.step != number:
            raise RunError(f"{path}, line {number} is step {result.step}; lines were lost or added")
        results.append(result)
    return results


def cut_metrics(path: Path, step: int) -> None:
    """Leave the lines of steps 1 to `step`: what a run that resumes from there has not redone.

    Raises:
        RunError: If the file has fewer lines than that.
    """
    lines = _whole_lines(path)
    if len(lines) < step:
        raise RunError(
            f"{path} has {len(lines)} whole lines, but the newest checkpoint is of step {step}; "
            "the file was changed after the run wrote it"
        )
    with path.open("r+b") as file:
        file.truncate(sum(map(len, lines[:step])))


def _whole_lines(path: Path) -> list[bytes]:
    if not path.is_file():
        raise RunError(f"{path} is missing; the run folder is incomplete")
    lines = path.read_bytes().splitlines(keepends=True)
    return [line for line in lines if line.endswith(b"\n")]
