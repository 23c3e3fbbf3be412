"""`glasshouse show`: everything that the notebook knows of one thing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, table_console
from glasshouse.cli.notebook import (
    DEFAULT_PROJECT,
    NotebookUrl,
    Project,
    named,
    open_to_read,
)
from glasshouse.cli.options import AsJson

if TYPE_CHECKING:
    from glasshouse.notebook import Notebook, Run
else:
    Notebook = Run = Any

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 20
_HIDDEN = ("direction", "encoder", "sketch", "embedding", "token_ids", "logprobs")


def show(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="The first digits of an id, or a run's folder.")
    ],
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Show a run with its config, curves, checkpoints and claims; or any other record.

    [green]glasshouse show 3f2a[/green]
    """
    with open_to_read(notebook, project) as opened:
        from glasshouse.notebook import Run
        from glasshouse.notebook.exporting import as_json

        found = named(opened, name)
        belonging = list(_belonging(opened, found))
        if json:
            for record in (found, *belonging):
                json_line(as_json(record))
        elif isinstance(found, Run):
            _print_run(opened, found, belonging)
        else:
            _print_record(found)
            for record in belonging:
                data("")
                _print_record(record)


def _belonging(notebook: Notebook, found: Any) -> Iterator[Any]:
    """What is shown with a record."""
    from glasshouse.notebook import ActivationExample, Checkpoint, Feature, Rating, Run
    from glasshouse.notebook.comparing import claims_of
    from glasshouse.records import Query

    if isinstance(found, Run):
        mine = Query(Checkpoint).where(Checkpoint.run == found.id)
        yield from notebook.query(mine.order_by(Checkpoint.step))
        yield from claims_of(notebook, found)
        yield from notebook.query(Query(Run).where(Run.parent == found.id))
        return
    if isinstance(found, Feature):
        examples = Query(ActivationExample).where(ActivationExample.feature == found.id)
        yield from notebook.query(examples.limit(5))
    yield from notebook.query(Query(Rating).where(Rating.of == found.id).limit(20))


def _print_run(notebook: Notebook, run: Run, belonging: Sequence[Any]) -> None:
    from glasshouse.notebook import Checkpoint, Claim
    from glasshouse.notebook import Run as RunType
    from glasshouse.notebook.comparing import flat
    from glasshouse.notebook.ids import SHOWN

    _print_record(run, without=("config", "decisions", "versions", "machine", "metrics"))
    sections = (
        ("config", run.config),
        ("decisions", run.decisions),
        ("versions", run.versions),
        ("machine", run.machine),
    )
    for title, values in sections:
        _print_values(title, flat(values))
    _print_curves(notebook, run)
    checkpoints = [one for one in belonging if isinstance(one, Checkpoint)]
    _print_rows(
        "checkpoints",
        ("step", "id", "loss", "held out", "weights", "folder"),
        [
            (
                one.step,
                one.id[:SHOWN],
                _number(one.loss),
                _number(one.held_out),
                one.weights[:15],
                Path(one.path).name if one.is_kept else "removed",
            )
            for one in checkpoints
        ],
    )
    _print_rows(
        "claims",
        ("verdict", "name", "measured", "threshold", "claim"),
        [
            (one.verdict, one.name, _number(one.measured), one.threshold_text, one.claim)
            for one in belonging
            if isinstance(one, Claim)
        ],
    )
    _print_rows(
        "runs that are part of it",
        ("id", "kind", "name", "status", "loss"),
        [
            (one.id[:SHOWN], one.kind, one.name, one.status.value, _number(one.loss))
            for one in belonging
            if isinstance(one, RunType)
        ],
    )


def _print_record(record: Any, *, without: Sequence[str] = ()) -> None:
    """The fields of a record that hold something."""
    import msgspec

    values: dict[str, Any] = {}
    for name, value in msgspec.to_builtins(record, builtin_types=(bytes,)).items():
        if name in without or value in (None, "", [], {}) or (name == "step" and not value):
            continue
        values[name] = f"{len(value)} values" if name in _HIDDEN else value
    if "turns" in values:
        turns = values.pop("turns")
        values |= {f"{place}. {turn['role']}": turn["text"] for place, turn in enumerate(turns, 1)}
    kind = type(record).__name__
    _print_values(kind.lower() if kind != "ActivationExample" else "activations", values)


def _print_values(title: str, values: dict[str, Any]) -> None:
    if not values:
        return
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table

    console = table_console()
    console.print(f"[bold]{title}[/]")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(escape(name), escape(_words(value)))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _print_rows(title: str, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if not rows:
        return
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table

    console = table_console()
    console.print(f"[bold]{title}[/]")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        is_wide = heading in ("name", "claim", "threshold")
        table.add_column(heading, overflow="fold", no_wrap=not is_wide)
    for row in rows:
        table.add_row(*(escape(_words(value)) for value in row))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _print_curves(notebook: Notebook, run: Run) -> None:
    rows = []
    for name, curve in notebook.curves(run.id).items():
        summary = curve.summary
        if summary is None:
            continue
        ends = [_short(one) for one in (summary.last, summary.least, summary.most)]
        rows.append((name, sparkline(curve.values), *ends, summary.steps))
    _print_rows("curves", ("name", "", "last", "least", "most", "values"), rows)


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """A curve in one line of bars, each the mean of some values; gaps where none is a number."""
    import math

    count = min(width, len(values))
    parts = [
        values[len(values) * at // count : len(values) * (at + 1) // count] for at in range(count)
    ]
    finite = [[one for one in part if math.isfinite(one)] for part in parts]
    means = [sum(part) / len(part) if part else None for part in finite]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    step = (high - low) / (len(_BARS) - 1) or 1.0
    return "".join(" " if one is None else _BARS[round((one - low) / step)] for one in means)


def _words(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items())
    return _short(value) if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"
