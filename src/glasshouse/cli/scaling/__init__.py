"""`glasshouse scaling`: how models grow.

fit         `scaling fit`: a law's numbers with intervals, from runs
sweep       `scaling sweep`: train the models of a plan (`costs`: what it will cost)
forecast    `scaling forecast`: the loss a budget reaches, and how to spend it
"""

import typer

from glasshouse.cli.scaling.fit import fit
from glasshouse.cli.scaling.forecast import forecast
from glasshouse.cli.scaling.sweep import sweep

app = typer.Typer(
    help="Train sweeps, fit scaling laws, and forecast large runs.", no_args_is_help=True
)
app.command("sweep")(sweep)
app.command("fit")(fit)
app.command("forecast")(forecast)

__all__ = ["app"]
