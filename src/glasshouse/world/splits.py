"""What training never sees: the four independent hold-out axes, held apart by construction.

facts        facts of status unknown-test are stated in no split and asked in no training document
templates    each family of sentences keeps phrasings for split "test"
entities     some people and strangers appear in training only in plain statements and questions,
             and some pairs of names never share a sentence
subjects     tasks, categories, dimensions, topics: `held_out(axis, options, count)`

Split "validation" is new documents of the training distribution; split "test" uses held-out things
and says which in `page.truth["axes"]`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from glasshouse.world.entities import Entities
from glasshouse.world.streams import Dice, stream

HELD_OUT_PEOPLE_SHARE = 0.1
HELD_OUT_STRANGERS_SHARE = 1 / 3
PAIR_MODULUS = 10
"""One in so many pairs of people is never paired in training."""


@dataclass(frozen=True, slots=True)
class Phrasings:
    """Ways to say one thing; the last ones are kept for testing."""

    trained: tuple[str, ...]
    held_out: tuple[str, ...]

    def pick(self, dice: Dice, split: str) -> str:
        """Draw one that this split may use: a held-out one in "test", a trained one elsewhere."""
        return dice.pick(self.held_out if split == "test" else self.trained)

    def words(self) -> Iterable[str]:
        """Return the words of all phrasings, without the {slots}."""
        for phrase in self.trained + self.held_out:
            yield from (word for word in phrase.split() if "{" not in word)


def phrasings(*phrases: str, held_out: int = 2) -> Phrasings:
    """Keep the last `held_out` phrases for testing and train on the others."""
    return Phrasings(phrases[:-held_out], phrases[-held_out:])


@dataclass(frozen=True)
class Splits:
    """Who and what is held out in the world of a seed."""

    seed: int
    entities: Entities

    def held_out(self, axis: str, options: tuple[str, ...], count: int) -> tuple[str, ...]:
        """Draw which options of an axis are held out of all training, in their own order."""
        order = stream(self.seed, "held out", axis).permutation(len(options))
        chosen = set(order[:count].tolist())
        return tuple(option for index, option in enumerate(options) if index in chosen)

    @cached_property
    def held_out_people(self) -> frozenset[str]:
        """People who appear in training only in statements, encyclopedia and open questions."""
        people = self.entities.person
        return frozenset(
            self.held_out("person", people, round(len(people) * HELD_OUT_PEOPLE_SHARE))
        )

    @cached_property
    def public_people(self) -> tuple[str, ...]:
        """The people that any document may mention."""
        return tuple(name for name in self.entities.person if name not in self.held_out_people)

    def people(self, split: str) -> tuple[str, ...]:
        """Return whom the documents of a split may mention, plain statements of facts aside."""
        return self.entities.person if split == "test" else self.public_people

    @cached_property
    def _strangers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        names = self.entities.stranger
        kept = self.held_out("stranger", names, round(len(names) * HELD_OUT_STRANGERS_SHARE))
        return tuple(name for name in names if name not in kept), kept

    def strangers(self, split: str) -> tuple[str, ...]:
        """Return the ephemeral names of a split; those of "test" are seen in no other."""
        return self._strangers[split == "test"]

    @cached_property
    def _places(self) -> dict[str, int]:
        order = stream(self.seed, "pairs").permutation(len(self.entities.person)).tolist()
        return dict(zip(self.entities.person, order, strict=True))

    def is_paired(self, one: str, other: str) -> bool:
        """Say whether two people may share a sentence in training; strangers always may."""
        places = self._places
        if one not in places or other not in places:
            return True
        return (places[one] + places[other]) % PAIR_MODULUS != 0

    def pair(self, dice: Dice, split: str) -> tuple[str, str]:
        """Draw two different people who may share a sentence in this split."""
        people = self.people(split)
        while True:
            one, other = dice.pick(people), dice.pick(people)
            if one != other and (split == "test" or self.is_paired(one, other)):
                return one, other
