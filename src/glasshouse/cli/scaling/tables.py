"""What fits and forecasts say, as tables of the terminal and as JSON."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import table_console, talk
from glasshouse.cli.options import named_path

if TYPE_CHECKING:
    from glasshouse.scaling import Candidate, Comparison, Estimate, Sound
else:
    # all import scipy and torch, which `--help` has no time for
    Candidate = Comparison = Estimate = Sound = Any

RunsPath = Annotated[
    Path,
    typer.Argument(
        parser=named_path,
        metavar="RUNS",
        help="A .csv, .json or .jsonl with params, tokens and loss; a folder of run folders; or "
        "a sweep.",
    ),
]
Draws = Annotated[int, typer.Option(metavar="N", help="Bootstrap resamples behind intervals.")]


def estimate_plain(found: Estimate) -> dict[str, float | None]:
    """An estimate as JSON values; an end that is not bounded is null."""
    ends = {"value": found.value, "low": found.low, "high": found.high}
    return {name: end if math.isfinite(end) else None for name, end in ends.items()}


def candidate_plain(one: Candidate) -> dict[str, Any]:
    """A fitted form as JSON values."""
    from glasshouse.scaling import why_no_constant

    fit, tried = one.fit, one.extrapolation
    return {
        "law": fit.law.title,
        "source": fit.law.source,
        "runs": fit.num_runs,
        "aicc": one.aicc,
        "weight": one.weight,
        "log_r2": fit.log_r2,
        "spread": fit.spread,
        "estimates": {
            name: estimate_plain(found)
            for name, found in fit.estimates.items()
            if name != "E" or not why_no_constant(fit)
        },
        "no_constant_because": why_no_constant(fit),
        "ranges": {name: list(ends) for name, ends in fit.ranges.items()},
        "extrapolation": None
        if tried is None
        else {
            "median_error": tried.median_error,
            "covered": tried.covered,
            "fitted": tried.num_fitted,
            "held_out": tried.num_held_out,
            "factor": tried.factor,
        },
    }


def tell_left_out(sound: Sound) -> None:
    """Name runs that no fit uses, and count them."""
    if sentence := sound.excluded_sentence():
        talk(sentence)


def print_comparison(found: Comparison) -> None:
    """The forms in order of AIC, and the best one's numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("law", overflow="fold")
    for name in ("weight", "R² (log)", "error beyond", "covered"):
        table.add_column(name, justify="right")
    for one in found.candidates:
        tried = one.extrapolation
        table.add_row(
            one.fit.law.title,
            f"{one.weight:.2f}",
            f"{one.fit.log_r2:.4f}",
            "—" if tried is None else f"{tried.median_error:.2%}",
            "—" if tried is None else f"{tried.covered:.0%}",
        )
    table_console().print(table)
    table_console().print()
    table_console().print(numbers_table(found.best))


def numbers_table(one: Candidate):
    """Every number of a fitted form with its interval; a constant that is not known has none."""
    from rich.table import Table

    from glasshouse.scaling import why_no_constant

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("number", "value"):
        table.add_column(name)
    table.add_column(f"{one.fit.confidence:.0%} interval")
    for name, found in one.fit.estimates.items():
        if name == "E" and why_no_constant(one.fit):
            table.add_row(name, "not known", why_no_constant(one.fit))
        else:
            table.add_row(name, f"{found.value:.4g}", f"{found.low:.4g} to {found.high:.4g}")
    return table
