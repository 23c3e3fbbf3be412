"""Options that several verbs share, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

LARGEST_SEED = 2**63 - 1
"""What every random generator takes; torch's refuses more."""


def whole_number(text: str | int) -> int:
    """Read a seed; typer passes an option's default through here as well."""
    if not str(text).isdecimal():
        raise typer.BadParameter(f"{text!r} is not a whole number from 0")
    if int(text) > LARGEST_SEED:
        raise typer.BadParameter(f"{text} is not below 2**63")
    return int(text)


def named_path(text: str | Path) -> Path:
    """Read a path; an empty one would mean the current folder, which nobody asks for so."""
    if not str(text):
        raise typer.BadParameter("the path is empty")
    return Path(text)


Seed = Annotated[
    int,
    typer.Option(
        parser=whole_number,
        metavar="N",
        help="Whole number that everything random is drawn from.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Change a field of the config, as train.peak_lr=1e-3; may be given again.",
    ),
]
Shard = Annotated[
    bool,
    typer.Option(
        "--shard",
        help="Under torchrun: deal out weights, gradients and moments among processes, not batches "
        "alone.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON record per line.")]
