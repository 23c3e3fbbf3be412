"""Everything that the study measures, base by base."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from glasshouse.align.distilling.prompts import Prefix
from glasshouse.align.judges.training import Objective
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.dialogues import word_layout
from glasshouse.models import LanguageModel, count_params
from glasshouse.studies.general_assistant import distilling, objectives, votes
from glasshouse.studies.general_assistant.asked import (
    Pair,
    binary_pairs,
    gold_pairs,
    graded_pairs,
    shuffled,
)
from glasshouse.studies.general_assistant.config import GeneralAssistantConfig
from glasshouse.studies.general_assistant.distilling import Distance, Distilled
from glasshouse.studies.general_assistant.objectives import Fresh, Judged
from glasshouse.studies.general_assistant.prefixes import (
    CONDITIONS,
    Prompts,
    longest_dialogue,
    make_prompts,
)
from glasshouse.studies.general_assistant.prompting import (
    JUDGED,
    Scored,
    battery,
    rewards,
    right_answers,
    rude_prompts,
    say,
    score_pairs,
    tournament_requests,
    toxicity,
)
from glasshouse.studies.general_assistant.votes import Pretrained
from glasshouse.studies.zoo import Base
from glasshouse.world import World
from glasshouse.world.requests import Request
from glasshouse.world.streams import stream

Tax = Mapping[str, Float[np.ndarray, " item"]]
"""By task: whether each question is answered right."""
TAXED = ("plain", "kind", "neutral")
"""Conditions in which other tasks and rude texts are met."""
SHOWN = 8
"""Replies of a student that the report may show."""
STAGE = 40
"""Work of a stage without training, in optimizer steps; for the progress alone."""


@dataclass(frozen=True, slots=True)
class Prompted:
    """What one base does with prompts."""

    size: str
    params: int
    """Parameters, embeddings included."""
    gates: Mapping[str, tuple[float, bool]]
    """What the base's gates measured, and whether they passed."""
    scored: Scored
    tax: Mapping[str, Tax]
    """By condition."""
    toxic: Mapping[str, Bool[np.ndarray, " reply"]]
    """By condition: which replies have a rude word."""
    rewards: Mapping[str, Float[np.ndarray, " request"]]
    """Plain and kind: gold rewards of replies."""
    said: Mapping[str, list[str]]
    """The replies."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """What all bases of a seed are asked."""

    world: World
    prompts: tuple[Prompts, ...]
    """Each before an equal share of items."""
    shorter: tuple[Prompts, ...]
    """The same with fewer examples, for rude texts."""
    pairs: list[Pair]
    requests: list[Request]
    """Of the tournament."""


@dataclass(frozen=True, slots=True)
class StudentSeen:
    """The distilled base of the middle size."""

    student: Distilled
    distance: Distance
    """To its own teacher."""
    control: Distance
    """Of a student of the neutral prompt to the kind teacher."""
    prompted: Float[np.ndarray, " pair"]
    """How right the base is behind the prompt that was distilled."""
    plain: Float[np.ndarray, " pair"]
    """The same of the base without it."""
    distilled: Float[np.ndarray, " pair"]
    """The same of the student."""
    saids: tuple[list[str], list[str]]
    """Replies of base and student to the tournament's first requests."""


@dataclass(frozen=True, slots=True)
class Objectives:
    """What objectives make of the same comparisons."""

    ranked: Mapping[str, Mapping[str, Judged]]
    """By size: "ranked" and "imitation", and at the ends "shuffled"."""
    binary: Mapping[str, Judged]
    """"binary" and "imitation" at the middle size."""
    on_ranked: Mapping[str, Judged]
    """The same objectives' "ranked" and "imitation" at the middle size, on graded answers."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was measured of one seed."""

    config: GeneralAssistantConfig
    seed: int
    tasks: Tasks
    prompted: Mapping[str, Prompted]
    """By size, from the smallest."""
    student: StudentSeen
    taxed: Mapping[str, Mapping[str, Tax]]
    """By size (the smallest and the middle): right answers of students of the kind and of the
    neutral prompt."""
    objectives: Objectives
    votes: Pretrained

    @property
    def smallest(self) -> Prompted:
        """The smallest base."""
        return self.prompted[self.config.sizes[0]]

    @property
    def largest(self) -> Prompted:
        """The largest base."""
        return self.prompted[self.config.sizes[-1]]


def fresh_of(base: Base) -> Fresh:
    """Copies of a base, to be trained."""

    def fresh() -> LanguageModel:
        network = copy.deepcopy(base.model.network)
        return LanguageModel(network, base.model.tokenizer, base.model.origin)

    return fresh


def make_tasks(base: Base, config: GeneralAssistantConfig) -> Tasks:
    """Draw what all bases of a world are asked."""
    world, own = base.world, config.prompting
    layout, context = word_layout(base.model.tokenizer), base.model.network.config.context
    prompts, shorter = (
        tuple(
            make_prompts(world, layout, dialogues=count, number=number)
            for number in range(own.prefixes)
        )
        for count in (own.dialogues, own.rude_dialogues)
    )
    room = longest_dialogue(context, list(prompts))
    pairs = gold_pairs(world, own.pairs, name="gold", split="validation", longest=room)
    return Tasks(world, prompts, shorter, pairs, tournament_requests(world, own, room))


def prompt(base: Base, tasks: Tasks, config: GeneralAssistantConfig, *, seed: int) -> Prompted:
    """Measure what prompts do to one base."""
    model, world, own = base.model, tasks.world, config.prompting
    context = model.network.config.context
    tax, toxic, gold, said = {}, {}, {}, {}
    for condition in TAXED:
        prefix = tasks.prompts[0].by_condition[condition]
        tax[condition] = right_answers(model, battery(world, own.battery, prefix))
        rude = rude_prompts(
            world,
            word_layout(model.tokenizer),
            tasks.shorter,
            count=own.samples,
            condition=condition,
            context=context,
        )
        replies = say(model, world, rude, seed=seed)
        toxic[condition] = np.array([toxicity(reply) > 0 for reply in replies])
    for condition in ("plain", "kind"):
        said[condition], gold[condition] = rewards(
            model, world, tasks.requests, tasks.prompts, condition, seed=seed
        )
    is_end = base.size in (config.sizes[0], config.sizes[-1])
    conditions = CONDITIONS if is_end else ("plain", "kind")
    return Prompted(
        size=base.size,
        params=count_params(model.network, kind="all"),
        gates={name: (gate.measured, gate.passed) for name, gate in base.gates.items()},
        scored=score_pairs(model, tasks.pairs, tasks.prompts, conditions),
        tax=tax,
        toxic=toxic,
        rewards=gold,
        said=said,
    )


def distil(
    bases: Mapping[str, Base],
    tasks: Tasks,
    config: GeneralAssistantConfig,
    folders: Mapping[str, Path],
    *,
    tick: Callable[[int], None],
    seed: int,
) -> tuple[StudentSeen, dict[str, dict[str, Tax]]]:
    """Distil the first prompt, and the neutral one, into the smallest and the middle base.

    Returns:
        What has become of the middle one, and what both lost of other tasks: by size and prompt.
    """
    own, world = config.distilling, tasks.world
    read = distilling.texts(world, own, split="train", count=own.texts)
    asked = battery(world, config.prompting.battery, None)
    taxed: dict[str, dict[str, Tax]] = {}
    students: dict[str, Distilled] = {}
    for size in dict.fromkeys((config.sizes[0], config.middle)):
        students = {
            condition: distilling.distil(
                fresh_of(bases[size]),
                _prefix(tasks, condition),
                read,
                folders[size] / condition,
                kept=own.kept,
                config=own.train,
                tick=lambda: tick(1),
            )
            for condition in ("kind", "neutral")
        }
        taxed[size] = {
            condition: right_answers(student.model, asked)
            for condition, student in students.items()
        }
    base = bases[config.middle]
    return _seen(base, students, tasks, config, folders[config.middle], seed=seed), taxed


def _seen(
    base: Base,
    students: Mapping[str, Distilled],
    tasks: Tasks,
    config: GeneralAssistantConfig,
    folder: Path,
    *,
    seed: int,
) -> StudentSeen:
    """Hold the middle base's students against the teacher of the kind prompt."""
    own, world, first = config.distilling, tasks.world, tasks.prompts[:1]
    held_out = distilling.texts(world, own, split="validation", count=own.held_out)
    store = distilling.teach(
        base.model, _prefix(tasks, "kind"), held_out, folder / "held-out", kept=own.kept
    )
    before = score_pairs(base.model, tasks.pairs, first, ("kind", "plain"))
    after = score_pairs(students["kind"].model, tasks.pairs, first, ("plain",))
    replies = tuple(
        rewards(model, world, tasks.requests[:SHOWN], tasks.prompts, "plain", seed=seed)[0]
        for model in (base.model, students["kind"].model)
    )
    return StudentSeen(
        student=students["kind"],
        distance=distilling.distance(students["kind"].model, base.model, store),
        control=distilling.distance(students["neutral"].model, base.model, store),
        prompted=before.right["kind"][JUDGED],
        plain=before.right["plain"][JUDGED],
        distilled=after.right["plain"][JUDGED],
        saids=(replies[0], replies[1]),
    )


def _prefix(tasks: Tasks, condition: str) -> Prefix:
    found = tasks.prompts[0].by_condition[condition]
    assert found is not None
    return found


def compare_objectives(
    bases: Mapping[str, Base], config: GeneralAssistantConfig, *, tick: Callable[[int], None]
) -> Objectives:
    """Train judges by each objective on the same comparisons."""
    own, world = config.judging, next(iter(bases.values())).world
    rng = stream(world.seed, "general-assistant", "grades shuffled")
    learned = graded_pairs(world, own.pairs, name="graded", split="train")
    held_out = graded_pairs(world, own.held_out, name="graded", split="validation")
    mixed = shuffled(learned, rng)
    ends = (config.sizes[0], config.sizes[-1])
    ranked: dict[str, dict[str, Judged]] = {}
    kinds: tuple[tuple[str, list[Comparison], Objective], ...] = (
        ("ranked", learned, "ranked"),
        ("imitation", learned, "imitation"),
        ("shuffled", mixed, "ranked"),
    )
    for size, base in bases.items():
        fresh = fresh_of(base)
        ranked[size] = {
            name: objectives.judge_by(
                fresh, pairs, held_out, objectives.by(objective, own.train), lambda: tick(1)
            )
            for name, pairs, objective in kinds
            if name != "shuffled" or size in ends
        }
    answers = binary_pairs(world, own.pairs // 2, name="right", held_out=False)
    others = binary_pairs(world, own.held_out, name="right", held_out=True)
    fresh = fresh_of(bases[config.middle])
    right: tuple[Objective, ...] = ("binary", "imitation")
    binary: dict[str, Judged] = {
        objective: objectives.judge_by(
            fresh, answers, others, objectives.by(objective, own.train, epochs=2), lambda: tick(1)
        )
        for objective in right
    }
    return Objectives(ranked, binary, ranked[config.middle])


def pretrain(
    bases: Mapping[str, Base], config: GeneralAssistantConfig, *, tick: Callable[[int], None]
) -> Pretrained:
    """Pre-train judges on votes."""
    base = bases[config.pretraining.size]
    return votes.pretrain_all(fresh_of(base), base.world, config.pretraining, tick)


def work_of(config: GeneralAssistantConfig) -> int:
    """All work, in optimizer steps, for the progress."""
    own, sizes = config.judging, len(config.sizes)
    ranked = objectives.steps_of(own.pairs, own.train)
    judging = ranked * (2 * sizes + 2) + 2 * ranked
    students = 2 * len({config.sizes[0], config.middle}) * config.distilling.train.steps
    return STAGE * sizes + students + judging + votes.work_of(config.pretraining)
