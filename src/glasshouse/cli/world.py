"""`glasshouse world`: look at the toy world and what is true in it."""

from typing import Annotated

import typer

from glasshouse.cli.console import data_console, json_line
from glasshouse.cli.options import AsJson, Seed

app = typer.Typer(
    help="Look at the toy world: its documents, with the truth beside them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Preset = Annotated[str, typer.Option(help="How large a world: nano, small or large.")]


@app.command()
def show(
    kind: Annotated[
        str | None,
        typer.Option(help="A kind of document, or a family such as dialogue; by default all."),
    ] = None,
    seed: Seed = 0,
    num: Annotated[
        int,
        typer.Option("-n", "--num", min=1, help="How many; of each kind, if no kind is named."),
    ] = 1,
    first: Annotated[int, typer.Option(min=0, help="The number of the first.")] = 0,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    preset: Preset = "small",
    json: AsJson = False,
) -> None:
    """Print documents with their truth beside them.

    [green]glasshouse world show --seed 0 --kind dialogue -n 5[/green]
    """
    from glasshouse.world import World

    world = World(seed, preset)
    kinds = list(world.kinds.values()) if kind is None else list(world.family(kind))
    total = num * len(kinds) if kind is None else num
    documents = (  # the kinds in turn, so that a family shows all its faces
        world.document(kinds[i % len(kinds)].name, first + i // len(kinds), split)
        for i in range(total)
    )
    if json:
        from glasshouse.cli.world_page import document_record

        for document in documents:
            json_line(document_record(world, document))
        return
    from glasshouse.cli.world_page import document_view

    console = data_console()
    for document in documents:
        console.print(document_view(world, document))


@app.command()
def kinds(preset: Preset = "small", json: AsJson = False) -> None:
    """List the kinds of document and their share of a base corpus."""
    from glasshouse.world import World

    listed = World(0, preset).kinds.values()
    if json:
        for kind in listed:
            json_line({"kind": kind.name, "share": kind.share, "summary": kind.summary})
        return
    from rich.table import Table

    total = sum(kind.share for kind in listed) or 1.0
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("kind", style="bold green", no_wrap=True)
    table.add_column("share", justify="right")
    table.add_column("what it is")
    for kind in listed:
        share = f"{kind.share / total:.1%}" if kind.share else "[dim]overlay[/]"
        table.add_row(kind.name, share, kind.summary)
    data_console().print(table)


@app.command()
def card(seed: Seed = 0, preset: Preset = "small", json: AsJson = False) -> None:
    """Show the card of a world: what is in it, and what training never sees."""
    from glasshouse.world import World

    facts = World(seed, preset).card()
    if json:
        json_line(facts)
        return
    from glasshouse.cli.world_page import card_view

    data_console().print(card_view(facts))
