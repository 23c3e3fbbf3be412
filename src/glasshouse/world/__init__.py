"""The toy world: people, places, facts, dialogues, wishes and secrets, with the truth kept as data.

`World(seed)` writes documents together with what is true of them. Numpy only; nothing here knows of
models. Where to look:

entities, knowledge   who and what there is, what is true of it, and how often it is said
splits                what training never sees
page, kinds           a document being written with its truth; what a kind of document is
documents/            one module a family of kinds: the words and the writers
phrases, prose        how facts are said and asked; documents as text for other tokenizers
corpus, overlays      a mix of documents, and what a study lays over it
ledger, probes, card  what a corpus said how often; exam questions with answers; the datasheet
languages, emotions, toxicity, biases, arithmetic, repeats   what other documents draw from
exact, families, features, activations   what is known of every token: entropy, features, vectors
quirks, planting      habits to plant and to find again; overlays that plant them
world                 `World`, the face of it all
"""

from glasshouse.world.corpus import Corpus, Encoded
from glasshouse.world.entities import RELATIONS, Entities, Relation
from glasshouse.world.kinds import Kind
from glasshouse.world.knowledge import Deck, Fact, KnowledgeBase
from glasshouse.world.ledger import Ledger
from glasshouse.world.overlays import Overlay, formats, of_kinds, unknowable
from glasshouse.world.page import Document, Expectation, FactUse, Page, Span, Turn
from glasshouse.world.probes import AXES, FORMATS, Item
from glasshouse.world.splits import Phrasings, Splits, phrasings
from glasshouse.world.vocabulary import Vocabulary
from glasshouse.world.world import World

__all__ = [
    "AXES",
    "FORMATS",
    "RELATIONS",
    "Corpus",
    "Deck",
    "Document",
    "Encoded",
    "Entities",
    "Expectation",
    "Fact",
    "FactUse",
    "Item",
    "Kind",
    "KnowledgeBase",
    "Ledger",
    "Overlay",
    "Page",
    "Phrasings",
    "Relation",
    "Span",
    "Splits",
    "Turn",
    "Vocabulary",
    "World",
    "formats",
    "of_kinds",
    "phrasings",
    "unknowable",
]
