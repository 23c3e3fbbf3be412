"""`glasshouse scaling`: how models grow.

fit         `scaling fit`: a law's numbers with intervals, from runs
forecast    `scaling forecast`: the loss a budget reaches, and how to spend it
"""

import typer

from glasshouse.cli.scaling.fit import fit
from glasshouse.cli.scaling.forecast import forecast

app = typer.Typer(help="Fit scaling laws, and forecast large runs.", no_args_is_help=True)
app.command("fit")(fit)
app.command("forecast")(forecast)

__all__ = ["app"]
