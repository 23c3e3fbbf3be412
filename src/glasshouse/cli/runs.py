"""`glasshouse runs`: what the notebook knows of runs, as a table."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import json_line, table_console, talk
from glasshouse.cli.figures import ago, duration, loss_figure, sparkline
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Project, open_to_read
from glasshouse.cli.options import AsJson

if TYPE_CHECKING:
    from glasshouse.notebook import Notebook, Run
    from glasshouse.records import Query
else:
    Notebook = Query = Run = Any

_SILENT_SECONDS = 600.0
"""A run that has written nothing for so long may have been killed."""
_WIDE = 110
"""Columns of a terminal that has room for more about each run."""
_NUMBERS = ("step", "loss", "held out", "best", "took")
_COLOURS = {"finished": "green", "running": "cyan", "stopped": "yellow"}
_FAILED = "red"


def runs(
    where: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION",
            help="Only runs for which this is true, as \"study == 'rlhf' and loss < 2\".",
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(metavar="FIELD", help="Sort by this field; a minus before it turns it round."),
    ] = "-started",
    num: Annotated[int, typer.Option("-n", "--num", min=0, help="Most runs shown; 0: all.")] = 20,
    projects: Annotated[
        bool, typer.Option("--projects", help="List the notebook's projects, and stop.")
    ] = False,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """List the runs that the notebook remembers, the newest first.

    The trials of a sweep are listed where --where is given; without, only the sweep is.

    A condition compares fields of runs (kind, study, status, started, step, loss, held_out, seed,
    tags, …); config.NAME is a field of the config, metrics.NAME.least the lowest value of a curve.

    [green]glasshouse runs --where "config.d_model >= 64 and held_out < 2" --sort loss[/green]
    """
    with open_to_read(notebook, project) as opened:
        if projects:
            for name in opened.projects():
                json_line({"project": name}) if json else typer.echo(name)
            return
        found, has_more = _find(opened, where, sort, num)
        if json:
            from glasshouse.notebook.exporting import as_json

            for run in found:
                json_line(as_json(run))
        elif found:
            _print(opened, found)
            if any(_status(run) == "running?" for run in found):
                talk(
                    "running?: silent for ten minutes; `glasshouse import FOLDER` looks at it anew"
                )
        if not found:
            what = "no run like that" if where else "no run yet"
            talk(f"{what} in project {project!r} of {opened.database.engine.url}")
        if has_more:
            talk(f"there are more; see all with -n 0, or say --where (sorted by {sort})")


def _find(notebook: Notebook, where: str | None, sort: str, num: int) -> tuple[list[Run], bool]:
    """At most so many runs in order, and whether there are more; missing values come last."""
    from glasshouse.notebook import Run
    from glasshouse.records import Query, parse_where

    is_asked = Run.kind != "trial" if where is None else parse_where(where, Run)
    query = Query(Run).where(is_asked)
    found: list[Run] = []
    for part in _in_order(query, sort):
        wanted = part if num == 0 else part.limit(num + 1 - len(found))
        found += notebook.query(wanted)
        if num and len(found) > num:
            return found[:num], True
    return found, False


def _in_order(query: Query, sort: str) -> list[Query]:
    """Queries whose rows, one after another, are those of one in order, missing values last."""
    from glasshouse.notebook import Run
    from glasshouse.records import desc, is_none
    from glasshouse.records.query import parse_field

    field = parse_field(sort.removeprefix("-"), Run)
    there = query.where(~is_none(field))
    column = desc(field) if sort.startswith("-") else field
    return [there.order_by(column).sorted_in_memory(1_000_000), query.where(is_none(field))]


def _print(notebook: Notebook, found: list[Run]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from glasshouse.notebook.ids import SHOWN

    console = table_console()
    is_wide = console.width > _WIDE
    headings = ["id", "started", "kind", "name", "status", "step", "loss", "held out", "best"]
    headings += ["took", "loss curve", "tags"] if is_wide else []
    table = Table(box=None, pad_edge=False, padding=(0, 2 if is_wide else 1, 0, 0))
    for heading in headings:
        is_name = heading in ("kind", "name", "tags")
        table.add_column(
            heading,
            justify="right" if heading in _NUMBERS else "left",
            overflow="fold",
            no_wrap=not is_name,
            min_width=8 if heading in ("kind", "name") else None,
        )
    for run in found:
        cells = [f"[bold]{run.id[:SHOWN]}[/]", ago(run.started)]
        cells += [escape(run.study or run.kind), escape(run.name)]
        colour = _FAILED if run.failure else _COLOURS[run.status.value]
        cells += [f"[{colour}]{_status(run)}[/]", _steps(run)]
        cells += [loss_figure(run.loss), loss_figure(run.held_out), _best(run)]
        if is_wide:
            curve = sparkline(notebook.curve(run.id, "loss").values, 12)
            cells += [duration(run.seconds), curve, escape(", ".join(run.tags))]
        table.add_row(*cells)
    console.print(table)


def _best(run: Run) -> str:
    """The lowest held-out loss that it had."""
    summary = run.metrics.get("held_out/all")
    return "" if summary is None else loss_figure(summary.least)


def _steps(run: Run) -> str:
    """How far it is, or what a study's claims came to."""
    if run.verdicts:
        good = run.verdicts.get("reproduced", 0)
        return f"{good}/{sum(run.verdicts.values())} claims"
    if run.steps is None:
        return str(run.step) if run.step else ""
    return str(run.step) if run.step >= run.steps else f"{run.step}/{run.steps}"


def _status(run: Run) -> str:
    """Its status; with a question mark where its folder has long heard nothing of it.

    Whoever is killed cannot say so; `glasshouse import` of the folder settles it.
    """
    if run.failure:
        return "failed"
    if run.status != "running":
        return run.status.value
    try:
        silent = time.time() - (Path(run.path) / "metrics.jsonl").stat().st_mtime
    except OSError:
        return run.status.value
    return "running?" if silent > _SILENT_SECONDS else run.status.value
