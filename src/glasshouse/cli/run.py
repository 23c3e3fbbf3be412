"""`glasshouse run`: one study, to its table of claims and its report."""

import shlex
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, data_console, json_line, shown_path, talk
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, Seed, Settings, named_path
from glasshouse.cli.overrides import apply_overrides

if TYPE_CHECKING:
    from glasshouse.studies import Progress, StudyResult
else:
    Progress = StudyResult = Any

_COLOURS = {
    "reproduced": "green",
    "trend": "yellow",
    "not-seen": "white",
    "contradicted": "red",
    "out-of-scale": "magenta",
}


def run(
    name: Annotated[str, typer.Argument(help="A study; `glasshouse studies` lists them.")],
    preset: Annotated[str, typer.Option(help="How large: one of the study's presets.")] = "small",
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="Folder for the report; by default runs/NAME-seedN.",
        ),
    ] = None,
    settings: Settings = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if any verdict is below `trend`.")
    ] = False,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Run a study; write claims.json, report.html and figures/.

    The exit status is 0 when the study ran, whatever its verdicts; honest negatives are results.

    [green]glasshouse run toy-superposition --seed 7 --out reports/superposition[/green]
    """
    started = datetime.now(UTC)
    from glasshouse.studies import study_card

    card = study_card(name)
    out = out or Path("runs") / f"{name}-seed{seed}"
    from glasshouse.cli.progress import progress_bar
    from glasshouse.report import check_destination, gather_provenance, write_report

    check_destination(out, [name])
    with progress_bar(card.title) as bar:
        result = run_study(
            name, preset=preset, seed=seed, settings=settings or (), progress=bar, out=out
        )
        bar(1, 1, "writing the report")
        command = shlex.join(
            ["glasshouse", "run", name, "--preset", preset, "--seed", str(seed)]
            + [word for setting in settings or () for word in ("--set", setting)]
        )
        page = write_report(
            [result],
            out,
            title=card.title,
            provenance=gather_provenance(command=command, started=started),
        )
    print_claims([result], json=json)
    talk(f"report: {shown_path(page)}")
    note_report(out, Notes(notebook, project))
    if strict and not all(one.verdict.is_at_least_trend for one in result.findings.claims):
        raise typer.Exit(1)


def run_study(
    name: str,
    *,
    preset: str,
    seed: int,
    settings: Sequence[str] = (),
    progress: Progress,
    out: Path,
) -> StudyResult:
    """Run one study from its name, with what the command line changed in its config.

    What the study keeps besides its findings, such as the runs it trained, goes to `out/runs`.
    """
    from glasshouse.report import WORKSPACE
    from glasshouse.studies import StudyResult, load_study, preset_config

    study = load_study(name)
    config = apply_overrides(preset_config(study, preset), settings)
    began = time.perf_counter()
    findings = study.run(config, seed=seed, progress=progress, workspace=out / WORKSPACE)
    return StudyResult(
        card=study.card,
        preset=preset,
        seed=seed,
        config=config,
        findings=findings,
        seconds=time.perf_counter() - began,
    )


def note_report(out: Path, notes: Notes) -> None:
    """Bring a report, with the runs in its workspace, into the notebook."""
    from glasshouse.notebook.importing import import_path

    notes.write(
        lambda opened: list(import_path(opened, out)),
        instead=f"`glasshouse import {shown_path(out)}` brings the report in later",
    )


def print_claims(results: list[StudyResult], *, json: bool) -> None:
    """Print the table of claims, or one claim per line as JSON."""
    if json:
        for result in results:
            for entry in result.claims_as_json():
                json_line(entry)
        return
    if not any(result.findings.claims for result in results):
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("verdict", "claim", "measured", "threshold"):
        table.add_column(heading, overflow="fold")
    for result in results:
        for one in result.findings.claims:
            verdict = one.verdict.value
            table.add_row(
                f"[{_COLOURS[verdict]}]{verdict}[/]",
                one.claim.claim,
                one.evidence.text,
                one.claim.threshold_text,
            )
    data_console().print(table)
    data("")
