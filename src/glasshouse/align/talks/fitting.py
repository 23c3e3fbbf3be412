"""Dialogues as a model with a limited context can read them: the oldest turns left out, or none."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from glasshouse.align.talks.dialogues import Dialogue, Layout, Rendered
from glasshouse.errors import InputError

TooLong = Literal["cut", "skip", "refuse"]
"""What becomes of a dialogue longer than the context: it loses its oldest turns, is left out, or
stops everything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """Dialogues as token ids that fit a context, and what it cost."""

    rendered: list[Rendered]
    """Those that can be learned from, in their order."""
    cut: int
    """How many of them lost turns."""
    too_long: int
    """Dialogues left out because they are too long, even in their last turns if they may be cut."""
    without_reply: int
    """Dialogues left out because the assistant says nothing in them."""


def fit_dialogues(
    dialogues: Iterable[Dialogue],
    layout: Layout,
    *,
    context: int,
    too_long: TooLong = "cut",
) -> Fitted:
    """Write dialogues for a model, each as much of it as fits.

    Whole turns go, the oldest first; a system's turn stays, and a human's comes first behind it. A
    human's last turn that has no reply is left out, as nothing is learned from it.

    Args:
        dialogues: Whole turns.
        layout: How they are written.
        context: Tokens that the model reads at once.
        too_long: What becomes of those that do not fit.

    Raises:
        InputError: If the layout has no place for a dialogue, or one is too long and is to be
            refused: with its number.
    """
    rendered: list[Rendered] = []
    cut = left_out = without_reply = 0
    for number, dialogue in enumerate(dialogues, 1):
        dialogue = _upto_last_reply(dialogue)
        if not dialogue:
            without_reply += 1
            continue
        try:
            whole = layout(dialogue)
            fits = whole if tokens_read(whole) <= context else None
            if fits is None and too_long == "cut":
                fits = _cut(dialogue, layout, context)
        except InputError as error:
            raise InputError(f"dialogue {number}: {error}") from None
        if fits is not None:
            rendered.append(fits)
            cut += fits is not whole
        elif too_long == "refuse":
            raise InputError(
                f"dialogue {number} has {tokens_read(whole)} tokens and the context holds "
                f"{context}; cut or skip what is too long, or take a model with a longer context"
            )
        else:
            left_out += 1
    return Fitted(rendered=rendered, cut=cut, too_long=left_out, without_reply=without_reply)


def tokens_read(rendered: Rendered) -> int:
    """Tokens before the last one that a reply holds: what must be read to predict all of them."""
    return max((place for place, own in enumerate(rendered.is_reply) if own), default=0)


def _upto_last_reply(dialogue: Dialogue) -> Dialogue:
    while dialogue and dialogue[-1].role != "assistant":
        dialogue = dialogue[:-1]
    return dialogue


def _cut(dialogue: Dialogue, layout: Layout, context: int) -> Rendered | None:
    """The dialogue from the earliest human turn on from where it fits; None if there is none."""
    system = dialogue[:1] if dialogue[0].role == "system" else ()
    for start in range(len(system) + 1, len(dialogue) - 1):
        if dialogue[start].role == "human":
            found = layout((*system, *dialogue[start:]))
            if tokens_read(found) <= context:
                return found
    return None
