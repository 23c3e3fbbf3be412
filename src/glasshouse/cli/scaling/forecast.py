"""`glasshouse scaling forecast`: the loss a budget reaches, and how to spend it."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.options import AsJson, Seed, named_path
from glasshouse.cli.scaling.tables import (
    Draws,
    RunsPath,
    candidate_plain,
    estimate_plain,
    tell_left_out,
)
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.scaling import FitConfig, Forecast
else:
    FitConfig = Forecast = Any  # what scaling imports, `--help` has no time for

_CARD = "scaling-forecast"


def forecast(
    runs: RunsPath,
    budget: Annotated[str, typer.Option(metavar="FLOP", help="Compute of the run to come: 1e18.")],
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named_path, metavar="PATH", help="Folder for a report with the figure."
        ),
    ] = None,
    draws: Draws = 400,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """From small runs: the loss of a large one with its interval, and what size and data to take.

    The loss is that of a fitted L(N, D) where sizes and data vary apart, else of L(C) through the
    runs that nothing cheaper beats. Sizes come from that law, from profiles of equal compute and
    from training curves, whichever the runs allow.

    [green]glasshouse scaling forecast runs.csv --budget 1e18 --out forecast[/green]
    """
    from glasshouse.scaling import FitConfig, read_runs
    from glasshouse.scaling import forecast as foretell

    started = datetime.now(UTC)
    compute = _flop(budget)
    if out is not None:
        from glasshouse.report import check_destination

        check_destination(out, [_CARD])
    sound = read_runs(runs)
    tell_left_out(sound)
    config = FitConfig(draws=draws, seed=seed)
    found = foretell(sound, compute, config)
    for warning in found.warnings:
        talk(f"beware: {warning}")
    if json:
        json_line(_plain(found))
    else:
        _print(found)
    if out is not None:
        command = ["glasshouse", "scaling", "forecast", str(runs), "--budget", budget]
        command += ["--draws", str(draws), "--seed", str(seed)]
        _report(found, config, seed, out, shlex.join(command), started)


def _flop(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"--budget {text!r} must be a number of FLOP, such as 1e18") from None
    if not 0 < value < float("inf"):
        raise InputError(f"--budget {text} must be a positive number of FLOP, such as 1e18")
    return value


def _plain(found: Forecast) -> dict[str, Any]:
    return {
        "budget": found.budget,
        "reach": found.reach,
        "loss": estimate_plain(found.loss),
        "params": None if found.params is None else estimate_plain(found.params),
        "tokens": None if found.tokens is None else estimate_plain(found.tokens),
        "laws": [candidate_plain(one) for one in found.basis.candidates],
        "approaches": [
            {
                "method": one.method,
                "source": one.source,
                "exponent": estimate_plain(one.params_exponent),
                "params": estimate_plain(one.params(found.budget)),
                "tokens": estimate_plain(one.tokens(found.budget)),
                "left_out": list(one.left_out),
            }
            for one in found.allocations
        ],
        "refused": dict(found.refused),
        "runs": len(found.runs),
        "excluded": {one.name: one.reason for one in found.excluded},
        "warnings": list(found.warnings),
    }


def _print(found: Forecast) -> None:
    loss = found.loss
    data(f"loss at {found.budget:.3g} FLOP: {loss.value:.4f} ({loss.low:.4f} to {loss.high:.4f})")
    if found.params is None or found.tokens is None:
        data("size and data: not shown by these runs")
    else:
        data(f"parameters: {found.params}")
        data(f"tokens: {found.tokens}")
    data(f"from {len(found.runs)} runs by {found.basis.best.fit.law.title}")
    for one in found.allocations:
        data(f"{one.method}: N ~ C^{one.params_exponent}, N {one.params(found.budget)}")
    for name, reason in found.refused:
        data(f"{name}: not possible: {reason}")


def _report(
    found: Forecast, config: FitConfig, seed: int, out: Path, command: str, started: datetime
) -> None:
    from glasshouse.cli.scaling.report import findings
    from glasshouse.report import gather_provenance, write_report
    from glasshouse.studies import StudyResult
    from glasshouse.studies.study import Paper, StudyCard

    card = StudyCard(
        name=_CARD,
        title="A forecast from small runs",
        paper=Paper(citation="no paper"),
        summary=f"What does a budget of {found.budget:.3g} FLOP buy?",
        presets={"given": "the runs that were given"},
        where="",
    )
    result = StudyResult(
        card=card, preset="given", seed=seed, config=config, findings=findings(found, config)
    )
    page = write_report(
        [result],
        out,
        title=card.title,
        provenance=gather_provenance(command=command, started=started),
    )
    talk(f"report: {shown_path(page)}")
