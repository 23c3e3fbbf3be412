"""`glasshouse runs`: what the notebook knows of runs, as a table."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import json_line, table_console, talk
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Project, open_to_read
from glasshouse.cli.options import AsJson

if TYPE_CHECKING:
    from glasshouse.notebook import Notebook, Run
    from glasshouse.records import Query
else:
    Notebook = Query = Run = Any

_COLOURS = {"finished": "green", "running": "cyan", "stopped": "yellow"}


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
            _print(found)
        if not found:
            what = "no run like that" if where else "no run yet"
            talk(f"{what} in project {project!r} of {opened.database.engine.url}")
        if has_more:
            talk(f"there are more; see all with -n 0, or say --where (sorted by {sort})")


def _find(notebook: Notebook, where: str | None, sort: str, num: int) -> tuple[list[Run], bool]:
    """At most so many runs in order, and whether there are more; missing values come last."""
    from glasshouse.notebook import Run
    from glasshouse.records import Query, parse_where

    query = Query(Run) if where is None else Query(Run).where(parse_where(where, Run))
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


def _print(found: list[Run]) -> None:
    from rich.table import Table

    from glasshouse.notebook.ids import SHOWN

    console = table_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2 if console.width > 100 else 1, 0, 0))
    for heading in ("id", "started", "kind", "name", "status", "step", "loss", "held out"):
        is_number, is_name = heading in ("step", "loss", "held out"), heading in ("kind", "name")
        table.add_column(
            heading,
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=not is_name,
            min_width=8 if is_name else None,
        )
    for run in found:
        status = run.status.value
        table.add_row(
            f"[bold]{run.id[:SHOWN]}[/]",
            _when(run.started),
            run.study or run.kind,
            run.name,
            f"[{_COLOURS[status]}]{status}[/]",
            _steps(run),
            _number(run.loss),
            _number(run.held_out),
        )
    console.print(table)


def _when(time: datetime) -> str:
    """A time as its reader's clock shows it; without the year while it lasts."""
    local = time.astimezone()
    this_year = local.year == datetime.now().year
    return local.strftime("%m-%d %H:%M" if this_year else "%Y-%m-%d")


def _steps(run: Run) -> str:
    """How far it is, or what a study's claims came to."""
    if run.verdicts:
        good = run.verdicts.get("reproduced", 0)
        return f"{good}/{sum(run.verdicts.values())} claims"
    if run.steps is None:
        return str(run.step) if run.step else ""
    return str(run.step) if run.step >= run.steps else f"{run.step}/{run.steps}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
