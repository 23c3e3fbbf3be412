"""Every family of features that writers may mark, with its values: the columns of the ledger.

A writer that marks something new declares it here; an undeclared mark is an error, so that the
ledger's columns are the same for every document of a world.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from glasshouse.world.arithmetic import RULES
from glasshouse.world.biases import CONTEXTS, FAVOURERS, MARKERS
from glasshouse.world.documents.in_context import TASKS
from glasshouse.world.emotions import EMOTIONS
from glasshouse.world.entities import NUMBER_TYPES, RELATIONS
from glasshouse.world.knowledge import LADDER
from glasshouse.world.languages import CONCEPTS
from glasshouse.world.toxicity import ADDRESSEES, MOODS
from glasshouse.world.vocabulary import NUMERALS

if TYPE_CHECKING:
    from glasshouse.world.world import World

SCALAR_FAMILIES = frozenset(["intensity", "operand-left", "operand-right", "gold-reward"])
"""Marks whose value is a number; it also goes to the ledger's scalars."""

_YES_NO = ("yes", "no")

FIXED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "speaker": ("human", "assistant", "system"),
        "language": ("common", "velan", "dorric"),
        "part": ("noun", "verb", "adjective", "function", "name", "number", "mark", "control"),
        "concept": CONCEPTS,
        "relation": tuple(RELATIONS),
        "exposure": tuple(str(rung) for rung in LADDER),
        "stated": _YES_NO,
        "status": (
            "plain",
            "stochastic",
            "contradicted",
            "unknown-train",
            "unknown-test",
            "background",
            "private",
        ),
        "format": ("question",),
        "emotion": tuple(EMOTIONS),
        "emotion-other": tuple(EMOTIONS),
        "emotion-word": tuple(EMOTIONS),
        "mood": MOODS,
        "addressee": ADDRESSEES,
        "topic-hated": _YES_NO,
        "toxic": ("slur", "rude"),
        "operand-left": NUMERALS,
        "operand-right": NUMERALS,
        "carry": _YES_NO,
        "tool": ("right", "wrong"),
        "rule": tuple(str(number + 1) for number in range(len(RULES))),
        "task": tuple(TASKS),
        "repeat": ("first", "copy"),
        "marker": MARKERS,
        "bias-context": CONTEXTS,
        "favourer": FAVOURERS,
    }
)
"""Families that are the same in every world."""


def families(world: "World") -> dict[str, tuple[str, ...]]:
    """Return every family with its values, in the order of the ledger's columns."""
    things = world.entities
    named = (*things.person, *things.stranger, *things.town, *things.institution)
    types = dict.fromkeys(relation.value for relation in RELATIONS.values())
    subjects = dict.fromkeys([*named, *things.job, *things.food, *things.good])
    return {
        "kind": tuple(world.kinds),
        **FIXED,
        "next-value": tuple(dict.fromkeys([*types, *NUMBER_TYPES])),
        "entity": named,
        "subject": tuple(subjects),
    }
