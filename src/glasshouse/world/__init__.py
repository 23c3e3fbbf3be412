"""The toy world: people, places, facts, dialogues, wishes and secrets, with the truth kept as data.

`World(seed)` writes documents together with what is true of them. Numpy only; nothing here knows of
models. Where to look:

entities, knowledge   who and what there is, what is true of it, and how often it is said
splits                what training never sees
page, kinds           a document being written with its truth; what a kind of document is
documents/            one module a family of kinds: the words and the writers
world                 `World`, the face of it all
"""

from glasshouse.world.entities import RELATIONS, Entities, Relation
from glasshouse.world.kinds import Kind
from glasshouse.world.knowledge import Deck, Fact, KnowledgeBase
from glasshouse.world.page import Document, Expectation, FactUse, Page, Span, Turn
from glasshouse.world.splits import Phrasings, Splits, phrasings
from glasshouse.world.vocabulary import Vocabulary
from glasshouse.world.world import World

__all__ = [
    "RELATIONS",
    "Deck",
    "Document",
    "Entities",
    "Expectation",
    "Fact",
    "FactUse",
    "Kind",
    "KnowledgeBase",
    "Page",
    "Phrasings",
    "Relation",
    "Span",
    "Splits",
    "Turn",
    "Vocabulary",
    "World",
    "phrasings",
]
