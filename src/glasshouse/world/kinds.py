"""The kinds of document that the world is made of, and their share of a base corpus.

To add a kind: write a module in `documents/` with its words and a writer, and list it here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glasshouse.world.page import Page
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

Writer = Callable[["World", Dice, Page, str], None]
"""writer(world, dice, page, split): writes one document after the `<doc>` that opens every page.
`split` says which held-out things may be used: "train" uses none of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of document."""

    name: str
    """How it is called on the command line and in tables, as "open-qa"."""
    share: float
    """Share of the tokens of a base corpus; 0 for kinds that only overlays use."""
    summary: str
    """One line for a reader who has never seen one."""
    words: tuple[str, ...] = ()
    """Words that it needs beyond those of the entities and lexicons."""
    write: Writer
