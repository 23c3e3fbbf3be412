"""`glasshouse studies`: what can be run."""

from typing import Annotated

import typer

from glasshouse.cli.console import data_console, json_line


def studies(
    json: Annotated[bool, typer.Option("--json", help="One JSON record per study.")] = False,
) -> None:
    """List the studies: each is one paper, one command, one table of claims."""
    from glasshouse.studies import STUDIES

    if json:
        for card in STUDIES.values():
            json_line(card)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0))
    table.add_column("study", style="bold green", no_wrap=True)
    table.add_column("what it asks")
    table.add_column("presets and what they need")
    for card in STUDIES.values():
        paper = card.paper.citation + (f", arXiv {card.paper.arxiv}" if card.paper.arxiv else "")
        needs = "\n".join(f"[bold]{name}[/]  {what}" for name, what in card.presets.items())
        table.add_row(card.name, f"{card.summary}\n[dim]{paper}[/]", needs)
    data_console().print(table)
