"""`glasshouse scaling fit`: a law's numbers with intervals, from runs."""

from typing import Annotated

import typer

from glasshouse.cli.console import json_line, talk
from glasshouse.cli.options import AsJson, Seed
from glasshouse.cli.scaling.tables import (
    Draws,
    RunsPath,
    candidate_plain,
    print_comparison,
    tell_left_out,
)
from glasshouse.errors import InputError

_CONSTANTS = ("auto", "yes", "no")


def fit(
    runs: RunsPath,
    law: Annotated[
        str,
        typer.Option(
            metavar="LAW",
            help="N, D, C, ND, ND-kaplan or NS: what the loss depends on; NS, of whole curves.",
        ),
    ] = "N",
    constant: Annotated[
        str,
        typer.Option(
            metavar="WHICH",
            help="auto: with and without an irreducible loss, ranked; yes: with one, refused where "
            "the runs do not show it; no: without.",
        ),
    ] = "auto",
    draws: Draws = 400,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Fit a scaling law, with an interval on every number.

    Huber's loss in log space, several starts, a bootstrap over runs. Forms are ranked by AIC;
    "error beyond" is what the form errs by on runs of more than an eighth of the largest compute
    when it is fitted on the others.

    [green]glasshouse scaling fit runs.csv --law ND[/green]
    """
    from glasshouse.scaling import (
        FitConfig,
        compare_laws,
        curve_runs,
        irreducible_loss,
        named_law,
        read_runs,
        without_constant,
    )

    if constant not in _CONSTANTS:
        raise InputError(f"--constant {constant!r} must be one of {', '.join(_CONSTANTS)}")
    form = named_law(law)
    sound = read_runs(runs)
    tell_left_out(sound)
    forms = {"auto": [form, without_constant(form)], "yes": [form], "no": [without_constant(form)]}
    moments = curve_runs(sound.runs) if law == "NS" else sound.runs
    found = compare_laws(forms[constant], moments, FitConfig(draws=draws, seed=seed))
    if constant == "yes":
        irreducible_loss(found.best.fit)  # refuses where it is not known
    for title, reason in found.refused:
        talk(f"{title}: {reason}")
    if json:
        for one in found.candidates:
            json_line(candidate_plain(one))
        return
    print_comparison(found)
