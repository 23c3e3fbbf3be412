"""`glasshouse show`: everything that the notebook knows of one thing."""

from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, table_console, talk
from glasshouse.cli.figures import loss_figure, short_figure, sparkline
from glasshouse.cli.listing import columns, listed_type, newest, row, said_of
from glasshouse.cli.notebook import (
    DEFAULT_PROJECT,
    NotebookUrl,
    Project,
    named,
    open_to_read,
)
from glasshouse.cli.options import AsJson

if TYPE_CHECKING:
    from glasshouse.notebook import Curve, Notebook, Run
else:
    Curve = Notebook = Run = Any

_WIDE = ("name", "claim", "threshold", "threshold_text", "turns", "title", "path", "explanation")
_WIDE += ("prompt", "subject", "model", "target")
"""Columns that may take several lines."""
_NUMBERS = ("step", "loss", "held out", "held_out", "measured", "last", "least", "at step", "most")
_NUMBERS += ("values", "score", "value", "number", "density", "success")
_HIDDEN = ("direction", "encoder", "sketch", "embedding", "token_ids", "logprobs")


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="An id's first digits, a run's folder or name; or a type to list.",
        ),
    ],
    num: Annotated[
        int, typer.Option("-n", "--num", min=0, help="Most records listed of a type; 0: all.")
    ] = 20,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Show a run with its config, curves, checkpoints and claims; or any other record.

    The name of a type lists its newest records: transcripts, findings, claims, checkpoints,
    features, attacks, comparisons, ratings.

    [green]glasshouse show 3f2a[/green]

    [green]glasshouse show transcripts[/green]
    """
    with open_to_read(notebook, project) as opened:
        from glasshouse.notebook import Run
        from glasshouse.notebook.exporting import as_json

        kind = listed_type(name)
        if kind is not None:
            _print_type(newest(opened, kind, num), kind, json=json)
            return
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
        checkpoints = list(notebook.query(mine.order_by(Checkpoint.step)))
        yield from checkpoints
        yield from claims_of(notebook, found)
        yield from notebook.query(Query(Run).where(Run.parent == found.id))
        yield from said_of(notebook, found, checkpoints)
        return
    if isinstance(found, Feature):
        examples = Query(ActivationExample).where(ActivationExample.feature == found.id)
        yield from notebook.query(examples.limit(5))
    yield from notebook.query(Query(Rating).where(Rating.of == found.id).limit(20))


def _print_run(notebook: Notebook, run: Run, belonging: Sequence[Any]) -> None:
    from glasshouse.notebook import Checkpoint, Claim, Finding, Transcript
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
                loss_figure(one.loss),
                loss_figure(one.held_out),
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
            (one.verdict, one.name, loss_figure(one.measured), one.threshold_text, one.claim)
            for one in belonging
            if isinstance(one, Claim)
        ],
    )
    _print_rows(
        "runs that are part of it",
        ("id", "kind", "name", "status", "loss", "held out"),
        [
            (
                one.id[:SHOWN],
                one.kind,
                one.name,
                "failed" if one.failure else one.status.value,
                loss_figure(one.loss),
                loss_figure(one.held_out),
            )
            for one in belonging
            if isinstance(one, RunType)
        ],
    )
    for title, kind in (("findings", Finding), ("newest transcripts", Transcript)):
        rows = [row(one) for one in belonging if isinstance(one, kind)]
        _print_rows(title, columns(kind), rows)


def _print_type(records: Sequence[Any], kind: type, *, json: bool) -> None:
    """The records of one type, a line each."""
    from glasshouse.notebook.exporting import as_json

    if json:
        for record in records:
            json_line(as_json(record))
    elif not records:
        talk(f"there is no {kind.__name__.lower()} yet")
    else:
        _print_rows("", columns(kind), [row(one) for one in records])


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
    if title:
        console.print(f"[bold]{title}[/]")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(
            heading.replace("_", " "),
            justify="right" if heading in _NUMBERS else "left",
            overflow="fold",
            no_wrap=heading not in _WIDE,
        )
    for cells in rows:
        table.add_row(*(escape(_words(value)) for value in cells))
    console.print(Padding(table, (0, 0, 0, 2 if title else 0), expand=False))


def _print_curves(notebook: Notebook, run: Run) -> None:
    rows = []
    for name, curve in notebook.curves(run.id).items():
        summary = curve.summary
        if summary is None:
            continue
        last, least, most = (
            short_figure(one) for one in (summary.last, summary.least, summary.most)
        )
        rows.append(
            (name, sparkline(curve.values), last, least, _least_step(curve), most, summary.steps)
        )
    _print_rows("curves", ("name", "", "last", "least", "at step", "most", "values"), rows)


def _least_step(curve: Curve) -> str:
    """The step at which a curve was lowest, the first of several."""
    known = [(v, step) for step, v in zip(curve.steps, curve.values, strict=True) if isfinite(v)]
    return str(min(known)[1]) if known else ""


def _words(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items())
    return short_figure(value) if isinstance(value, float) else str(value)
