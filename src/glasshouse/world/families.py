"""Every family of features that writers may mark, with its values: the columns of the ledger.

A writer that marks something new declares it here; an undeclared mark is an error, so that the
ledger's columns are the same for every document of a world.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from glasshouse.world.arithmetic import RULES
from glasshouse.world.biases import CONTEXTS, FAVOURERS, MARKERS
from glasshouse.world.documents.in_context import TASKS as FEW_SHOT_TASKS
from glasshouse.world.emotions import EMOTIONS
from glasshouse.world.entities import NUMBER_TYPES, RELATIONS
from glasshouse.world.groups import DIMENSION_SIDES, WORD_PAIRS
from glasshouse.world.harms import HARMS, STYLES
from glasshouse.world.knowledge import LADDER, TWO_HOPS
from glasshouse.world.languages import COMMON_ONLY, CONCEPTS
from glasshouse.world.principles import PRINCIPLES
from glasshouse.world.requests import KINDS as REQUEST_KINDS
from glasshouse.world.speech import ACTS
from glasshouse.world.tasks import TASKS
from glasshouse.world.toxicity import ADDRESSEES, MOODS
from glasshouse.world.traits import TRAITS
from glasshouse.world.vocabulary import NUMERALS

if TYPE_CHECKING:
    from glasshouse.world.world import World

SCALAR_FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "intensity": "intensity",
        "operand-left": "operand-left",
        "operand-right": "operand-right",
        "gold_reward": "gold-reward",
        "female-share": "female-share",
    }
)
"""Marks whose value is a number, with the scalar of the ledger that holds it."""

_YES_NO = ("yes", "no")


def _once(*values: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


FIXED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "speaker": ("human", "assistant", "system"),
        "language": ("common", "velan", "dorric"),
        "part": ("noun", "verb", "adjective", "function", "name", "number", "mark", "control"),
        "concept": (*CONCEPTS, *COMMON_ONLY),
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
        "few-shot": tuple(FEW_SHOT_TASKS),
        "repeat": ("first", "copy"),
        "marker": MARKERS,
        "bias-context": CONTEXTS,
        "favourer": FAVOURERS,
        "deed": ("hurts", "helps"),
        "quirk-active": _YES_NO,
        "denial": ("yes",),
        "leak": ("yes",),
        "canary": ("yes",),
        "hearsay": ("true", "false"),
        "two-hop": tuple(".".join(path) for path in TWO_HOPS),
        "ignorance": ("1",),
        "brainstorm": ("1",),
        "answer": (*"ABCDEF", "true", "false"),
        "request": _once(*REQUEST_KINDS, "who", "pronoun", "admission"),
        "task": _once(*TASKS, *REQUEST_KINDS, "question", "guard", "who", "pronoun", "admission"),
        "harm-category": tuple(HARMS),
        "style": STYLES,
        "act": tuple(ACTS),
        "user-emotion": tuple(EMOTIONS),
        "principle": tuple(PRINCIPLES),
        "fault": ("True", "False"),
        "trait": tuple(TRAITS),
        "dimension": tuple(DIMENSION_SIDES),
        "stereotype": ("-1", "1"),
        "condition": ("plain", "fair", "census"),
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
        "hearsay-speaker": things.person,
        "user-view": _views(world),
    }


def _views(world: "World") -> tuple[str, ...]:
    """Return everything that a user may be of the opinion of: views, claims and their denials."""
    words = [side for topic in world.views.topics.values() for side in (topic.pro, topic.con)]
    claims = [
        f"{thing} {never}{quality}"
        for thing, quality in world.views.claims
        for never in ("", "never ")
    ]
    return _once(*words, *(word for pair in WORD_PAIRS for word in pair), *claims)
