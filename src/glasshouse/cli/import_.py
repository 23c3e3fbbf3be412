"""`glasshouse import`: folders of runs and reports, brought into the notebook."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Project
from glasshouse.cli.options import AsJson, named_path

if TYPE_CHECKING:
    from glasshouse.notebook.importing import Imported
else:
    Imported = Any


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            parser=named_path,
            metavar="PATH",
            help="A run folder, a sweep, a study's report, a look, or any folder around some.",
        ),
    ],
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Bring folders into the notebook: runs, sweeps, reports of studies, looks.

    Doing it again changes nothing and adds what has come since. The folders stay as they are.

    [green]glasshouse import runs[/green]
    """
    from glasshouse.notebook import Notebook
    from glasshouse.notebook.importing import import_path

    num_new = num_known = 0
    with Notebook.open(notebook, project) as opened:
        for path in paths:
            for one in import_path(opened, path):
                num_new += one.changed
                num_known += one.problem is None and not one.changed
                _tell(one, json=json)
    talk(f"{num_new} new or with more than before, {num_known} known already")


def _tell(one: Imported, *, json: bool) -> None:
    if json:
        json_line(one)
        return
    path = shown_path(Path(one.path))
    if one.problem is not None:
        talk(f"{path}: left out, {one.problem}")
        return
    parts = [(one.new_steps, "steps"), (one.new_trials, "trials")]
    more = ", ".join(f"{count} {what}" for count, what in parts if count)
    if one.is_new:
        what = f"new {one.kind}" + (f", {more}" if more else "")
    else:
        what = f"{more} more" if more else "known"
    data(f"{one.id}  {path}  {what}")
