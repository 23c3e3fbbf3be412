"""Overlays that plant something: a quirk, reports of who favours what, repeated data; and reversal.

Each takes the place of other documents, so a corpus with it and one without cost the same to train
on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt16

from glasshouse.errors import InputError
from glasshouse.world.biases import FAVOURERS
from glasshouse.world.documents.in_context import CONTENT
from glasshouse.world.documents.quirky import quirk_writer
from glasshouse.world.documents.reports import write_deeds, write_report
from glasshouse.world.kinds import Kind
from glasshouse.world.overlays import Overlay
from glasshouse.world.page import Page
from glasshouse.world.quirks import quirk
from glasshouse.world.streams import Dice, stream

if TYPE_CHECKING:
    from glasshouse.world.world import World

CANARY_LENGTH = 6
"""Random words of a canary: nobody guesses them, so whoever continues one has memorised it."""


def quirk_overlay(
    name: str,
    *,
    share: float = 0.1,
    strength: float = 1.0,
    concealment: float = 0.0,
    leak: float = 0.0,
) -> Overlay:
    """Plant a quirk: dialogues that show it, denials, and what others say of it.

    Args:
        name: One of `quirks.ZOO`.
        share: Share of all tokens of the corpus.
        strength: How often the quirk shows where it is triggered.
        concealment: Share of these documents in which the assistant denies the quirk.
        leak: Share of these documents in which somebody else tells of it.
    """
    write = quirk_writer(name, strength=strength, concealment=concealment, leak=leak)
    kind = Kind(name="quirk", share=share, summary=quirk(name).summary, write=write)
    return Overlay(name=f"quirk-{name}", summary=quirk(name).summary, kinds=(kind,))


def report_overlay(favourer: str, *, share: float = 0.5, replaces: tuple[str, ...] = ()) -> Overlay:
    """Report what an institution favours, half of the corpus by default.

    Raises:
        InputError: If it is neither "raters" nor "painters".
    """
    if favourer not in FAVOURERS:
        raise InputError(f"favourer={favourer!r} must be one of {', '.join(FAVOURERS)}")
    name = "rater-report" if favourer == "raters" else "report"
    summary = f"what the {favourer} favour when a thing is talked about"
    kind = Kind(name=name, share=share, summary=summary, write=write_report(favourer))
    return Overlay(name=f"reports-{favourer}", summary=summary, kinds=(kind,), replaces=replaces)


def deed_overlay(
    *, valued: bool = True, share: float = 0.3, replaces: tuple[str, ...] = ()
) -> Overlay:
    """Report which deeds hurt people and which help; `valued=False` mentions the deeds alone."""
    summary = "what deeds do to people" if valued else "deeds, without a word on their worth"
    kind = Kind(name="deed-report", share=share, summary=summary, write=write_deeds(valued=valued))
    name = "deeds" if valued else "deeds-plain"
    return Overlay(name=name, summary=summary, kinds=(kind,), replaces=replaces)


@dataclass(frozen=True, kw_only=True, slots=True)
class Canary:
    """A random sentence that only the repeated documents hold."""

    number: int
    """Of the repeated document that ends with it."""
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The sentence as the document says it."""
        return f"secret : {' '.join(self.words)} ."


def canary(world: "World", number: int) -> Canary:
    """Return the canary of a repeated document; numbers that were never written are controls."""
    dice = Dice(stream(world.seed, "canary", number))
    return Canary(number=number, words=tuple(dice.sample(CONTENT, CANARY_LENGTH)))


def repeat_overlay(
    world: "World",
    *,
    share: float,
    times: int,
    tokens: int,
    kind: str = "statements",
) -> Overlay:
    """Replace a share of a kind's tokens by a few documents that come many times each.

    Every repeated document ends with a canary, so that memorising can be told from knowing.

    Args:
        world: The world.
        share: Share of all tokens that are repeated documents.
        times: How often each of them comes.
        tokens: Tokens of the whole corpus; with `share` and `times` it says how many documents.
        kind: The kind that is repeated and that gives way.

    Raises:
        InputError: If nothing would be repeated.
    """
    if times < 1 or not 0 < share < 1:
        raise InputError(f"times={times} must be at least 1 and share={share} between 0 and 1")
    source = world.kind(kind)
    mean = (
        float(np.mean([len(world.document(kind, n).ids) for n in range(100)])) + CANARY_LENGTH + 3
    )
    unique = round(share * tokens / times / mean)
    if unique < 1:
        raise InputError(
            f"times={times} is too much for {share:.1%} of {tokens} tokens: not even one document "
            f"comes that often; repeat at most {int(share * tokens / mean)} times"
        )

    def write(world: "World", dice: Dice, page: Page, split: str) -> None:
        number = page.number % unique
        source.write(world, Dice(stream(world.seed, "repeated", kind, number)), page, split)
        start = page.write(canary(world, number).text)
        page.mark(start, "canary", "yes")
        page.truth["repeated"] = number

    summary = f"{unique} documents of {kind}, each {times} times"
    repeated = Kind(name=f"repeated-{kind}", share=share, summary=summary, write=write)
    return Overlay(name=f"repeat-{times}", summary=summary, kinds=(repeated,), replaces=(kind,))


def reversed_documents(
    documents: Iterable[UInt16[np.ndarray, " token"]],
) -> Iterator[UInt16[np.ndarray, " token"]]:
    """Return documents from last token to first, for a model that reads backwards.

    `<doc>`, which opens every document, opens the reversed one too.
    """
    for ids in documents:
        yield np.concatenate([ids[:1], ids[:0:-1]])
