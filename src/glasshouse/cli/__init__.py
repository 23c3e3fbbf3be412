"""The command line: a thin face over the rooms, one file a verb.

app         what `glasshouse` offers; `main` is its entry point
world, train, generate, look, studies, run, tour     verbs that make something
runs, show, diff, export, import_, records           verbs that read and mend the notebook
notebook     the notebook behind them: it is never in the way
overrides   `--set a.b=value` on a config
errors      one sentence and an exit status for what a user can cause
progress    bars that hide when nobody is watching
console     where talk goes (standard error) and where data goes (standard output)
"""

from glasshouse.cli.app import main

__all__ = ["main"]
