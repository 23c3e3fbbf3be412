"""What the verbs of `look` share: the model, the texts that it is read on, and the value."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import talk
from glasshouse.cli.options import named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from glasshouse.interpret.texts import Texts
    from glasshouse.models import LanguageModel
else:
    # all import torch, which `--help` has no time for
    LanguageModel = Tensor = Texts = Any

Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="A run folder, run:NAME, a model directory, or a hub id."),
]
ValueName = Annotated[
    str,
    typer.Option(
        "--value",
        metavar="NAME",
        help="The value, as blocks.1.resid_post; `glasshouse look MODEL --names` lists them.",
    ),
]
TextPath = Annotated[
    Path | None,
    typer.Option(
        parser=named_path,
        metavar="PATH",
        help="A UTF-8 text, or a folder of them, to read; by default what the run was grown on.",
    ),
]


def least(lowest: int) -> Any:
    """A reader of whole numbers that are not lower."""

    def read(text: str | int) -> int:
        if not str(text).isdecimal() or int(text) < lowest:
            raise typer.BadParameter(f"{text!r} is not a whole number from {lowest}")
        return int(text)

    return read


HeldOutTokens = Annotated[
    int,
    typer.Option(
        "--tokens", parser=least(100), metavar="N", help="Held-out tokens to measure on, at most."
    ),
]


def open_subject(
    model: str, text: Path | None, *, tokens: int, value: str | None = None
) -> tuple[LanguageModel, Texts]:
    """Load a model and the texts that it is read on.

    Raises:
        InputError: If there is no such value, or no text.
    """
    from glasshouse.interpret.texts import texts_of, texts_of_file
    from glasshouse.models import LanguageModel

    loaded = LanguageModel.load(model)
    if value is not None:
        check_value(loaded, value)
    if text is not None:
        texts = texts_of_file(loaded, text, held_out_tokens=tokens)
    else:
        texts = texts_of(loaded, model, held_out_tokens=tokens)
    talk(f"reading {texts.origin}: {texts.held_out.numel():,} held-out tokens")
    return loaded, texts


def check_value(model: LanguageModel, value: str) -> None:
    """Refuse a value that has no row a token.

    Raises:
        InputError: If there is none of that name, or it has other axes.
    """
    axes = model.graph().value(value).axes
    if axes and axes[:2] != ("batch", "pos"):
        raise InputError(
            f"--value {value} has the axes {' '.join(axes)} and so no row a token; "
            "name one that begins with batch pos, such as blocks.0.resid_post"
        )


def check_rows(rows: Tensor, value: str) -> None:
    """Refuse what nothing can be learned from.

    Raises:
        InputError: If rows hold NaN or infinity, or are all equal.
    """
    if not bool(rows.isfinite().all()):
        raise InputError(
            f"{value} holds NaN or infinity on these texts; look for the run that made the weights"
        )
    if bool((rows == rows[0]).all()):
        raise InputError(f"{value} is the same on every token, so nothing can be read off it")
