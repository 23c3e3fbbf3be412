"""`glasshouse align`: shape what a model prefers.

pm          `align pm`: a preference model from a file of comparisons
sft         `align sft`: a model fine-tuned on dialogues
dpo         `align dpo`: a policy taught by comparisons
rl          `align rl`: a policy rewarded by a preference model
cai         `align cai`: revisions by principles, and comparisons that a model labels
merge       `align merge`: adapters worked into the model that they belong to
compare     `align compare`: how far a preference model agrees with comparisons
"""

import typer

from glasshouse.cli.align.cai import cai
from glasshouse.cli.align.compare import compare
from glasshouse.cli.align.dpo import dpo
from glasshouse.cli.align.merge import merge
from glasshouse.cli.align.pm import pm
from glasshouse.cli.align.rl import rl
from glasshouse.cli.align.sft import sft

app = typer.Typer(help="Shape what a model prefers.", no_args_is_help=True)
app.command("sft")(sft)
app.command("pm")(pm)
app.command("dpo")(dpo)
app.command("rl")(rl)
app.command("cai")(cai)
app.command("merge")(merge)
app.command("compare")(compare)

__all__ = ["app"]
