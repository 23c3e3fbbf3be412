"""Curves as TensorBoard's event files."""

import time
from pathlib import Path
from typing import Any

from glasshouse.files import folder_atomically
from glasshouse.notebook.exporting.packages import needed
from glasshouse.notebook.exporting.parquet import refuse_taken
from glasshouse.notebook.exporting.selection import Selection
from glasshouse.notebook.ids import SHOWN
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Run


def export_tensorboard(notebook: Notebook, folder: Path, selection: Selection) -> dict[str, int]:
    """Write a folder with one of event files for each run that has curves; the values of each.

    Raises:
        InputError: If the folder is there and not empty, or tensorboard is missing.
        OSError: If it cannot be written; nothing is then left.
    """
    refuse_taken(folder, "--tensorboard")
    files = needed(
        "tensorboard.summary.writer.event_file_writer", package="tensorboard", what="--tensorboard"
    )
    counts: dict[str, int] = {}
    with folder_atomically(folder) as draft:
        for run in selection.chosen_runs(notebook):
            curves = notebook.curves(run.id)
            if not curves:
                continue
            name = f"{run.name or run.kind}-{run.id[:SHOWN]}"
            writer = files.EventFileWriter(str(draft / name))
            try:
                counts[name] = _write(writer, run, curves)
            finally:
                writer.close()
    return counts


def _write(writer: Any, run: Run, curves: dict[str, Any]) -> int:
    """Write the curves of one run; how many values."""
    events = needed("tensorboard.compat.proto.event_pb2", package="tensorboard", what="an event")
    summaries = needed(
        "tensorboard.compat.proto.summary_pb2", package="tensorboard", what="a value"
    )
    began, count = run.started.timestamp(), 0
    end = began + (run.seconds or max(0.0, time.time() - began))
    for name, curve in curves.items():
        span = max(1, curve.steps[-1])
        for step, value in zip(curve.steps, curve.values, strict=True):
            value_of = summaries.Summary.Value(tag=name, simple_value=value)
            scalar = summaries.Summary(value=[value_of])
            # When each step was is not kept; TensorBoard wants a time, so steps are spread evenly.
            at = began + (end - began) * step / span
            writer.add_event(events.Event(wall_time=at, step=step, summary=scalar))
            count += 1
    return count
