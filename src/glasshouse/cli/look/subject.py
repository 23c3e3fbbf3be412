"""What the verbs of `look` share: the model, the texts that it is read on, and the value."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import talk
from glasshouse.cli.options import named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from glasshouse.interpret.dictionaries import Dictionary
    from glasshouse.interpret.texts import Texts
    from glasshouse.models import LanguageModel
else:
    # all import torch, which `--help` has no time for
    Dictionary = LanguageModel = Tensor = Texts = Any

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
    model: str,
    text: Path | None,
    *,
    tokens: int,
    value: str | None = None,
    coder: tuple[Dictionary, str, Path] | None = None,
) -> tuple[LanguageModel, Texts]:
    """Load a model and the texts that it is read on.

    Args:
        model: As the user named it.
        text: What to read; None: what the run was grown on.
        tokens: Held-out tokens, at most.
        value: One that will be read.
        coder: A dictionary that must fit, the value that it encodes, and its folder.

    Raises:
        InputError: If there is no such value, a dictionary does not fit it, or there is no text.
    """
    from glasshouse.models import LanguageModel

    loaded = LanguageModel.load(model)
    if value is not None:
        check_value(loaded, value)
    if coder is not None:
        check_fits(loaded, *coder)
    return loaded, texts_for(loaded, model, text, tokens=tokens)


def texts_for(model: LanguageModel, where: str, text: Path | None, *, tokens: int) -> Texts:
    """The texts that a model is read on.

    Raises:
        InputError: If there is none.
    """
    from glasshouse.interpret.texts import texts_of, texts_of_file

    if text is not None:
        texts = texts_of_file(model, text, held_out_tokens=tokens)
    else:
        texts = texts_of(model, where, held_out_tokens=tokens)
    talk(f"reading {texts.origin}: {texts.held_out.numel():,} held-out tokens")
    return texts


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


def load_fitting(folder: Path, value: str | None) -> tuple[Dictionary, str]:
    """A dictionary, and the name of the value that it encodes.

    Raises:
        RunError: If the folder holds none.
        InputError: If it was made for another value, or says none and none is given.
    """
    from glasshouse.interpret.dictionaries import load_dictionary

    coder = load_dictionary(folder)
    made_for = coder.config.value
    if value is not None and made_for and value != made_for:
        raise InputError(f"{folder} was made for {made_for}, not for {value}; name that value")
    name = value or made_for
    if not name:
        raise InputError(f"{folder} does not say what value it encodes; give --value NAME")
    if not coder.config.is_autoencoder:
        raise InputError(f"{folder} rebuilds another value than it reads; give an autoencoder")
    return coder, name


def check_fits(model: LanguageModel, coder: Dictionary, value: str, folder: Path) -> None:
    """Refuse a dictionary that reads values of another width.

    Raises:
        InputError: If it does, or there is no such value.
    """
    check_value(model, value)
    sizes = [size for size in model.graph().value(value).shape[2:] if isinstance(size, int)]
    width = math.prod(sizes)
    if width != coder.config.d_in:
        raise InputError(
            f"{folder} reads values of width {coder.config.d_in}, and {value} has width {width}; "
            "name the model and the value that it was learned from"
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
