"""Corpora: as many documents of each kind as the mix asks for, in random order, with their ledger.

Every kind is written, document 0 first, until its share of the tokens is reached; then all
documents are shuffled. So shares are exact to within one document, and a corpus is a pure function
of world, mix, overlays and split, whatever machine or number of processes writes it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, UInt16

from glasshouse.errors import InputError
from glasshouse.world.kinds import Kind
from glasshouse.world.ledger import Ledger, LedgerCount
from glasshouse.world.overlays import Overlay, blend
from glasshouse.world.page import Document, Page
from glasshouse.world.streams import Dice, stream

if TYPE_CHECKING:
    from glasshouse.world.world import World

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A document as training reads it."""

    ids: UInt16[np.ndarray, " token"]
    kind: str
    mask: Bool[np.ndarray, " token"] | None = None
    """Which tokens count in the loss; None: all."""


@dataclass(frozen=True, slots=True)
class Written:
    """A whole corpus in memory."""

    order: tuple[tuple[Kind, int], ...]
    """Kind and number of every document, in the corpus's order."""
    ids: tuple[UInt16[np.ndarray, " _"], ...]
    """Tokens of every document, in the same order."""
    ledger: Ledger


@dataclass(frozen=True)
class Corpus:
    """Documents of a mix: iterate for documents with their truth, `encoded()` for training."""

    world: "World"
    tokens: int
    """How many tokens; the corpus has at least as many, and less than a document per kind more."""
    shares: Mapping[str, float]
    """Each kind's share of the tokens."""
    kinds: Mapping[str, Kind]
    """Each kind by name, those of overlays among them."""
    split: str = "train"
    context: int | None = None
    """Leave out documents longer than this; None: keep all."""

    def __iter__(self) -> Iterator[Document]:
        """Write the documents again one by one, with their truth."""
        for kind, number in self.written.order:
            yield write_document(self.world, kind, number, self.split)

    def __len__(self) -> int:
        return len(self.written.order)

    def encoded(self) -> Iterator[Encoded]:
        """Return the documents as token ids, in the corpus's order."""
        for (kind, _), ids in zip(self.written.order, self.written.ids, strict=True):
            yield Encoded(ids, kind.name)

    def text(self) -> Iterator[str]:
        """Return the documents as plain text, for a tokenizer of another make."""
        for document in self.encoded():
            yield self.world.text(document.ids)

    @property
    def ledger(self) -> Ledger:
        """What this corpus says how often."""
        return self.written.ledger

    @cached_property
    def written(self) -> Written:
        """Everything, written once and kept."""
        names = tuple(self.shares)
        count = LedgerCount(names, len(self.world.kb.facts))
        order: list[tuple[Kind, int]] = []
        ids: list[np.ndarray] = []
        for name in names:
            for document in self._of_kind(self.kinds[name], self.shares[name]):
                count.add(document)
                order.append((self.kinds[name], document.number))
                ids.append(document.ids)
        shuffle = stream(self.world.seed, "order", self.split).permutation(len(order)).tolist()
        return Written(
            tuple(order[place] for place in shuffle),
            tuple(ids[place] for place in shuffle),
            count.finish(),
        )

    def _of_kind(self, kind: Kind, share: float) -> Iterator[Document]:
        """Write documents of one kind until its share is reached."""
        wanted, number, skipped = share * self.tokens, 0, 0
        while wanted > 0:
            document = write_document(self.world, kind, number, self.split)
            number += 1
            if self.context is not None and len(document.ids) > self.context:
                skipped += 1
                if skipped > 100 and skipped > 0.99 * number:
                    raise InputError(
                        f"documents of kind {kind.name!r} are longer than context={self.context}; "
                        "give more context or leave the kind out of the mix"
                    )
                continue
            wanted -= len(document.ids)
            yield document


def write_document(world: "World", kind: Kind, number: int, split: str) -> Document:
    """Write one document; it depends on the world, the kind, the number and the split alone."""
    page = Page(world.vocabulary, number)
    page.write("<doc>")
    kind.write(world, Dice(stream(world.seed, kind.name, split, number)), page, split)
    return page.finish(kind=kind.name, number=number, split=split)


def make_corpus(
    world: "World",
    *,
    tokens: int,
    mix: Mapping[str, float],
    overlays: tuple[Overlay, ...] = (),
    split: str = "train",
    context: int | None = None,
) -> Corpus:
    """Plan a corpus; nothing is written until it is read.

    Raises:
        InputError: If there are no tokens, the split or a kind is unknown, or overlays take too
            much.
    """
    if tokens < 1:
        raise InputError(f"tokens={tokens} must be at least 1")
    if split not in SPLITS:
        raise InputError(f"split={split!r} must be one of {', '.join(SPLITS)}")
    kinds = {name: world.kind(name) for name in mix}
    kinds |= {kind.name: kind for overlay in overlays for kind in overlay.kinds}
    return Corpus(world, tokens, blend(mix, overlays), kinds, split, context)
