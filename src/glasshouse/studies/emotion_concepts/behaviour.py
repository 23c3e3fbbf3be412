"""What pushing along vectors does to acts that depend on the writer's state."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from glasshouse.interpret.concepts import DoseResponse, dose_response, fluency
from glasshouse.interpret.concepts.dose import Fluency
from glasshouse.models.steering import Steering
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.emotion_concepts.claims import CHEATING, MISDEED, SYCOPHANCY
from glasshouse.studies.emotion_concepts.evidence import over_models
from glasshouse.studies.emotion_concepts.reading import Subject, chances, run
from glasshouse.studies.intervals import rank_correlation
from glasshouse.world.mood_texts import dialogues
from glasshouse.world.moods import ACTS, NO_STATE, STATES, coordinates

PLEASANT = ("glad", "happy", "calm")
"""The states that are to make it agree."""

HARSH = ("desperate", "tense", "miserable")
"""The states that are to make it hostile."""

PUSHED = ("desperate", "calm")
"""The states of misdeeds."""

JUDGED = 16
"""Texts that are written to see whether they hold."""

WRITTEN = 12
"""Tokens of each."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Behaviour:
    """What one model does when pushed."""

    doses: dict[tuple[str, str], DoseResponse]
    """By act and state, the chance of the act's first answer, beside permuted vectors."""
    told: dict[str, np.ndarray]
    """By state, chance that the next word tells of a state, by strength."""
    by_state: np.ndarray
    """Change of every answer's chance from the lowest to the highest strength, `state answer`."""
    by_random: np.ndarray
    """The same along permuted vectors, `direction answer`."""
    planted: np.ndarray
    """The chance of every answer in each state, as the world has it, `state answer`."""


ANSWERS = [(act, number) for act in ACTS for number in range(len(ACTS[act].answers))]
"""All answers: the columns of `by_state`."""


def measure(subject: Subject) -> Behaviour:
    """Push one model on texts that show no state."""
    config, world = subject.config, subject.config.world
    strengths = config.push.strengths
    prompts = {act: neutral_prompts(subject, act) for act in ACTS}
    answers = {act: [world.id(answer) for answer in one.answers] for act, one in ACTS.items()}
    aimless = subject.meaningless(subject.main.vectors, config.read.random, "pushed")
    begun = [row[:24] for row in prompts["act"][:JUDGED].tolist()]
    reads = _once(fluency(subject.model, begun, tokens=WRITTEN, seed=0))
    along = {state: lru_cache(_along(subject, subject.main[state])) for state in PUSHED}
    doses = {
        (act, state): dose_response(
            strengths,
            along[state],
            _chance(subject, prompts[act], answers[act][:1]),
            fluency=reads,
            random=[_along(subject, direction) for direction in aimless],
        )
        for act in ("act", "task")
        for state in PUSHED
    }

    def swing(direction: Tensor) -> list[float]:
        low, high = (
            np.concatenate(
                [
                    chances(
                        subject.model, prompts[act], answers[act], subject.push(direction, strength)
                    )
                    .mean(dim=0)
                    .numpy()
                    for act in ACTS
                ]
            )
            for strength in (strengths[0], strengths[-1])
        )
        return (high - low).tolist()

    return Behaviour(
        doses=doses,
        told={state: _told(subject, prompts["act"], state) for state in PUSHED},
        by_state=np.array([swing(vector) for vector in subject.main.vectors]),
        by_random=np.array([swing(direction) for direction in aimless]),
        planted=planted(),
    )


def planted() -> np.ndarray:
    """The chance of every answer in each state, as the world has it, `state answer`."""
    valence, arousal = coordinates(np.arange(len(STATES)))
    return np.concatenate([act.chances(valence, arousal) for act in ACTS.values()], axis=1)


def neutral_prompts(subject: Subject, act: str) -> np.ndarray:
    """Dialogues that show no state, up to the question."""
    count = subject.config.push.prompts
    none = np.full(count, NO_STATE)
    texts = dialogues(
        subject.config.world, count, subject.rng("prompts", act), user=none, reply=none, act=act
    )
    return texts.ids[:, :-1]


def _along(subject: Subject, direction: Tensor):
    def steering(strength: float) -> Steering:
        return subject.push(direction, strength)

    return steering


def _once(reads: Fluency) -> Fluency:
    """Remember what was read under each steering: acts share them, and writing takes longest."""
    held: dict[int, Tensor] = {}

    def losses(steering: Steering) -> Tensor:
        key = id(steering) if steering else 0
        if key not in held:
            held[key] = reads(steering)
        return held[key]

    return losses


def _chance(subject: Subject, ids: np.ndarray, answers: Sequence[int]):
    def measured(steering: Steering) -> Tensor:
        return chances(subject.model, ids, answers, dict(steering)).sum(dim=1)  # type: ignore[arg-type]

    return measured


def _told(subject: Subject, ids: np.ndarray, state: str) -> np.ndarray:
    """Chance that a word of the reply tells of a state, by strength."""
    telling = torch.tensor(list(subject.config.world.telling))
    found = []
    for strength in subject.config.push.strengths:
        logits = run(
            subject.model, ids[:, :-1], "logits", subject.push(subject.main[state], strength)
        )
        found.append(float(logits[:, 24:].softmax(dim=-1)[..., telling].sum(dim=-1).mean()))
    return np.array(found)


def column(act: str, number: int) -> int:
    """Where an answer stands in `by_state`."""
    return ANSWERS.index((act, number))


def _over_random(one: Behaviour) -> float:
    """The weaker effect on P(bad), as a multiple of what permuted vectors do."""
    bad = column("act", 0)
    desperate, calm = (one.by_state[STATES.index(state), bad] for state in PUSHED)
    return float(min(desperate, -calm) / np.abs(one.by_random[:, bad]).mean())


def _random_over_random(one: Behaviour) -> float:
    """The largest effect of a permuted vector, as a multiple of what the others do."""
    sizes = np.sort(np.abs(one.by_random[:, column("act", 0)]))
    return float(sizes[-1] / sizes[:-1].mean())


def _by_degrees(one: Behaviour) -> float:
    ranks = []
    for state in PUSHED:
        doses = one.doses["task", state].doses
        ranks.append(_rank([dose.effect for dose in doses], [dose.strength for dose in doses]))
    return min(ranks[0], -ranks[1])


def _random_by_degrees(one: Behaviour) -> float:
    """Mean rank correlation along permuted vectors, which may rise or fall."""
    doses = one.doses["task", "calm"].doses
    pushed = [dose for dose in doses if dose.strength]
    strengths = [dose.strength for dose in pushed]
    return float(
        np.mean(
            [
                _rank([dose.random[number] for dose in pushed], strengths)
                for number in range(len(pushed[0].random))
            ]
        )
    )


def _rank(effects: list[float], strengths: list[float]) -> float:
    return rank_correlation(np.array(strengths), np.array(effects))


def _opposite(one: Behaviour) -> float:
    """The weakest of: pleasant states agree, they are not hostile, harsh ones are."""
    rows = [[STATES.index(state) for state in states] for states in (PLEASANT, HARSH)]
    return _weakest(one.by_state[rows[0]], one.by_state[rows[1]])


def _random_opposite(one: Behaviour) -> float:
    """The same for permuted vectors in groups of three, on average."""
    groups = [one.by_random[start : start + 3] for start in range(0, len(one.by_random) - 2, 3)]
    pairs = [(a, b) for a in range(len(groups)) for b in range(len(groups)) if a != b]
    return float(np.mean([_weakest(groups[a], groups[b]) for a, b in pairs]))


def _weakest(pleasant: np.ndarray, harsh: np.ndarray) -> float:
    agree, hostile = column("answer", 0), column("answer", 1)
    return float(
        min(pleasant[:, agree].mean(), -pleasant[:, hostile].mean(), harsh[:, hostile].mean())
    )


def claims(found: list[Behaviour], subjects: list[Subject]) -> list[ClaimResult]:
    """Judge what steering does."""
    seed = subjects[0].seed
    top = subjects[0].config.push.strengths[-1]
    swings = np.mean([one.by_state for one in found], axis=0)
    noise = np.mean([np.abs(one.by_random).mean(axis=0) for one in found], axis=0)
    desperate, calm = (STATES.index(state) for state in PUSHED)
    bad, cheat = column("act", 0), column("task", 0)
    rows = [[STATES.index(state) for state in states] for states in (PLEASANT, HARSH)]
    agree, hostile = column("answer", 0), column("answer", 1)
    return [
        over_models(
            MISDEED,
            [_over_random(one) for one in found],
            seed=seed,
            text=f"P(bad) from -{top:g} to {top:g}: desperate {swings[desperate, bad]:+.2f}, calm "
            f"{swings[calm, bad]:+.2f}, permuted vectors {noise[bad]:.2f} in size; ratio",
            control=[_random_over_random(one) for one in found],
            control_text="the strongest permuted vector over the others",
        ),
        over_models(
            CHEATING,
            [_by_degrees(one) for one in found],
            seed=seed,
            text=f"P(cheat) from -{top:g} to {top:g}: desperate {swings[desperate, cheat]:+.2f}, "
            f"calm {swings[calm, cheat]:+.2f}, permuted vectors {noise[cheat]:.2f} in size; rank "
            "correlation",
            control=[_random_by_degrees(one) for one in found],
            control_text="permuted vectors, which rise as often as they fall",
        ),
        over_models(
            SYCOPHANCY,
            [_opposite(one) for one in found],
            seed=seed,
            text=f"pleasant: agree {swings[rows[0], agree].mean():+.3f}, hostile "
            f"{swings[rows[0], hostile].mean():+.3f}; harsh: agree "
            f"{swings[rows[1], agree].mean():+.3f}, hostile "
            f"{swings[rows[1], hostile].mean():+.3f}; the weakest",
            control=[_random_opposite(one) for one in found],
            control_text="permuted vectors in groups of three",
        ),
    ]
