"""`glasshouse run`: studies, to their table of claims and their report."""

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
from glasshouse.errors import InputError

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
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...",
            help="A study, or several for one page; `glasshouse studies` lists them.",
        ),
    ],
    preset: Annotated[str, typer.Option(help="How large: one of the study's presets.")] = "small",
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="Folder for the report; by default runs/NAME-seedN (NAME of the first).",
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
    """Run studies; write claims.json, report.html and figures/.

    The exit status is 0 when they ran, whatever their verdicts; honest negatives are results.

    [green]glasshouse run toy-superposition --seed 7 --out reports/superposition[/green]
    """
    started = datetime.now(UTC)
    from glasshouse.studies import study_card

    cards = [study_card(name) for name in names]
    _refuse_muddle(names, settings)
    out = out or Path("runs") / f"{names[0]}-seed{seed}"
    from glasshouse.cli.progress import progress_bar
    from glasshouse.report import check_destination, gather_provenance, write_report

    check_destination(out, names)
    results = []
    for card in cards:
        with progress_bar(card.title) as bar:
            results.append(
                run_study(
                    card.name,
                    preset=preset,
                    seed=seed,
                    settings=settings or (),
                    progress=bar,
                    out=out,
                )
            )
    command = shlex.join(
        ["glasshouse", "run", *names, "--preset", preset, "--seed", str(seed)]
        + [word for setting in settings or () for word in ("--set", setting)]
    )
    page = write_report(
        results,
        out,
        title="; ".join(card.title for card in cards),
        provenance=gather_provenance(command=command, started=started),
    )
    print_claims(results, json=json)
    talk(f"report: {shown_path(page)}")
    note_report(out, Notes(notebook, project))
    claims = [one for result in results for one in result.findings.claims]
    if strict and not all(one.verdict.is_at_least_trend for one in claims):
        raise typer.Exit(1)


def _refuse_muddle(names: Sequence[str], settings: Sequence[str] | None) -> None:
    """Refuse what would not be clear of several studies.

    Raises:
        InputError: If one is named twice, or `--set` does not say whose field it means.
    """
    if len(set(names)) < len(names):
        raise InputError(f"{' '.join(names)} names a study twice; name each once")
    if settings and len(names) > 1:
        raise InputError(
            f"--set {settings[0]} does not say whose field it is; change settings of one study at "
            "a time"
        )


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
