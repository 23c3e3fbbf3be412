"""Files of dialogues as `align sft` takes them: read, parted, and made to fit; all told."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.cli.align.left_out import kept_lines
from glasshouse.cli.console import talk
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.align import Dialogue, Layout, Rendered
else:
    # all import torch, which `--help` has no time for
    Dialogue = Layout = Rendered = Any

_HELD_OUT_EVERY = 20
"""Of how many dialogues one is left out of training, to be measured on."""


def read_dialogues(paths: list[Path]) -> list[Dialogue]:
    """Every dialogue of some files; what is none is told, with its line.

    Raises:
        InputError: If a file cannot be read, or holds none.
    """
    from glasshouse.align import split_dialogues

    return [one for path in paths for one in kept_lines(path, split_dialogues(path))]


def parted(
    dialogues: list[Dialogue], held_out: list[Dialogue] | None
) -> tuple[list[Dialogue], list[Dialogue]]:
    """What is learned from, and what is measured on; none stands in both.

    Raises:
        InputError: If too few are there to be parted, or nothing is left to learn from.
    """
    is_given = held_out is not None
    if held_out is None:
        different = list(dict.fromkeys(dialogues))
        if len(different) < 2:
            raise InputError("one dialogue cannot be parted; give more, or --held-out")
        held_out = different[::_HELD_OUT_EVERY]
    measured = set(held_out)
    learned = [one for one in dialogues if one not in measured]
    if not learned:
        raise InputError("every dialogue is held out as well; nothing is left to learn from")
    if is_given and len(learned) < len(dialogues):
        talk(f"{len(dialogues) - len(learned)} dialogues are held out, and not learned from")
    return learned, held_out


def fitted(
    dialogues: list[Dialogue], layout: Layout, *, context: int, too_long: str, what: str
) -> list[Rendered]:
    """Dialogues as tokens; those that lost turns or were left out are counted and told.

    Raises:
        InputError: If none is left.
    """
    from glasshouse.align import fit_dialogues

    if too_long not in ("cut", "skip", "refuse"):
        raise InputError(f"--too-long {too_long!r} must be one of cut, skip, refuse")
    found = fit_dialogues(dialogues, layout, context=context, too_long=too_long)
    fates = [
        (found.cut, "lost their oldest turns"),
        (found.too_long, "are left out, being too long"),
        (found.without_reply, "are left out, as the assistant says nothing in them"),
    ]
    for count, fate in fates:
        if count:
            talk(
                f"{what}: {count} of {len(dialogues)} dialogues {fate} (the context holds "
                f"{context} tokens)"
            )
    if not found.rendered:
        raise InputError(
            f"{what}: no dialogue fits the context of {context} tokens; take a model with a "
            "longer one"
        )
    return found.rendered
