"""What training on calm replies does to the states of the assistant."""

from dataclasses import dataclass

import numpy as np

from glasshouse.models import LanguageModel
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.emotion_concepts.claims import DRIFT
from glasshouse.studies.emotion_concepts.evidence import correlation, over_models
from glasshouse.studies.emotion_concepts.reading import Subject
from glasshouse.world.mood_texts import dialogues
from glasshouse.world.moods import NO_STATE, STATES

USERS = {"neutral": (NO_STATE,), "distressed": (4, 5, 6, 7)}
"""States of users, by kind of prompt."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Drift:
    """How scores at the assistant's mark changed, by state."""

    calmed: dict[str, np.ndarray]
    """After training on calm replies, by kind of prompt."""
    continued: dict[str, np.ndarray]
    """After as much training on what it was grown on."""


def measure(subject: Subject) -> Drift:
    """Compare one model with what further training made of it."""
    prompts = {}
    for kind, states in USERS.items():
        rng = subject.rng("drift", kind)
        user = rng.choice(states, size=subject.config.read.texts)
        prompts[kind] = dialogues(subject.config.world, len(user), rng, user=user)
    before = {kind: _at_mark(subject, subject.model, texts) for kind, texts in prompts.items()}

    def shifts(model: LanguageModel) -> dict[str, np.ndarray]:
        return {
            kind: _at_mark(subject, model, texts) - before[kind] for kind, texts in prompts.items()
        }

    return Drift(calmed=shifts(subject.grown.calmed), continued=shifts(subject.grown.continued))


def _at_mark(subject: Subject, model: LanguageModel, texts) -> np.ndarray:
    """Mean scores at the assistant's mark, by state, with the vectors of the model as it grew."""
    values = subject.at(texts.ids[:, :-2], model=model)
    marks = values[np.arange(len(texts)), texts.switch]
    return subject.scores(marks).mean(dim=0).numpy()


def alike(shifts: dict[str, np.ndarray]) -> float:
    """Correlation of shifts between the kinds of prompts."""
    return correlation(shifts["neutral"], shifts["distressed"])


def claims(found: list[Drift], subjects: list[Subject]) -> list[ClaimResult]:
    """Judge whether shifts are alike."""
    mean = np.mean(
        [(one.calmed["neutral"] + one.calmed["distressed"]) / 2 for one in found], axis=0
    )
    order = mean.argsort()
    return [
        over_models(
            DRIFT,
            [alike(one.calmed) for one in found],
            seed=subjects[0].seed,
            text=f"most raised: {', '.join(STATES[i] for i in order[:-4:-1])}; most lowered: "
            f"{', '.join(STATES[i] for i in order[:3])}; correlation",
            control=[alike(one.continued) for one in found],
            control_text="as much training on the texts it was grown on",
        )
    ]
