"""`glasshouse diff`: what two runs have apart."""

from typing import Annotated, Any

import typer

from glasshouse.cli.console import json_line, table_console, talk
from glasshouse.cli.notebook import (
    DEFAULT_PROJECT,
    NotebookUrl,
    Project,
    named,
    open_to_read,
)
from glasshouse.cli.options import AsJson


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A run: its id, or its folder.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Show what two runs have apart: config, versions, curves and claims, side by side.

    What is the same is left out.

    [green]glasshouse diff 3f2a 9c41[/green]
    """
    with open_to_read(notebook, project) as opened:
        from glasshouse.notebook import Run
        from glasshouse.notebook.comparing import compare_runs
        from glasshouse.notebook.ids import SHOWN

        one, other = (named(opened, name, Run) for name in (first, second))
        found = compare_runs(opened, one, other)
        if json:
            for difference in found:
                json_line(difference)
            return
        if not found:
            talk(f"{one.id[:SHOWN]} and {other.id[:SHOWN]} are the same")
            return
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("")
        table.add_column(one.id[:SHOWN], overflow="fold")
        table.add_column(other.id[:SHOWN], overflow="fold")
        section = ""
        for difference in found:
            if difference.section != section:
                section = difference.section
                table.add_row(f"[bold]{section}[/]")
            table.add_row(
                f"  {escape(difference.name)}",
                escape(_words(difference.first)),
                escape(_words(difference.second)),
            )
        table_console().print(table)


def _words(value: Any) -> str:
    if value is None:
        return "—"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
