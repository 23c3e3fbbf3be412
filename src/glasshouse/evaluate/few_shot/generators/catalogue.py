"""Every generated task by the name that the command line knows it by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.generators.analogies import RELATIONS, analogies
from glasshouse.evaluate.few_shot.generators.arithmetic import ARITHMETIC, arithmetic
from glasshouse.evaluate.few_shot.generators.drawing import Size
from glasshouse.evaluate.few_shot.generators.prose import common_words, standard_prose
from glasshouse.evaluate.few_shot.generators.translation import translation
from glasshouse.evaluate.few_shot.generators.unscrambling import UNSCRAMBLING, unscrambling
from glasshouse.evaluate.few_shot.generators.words import cloze, novel_words
from glasshouse.evaluate.few_shot.generators.worldly import (
    REQUESTED,
    in_context_task,
    question_task,
    requested_task,
    translation_task,
)
from glasshouse.evaluate.few_shot.tasks import Task
from glasshouse.world import World
from glasshouse.world.documents.in_context import TASKS as IN_CONTEXT


@dataclass(frozen=True, kw_only=True, slots=True)
class Materials:
    """What tasks are made of."""

    size: Size | None = None
    """How many questions; None: each task's own number."""
    text: str = field(default_factory=standard_prose)
    """Where real words and passages come from."""
    world: World = field(default_factory=World)
    """Whose words and facts; of the tasks that begin with `world_`."""


Make = Callable[[Materials], Task]


def _entries() -> dict[str, tuple[str, Make]]:
    entries: dict[str, tuple[str, Make]] = {}
    for kind in ARITHMETIC:
        entries[f"arithmetic_{kind}"] = (
            "sums, the answer written",
            lambda m, kind=kind: arithmetic(kind, m.size),
        )
    for kind in UNSCRAMBLING:
        entries[kind] = (
            "spoilt words to mend",
            lambda m, kind=kind: unscrambling(kind, common_words(m.text), m.size),
        )
    entries["novel_words"] = ("what invented words mean", lambda m: novel_words(m.size))
    entries["cloze"] = ("the last word of passages", lambda m: cloze(m.text, "continue", m.size))
    entries["cloze_blank"] = ("the same behind a blank", lambda m: cloze(m.text, "blank", m.size))
    entries["analogies"] = ("a is to b as c is to which", lambda m: analogies(None, m.size))
    for relation in RELATIONS:
        entries[f"analogies_{relation.replace(' ', '_')}"] = (
            "analogies of one relation",
            lambda m, relation=relation: analogies(relation, m.size),
        )
    for language in ("velan", "dorric"):
        for back in (False, True):
            for unit in ("words", "sentences"):
                way = f"{language}_to_common" if back else f"common_to_{language}"
                name = f"translate_{way}" + ("" if unit == "words" else "_sentences")
                entries[name] = (
                    "translation between the world's languages, spelt",
                    lambda m, one=language, unit=unit, back=back: translation(
                        one, unit, m.size, back=back
                    ),
                )
                entries[f"world_{name}"] = (
                    "translation in the world's words",
                    lambda m, one=language, unit=unit, back=back: translation_task(
                        one, unit, m.size, back=back
                    ),
                )
    for name in IN_CONTEXT:
        entries[f"world_{name}"] = (
            "a task of the world's few-shot documents",
            lambda m, name=name: in_context_task(m.world, name, m.size),
        )
    for name in REQUESTED:
        entries[f"world_ask_{name}"] = (
            "a task of the world's dialogues",
            lambda m, name=name: requested_task(m.world, name, m.size),
        )
    entries["world_questions"] = (
        "the world's facts, by choice",
        lambda m: question_task(m.world, "none", m.size),
    )
    return entries


GENERATED: Mapping[str, tuple[str, Make]] = MappingProxyType(_entries())
"""By name: what it asks, and what makes it."""


def task_names() -> dict[str, str]:
    """Every generated task, and what it asks."""
    return {name: said for name, (said, _) in GENERATED.items()}


def make_task(name: str, materials: Materials | None = None) -> Task:
    """Make a task by name.

    Raises:
        InputError: If there is none of that name, or too little to make it of.
    """
    if name not in GENERATED:
        raise InputError(f"there is no task {name!r}; `glasshouse evaluate ls` lists them")
    return GENERATED[name][1](materials or Materials())
