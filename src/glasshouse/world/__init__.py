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
moods, mood_texts   states behind words: stories, dialogues and choices of which the truth is known
topics, giving   sentences about topics; who gives what to whom
blocks   random words in blocks that repeat: a small world of its own, with exact losses
exact, families, features, activations   what is known of every token: entropy, features, vectors
quirks, planting      habits to plant and to find again; overlays that plant them
harms, traits, views, groups   what not to help with, what assistants want, views, stereotypes
requests, tasks, fairness, personas, answers   what users ask, and who answers how
speech, parse         what assistants can say, and its way back from words
gold, helping, harming, principles   how good an answer is, and by which aim
crowd, attackers, oversight   people who compare, attack, review, learn and judge
world                 `World`, the face of it all
"""

from glasshouse.world.corpus import Corpus, Encoded
from glasshouse.world.crowd import Bias, Comparison, Crowd
from glasshouse.world.entities import RELATIONS, Entities, Relation
from glasshouse.world.gold import Gold, GoldSpec
from glasshouse.world.kinds import Kind
from glasshouse.world.knowledge import Deck, Fact, KnowledgeBase
from glasshouse.world.ledger import Ledger
from glasshouse.world.overlays import Overlay, formats, of_kinds, unknowable
from glasshouse.world.page import Document, Expectation, FactUse, Page, Span, Turn
from glasshouse.world.parse import Parse, Sentence, Statement
from glasshouse.world.personas import PERSONAS, Persona
from glasshouse.world.probes import AXES, FORMATS, Item
from glasshouse.world.requests import Request
from glasshouse.world.splits import Phrasings, Splits, phrasings
from glasshouse.world.vocabulary import Vocabulary
from glasshouse.world.world import World

__all__ = [
    "AXES",
    "FORMATS",
    "PERSONAS",
    "RELATIONS",
    "Bias",
    "Comparison",
    "Corpus",
    "Crowd",
    "Deck",
    "Document",
    "Encoded",
    "Entities",
    "Expectation",
    "Fact",
    "FactUse",
    "Gold",
    "GoldSpec",
    "Item",
    "Kind",
    "KnowledgeBase",
    "Ledger",
    "Overlay",
    "Page",
    "Parse",
    "Persona",
    "Phrasings",
    "Relation",
    "Request",
    "Sentence",
    "Span",
    "Splits",
    "Statement",
    "Turn",
    "Vocabulary",
    "World",
    "formats",
    "of_kinds",
    "phrasings",
    "unknowable",
]
