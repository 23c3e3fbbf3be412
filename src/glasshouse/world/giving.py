"""Sentences in which one of two people gives something, and the other is to be named.

"When Mary and John went to the park, John gave a ring to" must go on with "Mary": the name that was
said once. Either of the two may be said first. With each sentence comes its twin, in which whoever
is to be named is somebody else; the two differ in that one name only.

Source:
    The task of indirect objects (Wang et al. 2022, "Interpretability in the wild", 2211.00593), as
    a grammar of its own for dictionaries (2309.08600, section 4).
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from glasshouse.errors import InputError

NAMES = (
    *("Mary", "John", "Tom", "Paul", "James", "Mark", "David", "Sarah", "Peter", "Kate"),
    *("Jack", "Alice", "Anna", "Simon", "Laura", "Adam", "Jane", "Henry", "Lucy", "Frank"),
)
PLACES = ("park", "school", "garden", "office", "station", "kitchen", "church", "shop")
THINGS = ("book", "ring", "letter", "drink", "ball", "key", "coat", "flower")

TEMPLATES = (
    "When {first} and {second} went to the {place} , {giver} gave a {thing} to {other}",
    "After {first} met with {second} inside the {place} , {giver} passed along a {thing} to "
    "{other}",
    "While {first} helped {second} clean up the {place} , {giver} sent over a {thing} to {other}",
    "Then {first} saw {second} walk past the {place} . It was {giver} who brought back a {thing} "
    "to {other}",
)
"""How sentences go; `first` and `second` are giver and other in either order."""

START, END = "<start>", "<end>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Givings:
    """Sentences with what they are about; places count from the start token."""

    ids: np.ndarray
    """Token ids, `text place`: start, sentence, then ends to a common length."""
    answer: np.ndarray
    """Place of the last word, which names the other one, by text."""
    template: np.ndarray
    """Which of `TEMPLATES`, by text."""
    giver: np.ndarray
    """Number of the giver's name, by text."""
    other: np.ndarray
    """Number of the name that is to be said, by text."""
    is_giver_first: np.ndarray
    """Whether the giver is said first, by text."""
    place: np.ndarray
    """Number of the place, by text."""
    thing: np.ndarray
    """Number of the thing, by text."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True)
class GivingWorld:
    """Words and templates; holds no randomness of its own."""

    names: tuple[str, ...] = NAMES[:10]
    """Who there is."""
    places: tuple[str, ...] = PLACES
    """Where they go."""
    things: tuple[str, ...] = THINGS
    """What is given."""

    def __post_init__(self) -> None:
        if len(self.names) < 3:
            raise InputError(
                f"names={self.names} must be three or more: two in a sentence, one for its twin"
            )
        if not self.places or not self.things:
            raise InputError("places and things must not be empty")
        words = [*self.names, *self.places, *self.things]
        if len(set(words)) < len(words):
            raise InputError("a word stands twice among names, places and things")

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Every token, by id."""
        fixed = [w for template in TEMPLATES for w in template.split() if w[0] != "{"]
        return (START, END, *self.names, *self.places, *self.things, *dict.fromkeys(fixed))

    @property
    def vocab_size(self) -> int:
        """How many tokens there are."""
        return len(self.vocabulary)

    @property
    def length(self) -> int:
        """Tokens of a text after the first."""
        return max(len(template.split()) for template in TEMPLATES)

    def sample(
        self, count: int, rng: np.random.Generator, *, template: int | None = None
    ) -> Givings:
        """Draw sentences.

        Args:
            count: How many.
            rng: Where draws come from.
            template: Which of `TEMPLATES`; None: any.
        """
        which = rng.integers(len(TEMPLATES), size=count)
        if template is not None:
            which[:] = template
        giver = rng.integers(len(self.names), size=count)
        other = (giver + rng.integers(1, len(self.names), size=count)) % len(self.names)
        return self._written(
            template=which,
            giver=giver,
            other=other,
            is_giver_first=rng.random(count) < 0.5,
            place=rng.integers(len(self.places), size=count),
            thing=rng.integers(len(self.things), size=count),
        )

    def twins(self, texts: Givings, rng: np.random.Generator) -> Givings:
        """The same sentences with another name for whoever is to be named."""
        names = len(self.names)
        step = rng.integers(1, names - 1, size=len(texts))
        # Counted from the giver, so that neither the giver nor the old name comes out.
        old = (texts.other - texts.giver) % names
        new = (old - 1 + step) % (names - 1) + 1
        return self._written(
            template=texts.template,
            giver=texts.giver,
            other=(texts.giver + new) % names,
            is_giver_first=texts.is_giver_first,
            place=texts.place,
            thing=texts.thing,
        )

    def sentence(self, texts: Givings, number: int) -> str:
        """One sentence as it would be printed, its last word left out."""
        ids = texts.ids[number, 1 : texts.answer[number]]
        text = " ".join(self.vocabulary[token] for token in ids)
        return text.replace(" ,", ",").replace(" .", ".")

    @cached_property
    def followers(self) -> dict[str, str]:
        """Words of templates that only one word of templates ever follows, with that word."""
        after: dict[str, set[str]] = {}
        for template in TEMPLATES:
            words = template.split()
            for word, following in pairwise(words):
                after.setdefault(word, set()).add(following)
        return {
            word: next(iter(following))
            for word, following in after.items()
            if word[0] != "{" and len(following) == 1 and next(iter(following))[0] != "{"
        }

    def _written(
        self,
        *,
        template: np.ndarray,
        giver: np.ndarray,
        other: np.ndarray,
        is_giver_first: np.ndarray,
        place: np.ndarray,
        thing: np.ndarray,
    ) -> Givings:
        index = {word: number for number, word in enumerate(self.vocabulary)}
        first_place = index[self.places[0]]
        filled = {
            "{giver}": index[self.names[0]] + giver,
            "{other}": index[self.names[0]] + other,
            "{first}": index[self.names[0]] + np.where(is_giver_first, giver, other),
            "{second}": index[self.names[0]] + np.where(is_giver_first, other, giver),
            "{place}": first_place + place,
            "{thing}": first_place + len(self.places) + thing,
        }
        ids = np.full((len(template), self.length + 1), index[END])
        ids[:, 0] = index[START]
        answer = np.zeros(len(template), dtype=int)
        for number, words in enumerate(map(str.split, TEMPLATES)):
            chosen = template == number
            answer[chosen] = len(words)
            for at, word in enumerate(words, start=1):
                ids[chosen, at] = filled[word][chosen] if word in filled else index[word]
        return Givings(
            ids=ids,
            answer=answer,
            template=template,
            giver=giver,
            other=other,
            is_giver_first=is_giver_first,
            place=place,
            thing=thing,
        )
