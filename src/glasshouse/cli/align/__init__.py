"""`glasshouse align`: shape what a model prefers.

pm          `align pm`: a preference model from a file of comparisons
compare     `align compare`: how far a preference model agrees with comparisons
"""

import typer

from glasshouse.cli.align.compare import compare
from glasshouse.cli.align.pm import pm

app = typer.Typer(help="Shape what a model prefers.", no_args_is_help=True)
app.command("pm")(pm)
app.command("compare")(compare)

__all__ = ["app"]
