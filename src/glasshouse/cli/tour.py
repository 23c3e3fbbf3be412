"""`glasshouse tour`: the whole house on one page."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from glasshouse.cli.console import data, shown_path, talk
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import Seed, named_path
from glasshouse.cli.run import note_report, print_claims, run_study

STOPS = (("base-model", "tour"), ("toy-superposition", "tour"), ("induction-heads", "tour"))
"""The studies of the tour with their presets, in the order of the page."""


def tour(
    out: Annotated[
        Path,
        typer.Option(parser=named_path, metavar="PATH", help="Folder for the report."),
    ] = Path("runs/tour"),
    seed: Seed = 0,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
) -> None:
    """See the whole house on one page: grow a model in a known world, look inside, and shape it.

    Takes some minutes on two cores.

    [green]glasshouse tour --out runs/tour[/green]
    """
    started = datetime.now(UTC)
    from glasshouse.cli.progress import progress_bar
    from glasshouse.report import check_destination, gather_provenance, write_report
    from glasshouse.studies import study_card

    check_destination(out, [name for name, _ in STOPS])
    results = []
    for number, (name, preset) in enumerate(STOPS, start=1):
        title = study_card(name).title
        talk(f"{number} of {len(STOPS)}: {title}")
        with progress_bar(title) as bar:
            results.append(run_study(name, preset=preset, seed=seed, progress=bar, out=out))
    command = shlex.join(["glasshouse", "tour", "--seed", str(seed)])
    page = write_report(
        results,
        out,
        title="A tour of the house",
        provenance=gather_provenance(command=command, started=started),
    )
    print_claims(results, json=False)
    note_report(out, Notes(notebook, project))
    talk("The report is one file; open it in a browser:")
    data(shown_path(page))
