"""What `glasshouse` offers, and its entry point.

Verbs import their rooms when they run, never before, so that `--help` answers at once.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import glasshouse
from glasshouse.cli import (
    align,
    diff,
    elo,
    evaluate,
    export,
    generate,
    import_,
    look,
    note,
    records,
    run,
    runs,
    scaling,
    show,
    studies,
    tour,
    train,
    world,
)
from glasshouse.cli.errors import report_errors

_EPILOG = """\
[bold]First steps[/bold]

[green]glasshouse tour[/green]  the whole house on one page, in a few minutes

[green]glasshouse world show --kind dialogue[/green]  documents with their truth beside them

[green]glasshouse train --text book.txt[/green]  grow a model on your own text

[green]glasshouse run toy-superposition[/green]  one paper, one table of claims

[dim]Each verb explains itself: glasshouse train --help[/dim]
"""

app = typer.Typer(
    name="glasshouse",
    help="Grow language models, look inside them, and find out what they hide, where the truth "
    "is known.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"glasshouse {glasshouse.__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _global_options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass


app.command("tour", rich_help_panel="Begin here")(tour.tour)
app.add_typer(world.app, name="world", rich_help_panel="Begin here")
app.command("train", rich_help_panel="Models")(train.train)
app.command("generate", rich_help_panel="Models")(generate.generate)
app.add_typer(look.app, name="look", rich_help_panel="Models")
app.add_typer(align.app, name="align", rich_help_panel="Models")
app.add_typer(scaling.app, name="scaling", rich_help_panel="Models")
app.command("elo", rich_help_panel="Models")(elo.elo)
app.add_typer(evaluate.app, name="evaluate", rich_help_panel="Models")
app.command("studies", rich_help_panel="Papers")(studies.studies)
app.command("run", rich_help_panel="Papers")(run.run)
app.command("runs", rich_help_panel="Notebook")(runs.runs)
app.command("show", rich_help_panel="Notebook")(show.show)
app.command("diff", rich_help_panel="Notebook")(diff.diff)
app.command("note", rich_help_panel="Notebook")(note.note)
app.command("export", rich_help_panel="Notebook")(export.export)
app.command("import", rich_help_panel="Notebook")(import_.import_)
app.add_typer(records.app, name="records", rich_help_panel="Notebook")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit status: the `glasshouse` command.

    Args:
        arguments: The words after `glasshouse`; None takes this process's.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    # torch's threads spin while they wait for each other, by default for so long that a busy
    # machine runs at a tenth of its speed. A tenth of the spinning costs nothing on a quiet one.
    # Read when torch is first imported; whoever has set it keeps their own.
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    # Captured graphs are kept, so that a second look at a model is there at once.
    os.environ.setdefault("GLASSHOUSE_CACHE", str(Path.home() / ".cache" / "glasshouse"))
    # Shells start the background jobs of scripts deaf to SIGINT; whoever sends it means it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(report_errors(lambda: app(words, prog_name="glasshouse", standalone_mode=False)))
