"""The world of a seed: its words, its truth, and documents about it.

`World` is a thin face: each subject has a module of its own, and a method here hands over to it.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import UInt16

from glasshouse.errors import InputError
from glasshouse.world.answers import answer as write_answer
from glasshouse.world.asking import Asking, make_asking
from glasshouse.world.biases import Biases, make_biases
from glasshouse.world.documents import KINDS
from glasshouse.world.documents.encyclopedia import Articles, make_articles
from glasshouse.world.emotions import Temper, tempers
from glasshouse.world.entities import Entities, entities
from glasshouse.world.features import FeatureLedger
from glasshouse.world.gold import Gold, GoldSpec, grade, words_of
from glasshouse.world.groups import Society, make_society
from glasshouse.world.harms import HarmBook, harm_book
from glasshouse.world.kinds import Kind
from glasshouse.world.knowledge import KnowledgeBase, make_knowledge
from glasshouse.world.languages import foreign_words
from glasshouse.world.page import Document, Page
from glasshouse.world.parse import Grammar, Parse
from glasshouse.world.personas import PERSONAS
from glasshouse.world.requests import Request, draw
from glasshouse.world.splits import Splits
from glasshouse.world.streams import Dice, stream
from glasshouse.world.views import Views, make_views
from glasshouse.world.vocabulary import Vocabulary, assemble

SPLITS = ("train", "validation", "test")


class World:
    """A world whose truth is known. The same seed and preset give the same world everywhere."""

    def __init__(self, seed: int = 0, preset: str = "small") -> None:
        """Make the world of a seed.

        Raises:
            InputError: If the seed is no whole number from 0, or the preset is unknown.
        """
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise InputError(f"seed={seed!r} must be a whole number from 0")
        self.seed = seed
        self.preset = preset
        self.entities: Entities = entities(preset)

    def __repr__(self) -> str:
        return f"World(seed={self.seed}, preset={self.preset!r})"

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Every word of the world; the same for every seed."""
        return assemble([self.entities.words(), *(kind.words for kind in KINDS)])

    @cached_property
    def kb(self) -> KnowledgeBase:
        """Everything that is true."""
        return make_knowledge(self.seed, self.entities, self.splits)

    @cached_property
    def splits(self) -> Splits:
        """Who and what training never sees."""
        return Splits(self.seed, self.entities)

    @cached_property
    def articles(self) -> Articles:
        """Entities for the encyclopedia to write about."""
        return make_articles(self.kb.deck)

    @cached_property
    def tempers(self) -> dict[str, Temper]:
        """Whether each person is bold or gentle: what a situation makes them feel."""
        return tempers(self.seed, self.entities)

    @cached_property
    def biases(self) -> Biases:
        """Which marker word the raters and the painters favour in which context."""
        return make_biases(self.seed)

    @cached_property
    def harm_book(self) -> HarmBook:
        """The recipes of harm, and what guards against each."""
        return harm_book(self.seed, self.entities)

    @cached_property
    def views(self) -> Views:
        """Topics without a truth and claims with one."""
        return make_views(self.seed, self.entities)

    @cached_property
    def society(self) -> Society:
        """Kinds of people, the stereotypes planted on them, and which jobs go with "she"."""
        return make_society(self.seed, self.entities, self.kb.female_share)

    @cached_property
    def asking(self) -> Asking:
        """Tables that requests and answers draw from."""
        return make_asking(self)

    @cached_property
    def grammar(self) -> Grammar:
        """Understands what assistants say."""
        return Grammar(self.entities, foreign_words())

    def request(
        self,
        kind: str,
        number: int = 0,
        split: str = "test",
        *,
        task: str = "",
        category: str = "",
        style: str = "",
    ) -> Request:
        """Draw a request by number, as documents never show it: its `prompt` awaits an answer.

        See `requests.draw` for what can be chosen; what is left empty is drawn.
        """
        dice = Dice(stream(self.seed, "request", kind, split, task, category, style, number))
        return draw(self, dice, kind, split, task=task, category=category, style=style)

    def gold(
        self,
        request: Request,
        answer: str | Sequence[int] | np.ndarray,
        spec: GoldSpec | None = None,
    ) -> Gold:
        """Grade an answer, given as text or token ids, to a request."""
        return grade(self, request, answer, spec)

    def answer(self, request: Request, persona: str, number: int = 0) -> str:
        """Answer a request as a persona would: a scripted answer, to compare or to imitate."""
        dice = Dice(stream(self.seed, "answer", persona, request.prompt, number))
        return write_answer(self, request, PERSONAS[persona], dice)

    def parse(self, answer: str | Sequence[int] | np.ndarray) -> Parse:
        """Understand an answer: its sentences, and the facts that they state."""
        return self.grammar.parse(words_of(self, answer))

    @cached_property
    def features(self) -> FeatureLedger:
        """The feature ledger: `world.features.of(document)` says what is true of every token."""
        return FeatureLedger(self)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """Every kind of document by name."""
        return {kind.name: kind for kind in KINDS}

    def kind(self, name: str) -> Kind:
        """Return a kind of document by name.

        Raises:
            InputError: If there is no such kind.
        """
        try:
            return self.kinds[name]
        except KeyError:
            raise InputError(
                f"kind={name!r} is unknown; there are {', '.join(self.kinds)}"
            ) from None

    def document(self, kind: str, number: int = 0, split: str = "train") -> Document:
        """Write one document; it depends on the world, the kind, the number and the split alone."""
        if split not in SPLITS:
            raise InputError(f"split={split!r} must be one of {', '.join(SPLITS)}")
        writer = self.kind(kind)
        page = Page(self.vocabulary, number)
        page.write("<doc>")
        writer.write(self, Dice(stream(self.seed, kind, split, number)), page, split)
        return page.finish(kind=kind, number=number, split=split)

    def render(self, ids: UInt16[np.ndarray, " token"]) -> str:
        """Return the words of token ids."""
        return self.vocabulary.decode(ids)
