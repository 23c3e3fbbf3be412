"""Options that several verbs share, so that they read the same everywhere."""

from typing import Annotated

import typer


def whole_number(text: str | int) -> int:
    """Read a whole number from 0; typer passes an option's default through here as well."""
    if not str(text).isdecimal():
        raise typer.BadParameter(f"{text!r} is not a whole number from 0")
    return int(text)


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
AsJson = Annotated[bool, typer.Option("--json", help="One JSON record per line.")]
