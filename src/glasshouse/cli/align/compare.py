"""`glasshouse align compare`: how far a preference model agrees with comparisons."""

from pathlib import Path
from typing import Annotated

import typer

from glasshouse.cli.align.pairs import agreement_line, agreement_plain, fitting, read_pairs
from glasshouse.cli.console import data, json_line
from glasshouse.cli.options import AsJson, named_path


def compare(
    judge: Annotated[
        Path,
        typer.Argument(parser=named_path, metavar="PM", help="A folder of `align pm`."),
    ],
    pairs: Annotated[
        Path,
        typer.Option(parser=named_path, metavar="PATH", help="JSON lines of comparisons."),
    ],
    json: AsJson = False,
) -> None:
    """Score comparisons, and say how far a preference model agrees with them.

    With --json a line a comparison: its margin (positive where the first, or chosen, scores
    higher) and its label; then one with the whole.

    [green]glasshouse align compare pm --pairs test.jsonl[/green]
    """
    from glasshouse.align import agreement, load_preference_model

    model = load_preference_model(judge)
    comparisons = fitting(model, read_pairs(pairs), pairs)
    margins = model.margins(comparisons)
    found = agreement(margins, comparisons)
    if not json:
        data(agreement_line(found, str(pairs)))
        return
    for margin, one in zip(margins.tolist(), comparisons, strict=True):
        json_line({"margin": margin, "p_first": one.p_first})
    json_line(agreement_plain(found))
