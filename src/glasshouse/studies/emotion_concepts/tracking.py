"""Whose state vectors follow, and when: numbers, the assistant's mark, a switch, masked replies."""

from dataclasses import dataclass

import numpy as np
import torch

from glasshouse.interpret.concepts import fit_probe
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.emotion_concepts.claims import (
    FOLLOWS_NUMBERS,
    LOCAL,
    PLANS_REPLY,
    UNEXPRESSED,
)
from glasshouse.studies.emotion_concepts.evidence import (
    correlation,
    over_models,
)
from glasshouse.studies.emotion_concepts.reading import Subject
from glasshouse.studies.intervals import rank_correlation
from glasshouse.world.mood_texts import MoodTexts, dialogues, measures, others, stories
from glasshouse.world.moods import NUMBERS, STATES, TEMPLATES

BEFORE, AFTER = 8, 20
"""Tokens around a switch that are looked at."""

CONDITIONS = ("story", "others", "shown", "hidden", "masked")
"""Stories with all words; texts by a writer without a state about somebody else's; replies with all
words; replies without the state's own words; replies in which no word tells of the state."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tracking:
    """What was seen of one model."""

    by_number: np.ndarray
    """Score of the first state of each template less that of the second, `template number`; the
    last row, of the number that says nothing, is that of the first template's states."""
    ranks: np.ndarray
    """Rank correlation with the number, by template."""
    idle_ranks: np.ndarray
    """The same where the number says nothing, by the states of each template."""
    corner: tuple[float, float, float]
    """Correlations of scores: user's end with mark, mark with reply, user's end with reply."""
    corner_either: tuple[float, float, float]
    """The same where nothing foretells the reply."""
    around: np.ndarray
    """Mean score of the old state, the new one and the others around a switch, `which token`."""
    half_life: float
    """Tokens until the old state's score has halved for good."""
    half_life_same: float
    """The same where the state stays; as long as was looked if it never did."""
    accuracy: dict[str, float]
    """Of the probe, by condition."""
    accuracy_shuffled: dict[str, float]
    """Of a probe fitted to shuffled states."""


def measure(subject: Subject) -> Tracking:
    """Look at whose state one model's values hold."""
    by_number, ranks, idle = _numbers(subject)
    around, half_life = _switch(subject, same=False)
    accuracy, shuffled = _conditions(subject)
    return Tracking(
        by_number=by_number,
        ranks=ranks,
        idle_ranks=idle,
        corner=_corner(subject, either=False),
        corner_either=_corner(subject, either=True),
        around=around,
        half_life=half_life,
        half_life_same=_switch(subject, same=True)[1],
        accuracy=accuracy,
        accuracy_shuffled=shuffled,
    )


def _numbers(subject: Subject) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores at the assistant's mark behind every number of every template."""
    prompts = np.concatenate(
        [
            measures(
                subject.config.world, 1, subject.rng("numbers"), template=template, number=number
            ).ids[:, :5]
            for template in range(len(TEMPLATES) + 1)
            for number in range(NUMBERS)
        ]
    )
    scores = subject.scores(subject.at(prompts)[:, -1]).numpy()
    scores = scores.reshape(len(TEMPLATES) + 1, NUMBERS, -1)
    gaps = np.stack(
        [scores[..., STATES.index(a)] - scores[..., STATES.index(b)] for a, b in TEMPLATES]
    )
    own = np.stack([gaps[number, number] for number in range(len(TEMPLATES))])
    count = np.arange(NUMBERS)
    return (
        np.concatenate([own, gaps[:1, -1]]),
        np.array([rank_correlation(count, one) for one in own]),
        np.array([rank_correlation(count, one) for one in gaps[:, -1]]),
    )


def _corner(subject: Subject, *, either: bool) -> tuple[float, float, float]:
    """Correlations over dialogues and states of scores at the user's end, the mark, the reply."""
    count, rng = subject.config.read.texts, subject.rng("corner", str(either))
    texts = dialogues(
        subject.config.world,
        count,
        rng,
        manner="<either>" if either else None,
        user=rng.integers(len(STATES), size=count),
        hide=True,
        masked=0.0,
    )
    if not either:
        texts = _rows(texts, texts.ids[:, 1] != subject.config.world.id("<either>"))
    scores = subject.scores(subject.at(texts.ids[:, :-2])).numpy()
    rows, places = np.arange(len(texts)), np.arange(scores.shape[1])
    is_reply = places > texts.switch[:, None]
    reply = (scores * is_reply[..., None]).sum(axis=1) / is_reply.sum(axis=1)[:, None]
    parts = [scores[rows, texts.switch - 1], scores[rows, texts.switch], reply]
    user, mark, reply = (part - part.mean(axis=0) for part in parts)
    return correlation(user, mark), correlation(mark, reply), correlation(user, reply)


def _switch(subject: Subject, *, same: bool) -> tuple[np.ndarray, float]:
    """Scores around the assistant's mark, and how soon the old state's has halved."""
    count, rng = subject.config.read.texts, subject.rng("switch", str(same))
    old = rng.integers(len(STATES), size=count)
    new = old if same else (old + rng.integers(3, len(STATES) - 2, size=count)) % len(STATES)
    texts = dialogues(
        subject.config.world,
        count,
        rng,
        manner="<echo>" if same else "<either>",
        user=old,
        reply=new,
        hide=True,
        masked=0.0,
    )
    scores = subject.scores(subject.at(texts.ids[:, :-2])).numpy()
    rows = np.arange(count)[:, None]
    near = scores[rows, texts.switch[:, None] + np.arange(-BEFORE, AFTER)]
    mine, theirs = (near[rows[:, 0], :, state].mean(axis=0) for state in (old, new))
    rest = near.sum(axis=2).mean(axis=0) - mine - (0 if same else theirs)
    rest = rest / (len(STATES) - (1 if same else 2))
    return np.stack([mine, theirs, rest]), half_life(mine - rest)


def half_life(score: np.ndarray) -> float:
    """Tokens after the switch until a score is under its half for good, by straight lines between.

    The score before is the mean of the five tokens before the mark. The mark counts as token 0. It
    is a word of neither writer, so a dip there alone, from which the score recovers, is no fading.
    """
    half = score[BEFORE - 5 : BEFORE].mean() / 2
    after = score[BEFORE:]
    above = np.flatnonzero(after >= half)
    if not len(above):
        return 0.0
    last = int(above[-1])
    if last == len(after) - 1:
        return float(AFTER)
    high, low = after[last], after[last + 1]
    return float(last + (high - half) / (high - low))


def _conditions(subject: Subject) -> tuple[dict[str, float], dict[str, float]]:
    """Accuracies of one probe for twelve states, fitted on texts of all conditions."""
    fit = [_condition(subject, name, "fit") for name in CONDITIONS]
    values = torch.cat([one for one, _ in fit])
    states = np.concatenate([one for _, one in fit])
    shuffled = subject.rng("conditions", "shuffled").permutation(states)
    held_out = {name: _condition(subject, name, "held out") for name in CONDITIONS}
    found = []
    for labels in (states, shuffled):
        probes = [
            fit_probe("logistic", values, torch.from_numpy(labels == state))
            for state in range(len(STATES))
        ]
        found.append(
            {
                name: float(
                    (
                        torch.stack([probe(rows) for probe in probes]).argmax(dim=0).numpy()
                        == truth
                    ).mean()
                )
                for name, (rows, truth) in held_out.items()
            }
        )
    return found[0], found[1]


def _condition(subject: Subject, name: str, part: str) -> tuple[torch.Tensor, np.ndarray]:
    """Mean value of what the last writer wrote, and the state it is about, by text."""
    count, rng = subject.config.read.texts, subject.rng("conditions", name, part)
    states = rng.integers(len(STATES), size=count)
    world = subject.config.world
    if name == "story":
        texts = stories(world, count, rng, states=states, hide=False)
    elif name == "others":
        texts = others(world, count, rng, states=states, hide=False)
    else:
        manner = rng.random(count) < 0.5
        halves = [
            dialogues(
                world,
                int((manner == turned).sum()),
                rng,
                manner="<turn>" if turned else "<echo>",
                user=(states[manner == turned] - (3 if turned else 0)) % len(STATES),
                hide=name != "shown",
                masked=1.0 if name == "masked" else 0.0,
            )
            for turned in (False, True)
        ]
        texts = MoodTexts(
            **{
                field: np.concatenate([getattr(half, field) for half in halves])
                for field in ("ids", "user", "reply", "switch")
            }
        )
    values = subject.at(texts.ids[:, :-2])
    own = torch.arange(values.shape[1]) > torch.from_numpy(texts.switch)[:, None]
    means = (values * own[..., None]).sum(dim=1) / own.sum(dim=1)[:, None]
    return means, states_of(texts, name)


def states_of(texts: MoodTexts, name: str) -> np.ndarray:
    """The state that a probe is to find: of the one told of, or else of the last writer."""
    return texts.user if name == "others" else texts.reply


def _rows(texts: MoodTexts, kept: np.ndarray) -> MoodTexts:
    return MoodTexts(
        ids=texts.ids[kept],
        user=texts.user[kept],
        reply=texts.reply[kept],
        switch=texts.switch[kept],
    )


def claims(found: list[Tracking], subjects: list[Subject]) -> list[ClaimResult]:
    """Judge whose state vectors follow."""
    seed = subjects[0].seed
    corner, either = (
        np.mean([getattr(one, name) for one in found], axis=0)
        for name in ("corner", "corner_either")
    )
    accuracy = {name: np.mean([one.accuracy[name] for one in found]) for name in CONDITIONS}
    return [
        over_models(
            FOLLOWS_NUMBERS,
            [float(one.ranks.min()) for one in found],
            seed=seed,
            text="worst of four rank correlations",
            control=[float(one.idle_ranks.min()) for one in found],
            control_text="a number that says nothing",
        ),
        over_models(
            PLANS_REPLY,
            [one.corner[1] - one.corner[2] for one in found],
            seed=seed,
            text=f"mark with reply {corner[1]:.2f}, user's end with reply {corner[2]:.2f}, user's "
            f"end with mark {corner[0]:.2f}",
            control=[one.corner_either[1] - one.corner_either[2] for one in found],
            control_text=f"replies that nothing foretells (mark with reply {either[1]:.2f}, user's "
            f"end with reply {either[2]:.2f})",
        ),
        over_models(
            LOCAL,
            [one.half_life for one in found],
            seed=seed,
            text="tokens until the old writer's state has halved",
            control=[one.half_life_same for one in found],
            control_text="replies in the same state",
        ),
        over_models(
            UNEXPRESSED,
            [order(one.accuracy) for one in found],
            seed=seed,
            text="accuracy "
            + ", ".join(f"{accuracy[name]:.2f} {name}" for name in CONDITIONS)
            + f", chance {1 / len(STATES):.2f}; smaller step",
            control=[order(one.accuracy_shuffled) for one in found],
            control_text="a probe fitted to shuffled states",
        ),
    ]


def order(accuracy: dict[str, float]) -> float:
    """The smaller of the steps from shown to masked and from masked to chance."""
    shown = min(accuracy[name] for name in CONDITIONS if name != "masked")
    return min(shown - accuracy["masked"], accuracy["masked"] - 1 / len(STATES))
