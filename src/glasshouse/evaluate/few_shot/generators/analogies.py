"""Analogies of four terms: a is to b as c is to which of five?"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.generators.drawing import CHOICES, Size, draw_apart
from glasshouse.evaluate.few_shot.tasks import Sample, Task
from glasshouse.world import entities
from glasshouse.world.documents.in_context import OPPOSITES
from glasshouse.world.languages import lexicon
from glasshouse.world.streams import Dice

NUM_CHOICES = 5
_NAMES = (*entities.ANIMALS, *entities.FOODS, *entities.TOOLS, *entities.PLACES)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

Pairs = Sequence[tuple[str, str]]

RELATIONS: Mapping[str, Pairs] = MappingProxyType(
    {
        "next number": tuple((str(n), str(n + 1)) for n in range(1, 60)),
        "double": tuple((str(n), str(2 * n)) for n in range(1, 40)),
        "next letter": tuple(pairwise(_LETTERS)),
        "first letter": tuple((name, name[0]) for name in _NAMES),
        "reversed": tuple((name, name[::-1]) for name in _NAMES if name != name[::-1]),
        "kind": tuple(
            (name, kind)
            for kind, names in (
                ("animal", entities.ANIMALS),
                ("food", entities.FOODS),
                ("tool", entities.TOOLS),
                ("place", entities.PLACES),
                ("colour", entities.COLOURS),
                ("material", entities.MATERIALS),
            )
            for name in names
        ),
        "opposite": tuple(OPPOSITES.items()),
        "in velan": tuple((name, lexicon("velan").words[name]) for name in _NAMES),
    }
)
"""What stands between the two terms of a pair."""


def analogies(relation: str | None = None, size: Size | None = None) -> Task:
    """Make a task of analogies with five choices, one right.

    The wrong choices are second terms of the same relation, so only the relation and the third
    term together tell the right one; chance is 0.2. The second term is never right.

    Args:
        relation: One of `RELATIONS`; None mixes them all evenly.
        size: How many; None: 200 questions, or fewer of a relation with few pairs.

    Raises:
        InputError: If the relation is unknown, or has not so many questions.

    Source:
        Brown et al. 2020 (2005.14165), section 3.9.3 (SAT analogies, five choices).
    """
    if relation is not None and relation not in RELATIONS:
        raise InputError(f"relation={relation!r} is unknown; there are {', '.join(RELATIONS)}")
    names = tuple(RELATIONS) if relation is None else (relation,)

    def draw(dice: Dice) -> Sample:
        name = dice.pick(names)
        (a, b), (c, d) = _two(dice, RELATIONS[name])
        others = sorted({second for _, second in RELATIONS[name]} - {d})
        choices = dice.shuffled([d, *dice.sample(others, NUM_CHOICES - 1)])
        return Sample(
            input=f"{a} is to {b} as {c} is to",
            target=d,
            choices=tuple(choices),
            gold=choices.index(d),
            doc={"relation": name, "terms": [a, b, c, d]},
        )

    title = "analogies" if relation is None else f"analogies_{relation.replace(' ', '_')}"
    samples, shots = draw_apart(title, draw, size or _usual(names))
    return Task(name=title, samples=samples, shots=shots, metrics=CHOICES, fewshot_delimiter="\n")


def _usual(names: Sequence[str]) -> Size:
    """The usual number of questions, or fewer where pairs are too few for so many."""
    different = sum(len(RELATIONS[name]) * (len(RELATIONS[name]) - 1) for name in names)
    usual = Size()
    is_enough = different > 1.5 * (usual.num_samples + usual.num_shots)
    return usual if is_enough else Size(num_samples=different // 2, num_shots=different // 4)


def _two(dice: Dice, pairs: Pairs) -> Pairs:
    """Two pairs of a relation that differ in both terms."""
    while True:
        one, other = dice.sample(pairs, 2)
        if one[1] != other[1]:
            return one, other
