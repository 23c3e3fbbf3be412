"""The world of a seed: its words, its truth, and documents about it.

`World` is a thin face: each subject has a module of its own, and a method here hands over to it.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import UInt16

from glasshouse.errors import InputError
from glasshouse.world.answers import answer as write_answer
from glasshouse.world.asking import Asking, make_asking
from glasshouse.world.attackers import Attacker
from glasshouse.world.attackers import attackers as make_attackers
from glasshouse.world.biases import Biases, make_biases
from glasshouse.world.card import make_card
from glasshouse.world.corpus import SPLITS, Corpus, make_corpus, write_document
from glasshouse.world.crowd import Bias, Crowd
from glasshouse.world.documents import FAMILIES, KINDS
from glasshouse.world.documents.encyclopedia import Articles, make_articles
from glasshouse.world.emotions import Temper, tempers
from glasshouse.world.entities import Entities, entities
from glasshouse.world.fairness import FAIRNESS
from glasshouse.world.features import FeatureLedger
from glasshouse.world.gold import Gold, GoldSpec, grade, words_of
from glasshouse.world.groups import Society, make_society
from glasshouse.world.harms import HarmBook, harm_book
from glasshouse.world.kinds import Kind
from glasshouse.world.knowledge import KnowledgeBase, make_knowledge
from glasshouse.world.languages import foreign_words
from glasshouse.world.ledger import Ledger
from glasshouse.world.overlays import Overlay
from glasshouse.world.oversight import Expert, Novice
from glasshouse.world.page import Document
from glasshouse.world.parse import Grammar, Parse
from glasshouse.world.personas import PERSONAS
from glasshouse.world.probes import Item, make_items
from glasshouse.world.prose import prose
from glasshouse.world.requests import Request, draw
from glasshouse.world.splits import Splits
from glasshouse.world.streams import Dice, stream
from glasshouse.world.toxicity import p_next_toxic
from glasshouse.world.views import Views, make_views
from glasshouse.world.vocabulary import Vocabulary, assemble


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
        """Draw a request by number: a fresh one, whose `prompt` awaits an answer.

        See `requests.draw` for what can be chosen; what is left empty is drawn. The kinds "who",
        "pronoun" and "admission" are drawn whole (see `fairness.py` for their settings).
        """
        dice = Dice(stream(self.seed, "request", kind, split, task, category, style, number))
        if kind in FAIRNESS:
            return FAIRNESS[kind](self, dice, split)
        return draw(self, dice, kind, split, task=task, category=category, style=style)

    def prompt_ids(self, request: Request) -> UInt16[np.ndarray, " token"]:
        """Return the tokens of a request, from `<doc>` to `Assistant :`."""
        return np.array(self.vocabulary.encode(request.prompt), dtype=np.uint16)

    def scored_ids(self, request: Request, answer: str) -> UInt16[np.ndarray, " token"]:
        """Return the tokens of a request with its answer and the `<eoc>` where a reward is read."""
        text = f"{request.prompt} {answer} <end> <eoc>"
        return np.array(self.vocabulary.encode(text), dtype=np.uint16)

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

    def p_toxic(self, prefix: str | Sequence[int] | np.ndarray) -> float | None:
        """Return the exact probability that a rant's next word is toxic; None outside rants.

        Args:
            prefix: What has been written, as text or token ids, with or without `<doc>`.
        """
        words = words_of(self, prefix)
        return p_next_toxic(words)

    def crowd(
        self,
        *,
        bias: Bias | Mapping[str, float] | None = None,
        temperature: float = 1.0,
        annotators: int = 20,
    ) -> Crowd:
        """Hire people who compare answers: see `Crowd` for their tastes and further settings."""
        return Crowd(self, bias=bias, temperature=temperature, annotators=annotators)

    def attackers(self, count: int = 40) -> tuple[Attacker, ...]:
        """Return a population of red teamers; `attackers.attack` has one of them try."""
        return make_attackers(self, count)

    def novice(self, knows: float = 0.3, number: int = 0) -> Novice:
        """Return somebody who knows each fact with this probability, and bounds on the rest."""
        return Novice(self, knows, number)

    @property
    def expert(self) -> Expert:
        """Somebody who knows the ledger."""
        return Expert(self)

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

    def family(self, name: str) -> tuple[Kind, ...]:
        """Return the kinds that a name stands for: a family such as "dialogue", or one kind.

        Raises:
            InputError: If there is no such family or kind.
        """
        if name in FAMILIES:
            return tuple(self.kinds[kind] for kind in FAMILIES[name])
        if name not in self.kinds:
            raise InputError(
                f"kind={name!r} is unknown; there are the families {', '.join(FAMILIES)} "
                f"and the kinds {', '.join(self.kinds)}"
            )
        return (self.kinds[name],)

    def document(self, kind: str, number: int = 0, split: str = "train") -> Document:
        """Write one document; it depends on the world, the kind, the number and the split alone."""
        if split not in SPLITS:
            raise InputError(f"split={split!r} must be one of {', '.join(SPLITS)}")
        return write_document(self, self.kind(kind), number, split)

    def base_mix(self) -> dict[str, float]:
        """Return each kind's share of a base corpus."""
        return {kind.name: kind.share for kind in self.kinds.values() if kind.share > 0}

    def corpus(
        self,
        *,
        tokens: int,
        mix: Mapping[str, float] | None = None,
        overlays: Sequence[Overlay] = (),
        split: str = "train",
        context: int | None = None,
    ) -> Corpus:
        """Plan a corpus of about so many tokens; it is written when it is first read.

        Args:
            tokens: How many tokens.
            mix: Shares of kinds; the base mix if left out.
            overlays: What to lay over the mix, in the place of other documents.
            split: "train", "validation" (the same distribution) or "test" (held-out things).
            context: Leave out documents longer than this.
        """
        return make_corpus(
            self,
            tokens=tokens,
            mix=self.base_mix() if mix is None else mix,
            overlays=tuple(overlays),
            split=split,
            context=context,
        )

    def items(
        self,
        form: str,
        *,
        axis: str = "none",
        num: int | None = None,
        ledger: Ledger | None = None,
        seed: int = 0,
    ) -> list[Item]:
        """Make exam questions with their true answers: see `probes.make_items`."""
        return make_items(self, form, axis=axis, num=num, ledger=ledger, seed=seed)

    def card(self) -> dict[str, Any]:
        """Return the datasheet of this world: counts, shares, what is held out, hashes."""
        return make_card(self)

    def render(self, ids: UInt16[np.ndarray, " token"]) -> str:
        """Return the words of token ids."""
        return self.vocabulary.decode(ids)

    def text(self, ids: UInt16[np.ndarray, " token"]) -> str:
        """Return token ids as text with the spaces and capitals of prose, for other tokenizers."""
        return prose(self.vocabulary.decode(ids))
