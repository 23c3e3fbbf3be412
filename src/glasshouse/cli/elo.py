"""`glasshouse elo`: strengths of players from a file of who beat whom."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import json_line, table_console
from glasshouse.cli.options import AsJson, Seed, named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.align import Standings
else:
    Standings = Any  # what align imports, `--help` has no time for


def elo(
    file: Annotated[
        Path,
        typer.Argument(
            parser=named_path, metavar="FILE", help="JSON lines or .csv of who beat whom."
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(help="Player whose rating is set to 0; by default the mean is."),
    ] = None,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Rate players by everybody's duels at once; 400 points are odds of ten to one.

    A record has `winner` and `loser`; or `first_by`, `second_by` and `p_first` (1 if the first won,
    0.5 for a draw), as collected comparisons have. `weight` counts a record as so many.

    [green]glasshouse elo duels.csv --against base[/green]
    """
    import numpy as np

    from glasshouse.align import read_duels, standings

    found = standings(read_duels(file), rng=np.random.default_rng(seed))
    rows = _rows(found, against)
    if json:
        for row in rows:
            json_line(row)
        return
    _print(rows)


def _rows(found: Standings, against: str | None) -> list[dict[str, Any]]:
    """One a player, the strongest first.

    Raises:
        InputError: If nobody is called what the rating is to be counted from.
    """
    fitted = found.elo
    if against is not None and against not in fitted.players:
        raise InputError(f"--against {against!r} must be one of {', '.join(fitted.players)}")
    zero = 0.0 if against is None else float(fitted.ratings[fitted.players.index(against)])
    rows = [
        {
            "player": name,
            "elo": float(fitted.ratings[place]) - zero,
            "low": float(fitted.low[place]) - zero,
            "high": float(fitted.high[place]) - zero,
            "duels": float(found.wins[place].sum() + found.wins[:, place].sum()),
            "win_rate": float(
                found.wins[place].sum() / (found.wins[place].sum() + found.wins[:, place].sum())
            ),
        }
        for place, name in enumerate(fitted.players)
    ]
    return sorted(rows, key=lambda row: -row["elo"])


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("player")
    for name in ("elo", "95% interval", "duels", "won"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row["player"],
            f"{row['elo']:.0f}",
            f"{row['low']:.0f} to {row['high']:.0f}",
            f"{row['duels']:g}",
            f"{row['win_rate']:.1%}",
        )
    table_console().print(table)
