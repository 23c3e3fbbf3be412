"""Argument 4: a head that copies literally also finds what is only alike. (An analogue.)"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from glasshouse.interpret.heads import attention_on, attention_patterns
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.induction_heads.ablation import Head
from glasshouse.studies.induction_heads.claims import FUZZY
from glasshouse.studies.induction_heads.course import Course
from glasshouse.studies.induction_heads.evidence import listed, not_grown, over_models
from glasshouse.studies.induction_heads.grow import Nursery
from glasshouse.studies.induction_heads.texts import held_out_texts, stream
from glasshouse.world.blocks import BlockWorld, follows_same

LOOKED_AT = 128
"""Loose texts on which attention is measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fuzzy:
    """What the best literal head of one model does where the word was seen in its other form."""

    head: Head
    """The head with the highest prefix matching on tokens all in one form."""
    matching: float
    """Its prefix matching there."""
    attention: float
    """Its attention on what followed the word in its other form."""
    chance: float
    """The same if it looked at all places alike."""
    pattern: np.ndarray
    """Its attention on one loose text, `query key`."""
    ids: np.ndarray
    """That text."""

    @property
    def times_chance(self) -> float:
        """Attention as a multiple of chance."""
        return self.attention / self.chance


def measure(nursery: Nursery) -> dict[str, list[Fuzzy]]:
    """Look at the models of words with two forms, by kind."""
    return {
        name: [
            _look(nursery, name, course, number)
            for number, course in enumerate(nursery.courses.get(name, ()))
        ]
        for name in ("loose", "literal")
    }


def _look(nursery: Nursery, name: str, course: Course, number: int) -> Fuzzy:
    probe = nursery.probes[name]
    world = replace(nursery.config.world(course.kind), loose_share=1.0)
    seed = int(stream(nursery.seed, "fuzzy", str(number)).integers(1 << 62))
    ids = held_out_texts(world, nursery.config.looks.length, LOOKED_AT, seed=seed).ids[:, :-1]
    targets = other_form_targets(world, ids)
    patterns = attention_patterns(probe.holding(course.weights), torch.from_numpy(ids)).cpu()
    matching = course.matching[-1]
    layer, head = (int(i) for i in np.unravel_index(matching.argmax(), matching.shape))
    return Fuzzy(
        head=(layer, head),
        matching=float(matching.max()),
        attention=float(attention_on(patterns, torch.from_numpy(targets))[layer, head]),
        chance=chance_of(targets),
        pattern=patterns[layer, 0, head].numpy(),
        ids=ids[0],
    )


def other_form_targets(world: BlockWorld, ids: np.ndarray) -> np.ndarray:
    """What followed earlier occurrences of a word, where all of these were in another form.

    Args:
        world: Says which written forms are one word.
        ids: Texts, `text place`.

    Returns:
        `text query key`; queries whose word was seen in the present form have no target.
    """
    same_word, same_form = follows_same(world.word_of(ids)), follows_same(ids)
    return same_word & ~same_form.any(axis=2, keepdims=True)


def chance_of(targets: np.ndarray) -> float:
    """Attention on targets if every place up to the query's own got the same."""
    visible = np.arange(1, targets.shape[1] + 1)
    share = targets.sum(axis=2) / visible
    return float(share[targets.any(axis=2)].mean())


def claims(found: dict[str, list[Fuzzy]], nursery: Nursery) -> list[ClaimResult]:
    """Judge argument 4."""
    if not found["loose"]:
        return [not_grown(FUZZY, nursery, "loose", "literal")]
    values = [model.times_chance for model in found["loose"]]
    absent = [model.times_chance for model in found["literal"]]
    mean = np.mean([model.attention for model in found["loose"]])
    chance = np.mean([model.chance for model in found["loose"]])
    return [
        over_models(
            FUZZY,
            values,
            nursery,
            text=f"{np.mean(values):.1f} times chance ({listed(values, '.1f')}): {mean:.2f} of the "
            f"attention, {chance:.2f} by chance",
            control=absent,
            control_text=f"models that saw literal copies only: {np.mean(absent):.1f} times chance"
            if absent
            else "",
        )
    ]
