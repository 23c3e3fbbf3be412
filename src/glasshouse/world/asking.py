"""Tables that requests and answers draw from, made once for a world."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING

from glasshouse.world.biases import MARKERS
from glasshouse.world.knowledge import LADDER
from glasshouse.world.languages import CONCEPT_PARTS, Language, lexicon
from glasshouse.world.streams import Dice, stream

if TYPE_CHECKING:
    from glasshouse.world.world import World


@dataclass(frozen=True, slots=True)
class Asking:
    """What a world's requests are made of."""

    task_words: tuple[str, ...]
    """Words to be copied, reversed and counted."""
    towns_by_region: Mapping[str, tuple[str, ...]]
    """The towns of each region that has any."""
    velan_words: tuple[str, ...]
    people: frozenset[str]
    markers: frozenset[str]
    """Words that bias somebody's favour."""
    language_of: Mapping[str, Language]
    """The language of every word that belongs to only one; all other words are Common."""
    owners: tuple[str, ...]
    """People whose secrets training may ask for."""
    owner_totals: tuple[float, ...]
    """Running total of how often each owner's secret is asked for, on the exposure ladder."""
    all_people: tuple[str, ...]

    def draw_owner(self, dice: Dice, split: str) -> str:
        """Draw whose secret is asked for: by ladder, so that some secrets are never told."""
        if split == "test":
            return dice.pick(self.all_people)
        return dice.weighted(self.owners, self.owner_totals)


def make_asking(world: "World") -> Asking:
    """Make the tables of a world."""
    entities = world.entities
    towns: dict[str, list[str]] = {}
    for town in entities.town:
        towns.setdefault(world.kb.value(town, "region"), []).append(town)
    owners = world.splits.public_people
    rungs = stream(world.seed, "secret exposure").integers(0, len(LADDER), len(owners)).tolist()
    return Asking(
        (*entities.animal, *entities.food, *entities.good, *entities.tool, *entities.colour),
        MappingProxyType({name: tuple(found) for name, found in towns.items()}),
        tuple(lexicon("velan").words.values()),
        frozenset(entities.person),
        frozenset(MARKERS),
        MappingProxyType(_languages()),
        owners,
        tuple(accumulate(float(LADDER[rung]) for rung in rungs)),
        entities.person,
    )


def _languages() -> dict[str, Language]:
    """Return the language of every foreign word."""
    found: dict[str, Language] = {}
    for language in ("velan", "dorric"):
        for word in lexicon(language).words.values():
            if word not in CONCEPT_PARTS:
                found[word] = language
    return found
