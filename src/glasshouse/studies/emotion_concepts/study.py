"""The study itself: grow the models, make their vectors, follow the arguments, write chapters."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, Verdict
from glasshouse.studies.emotion_concepts import (
    behaviour,
    drift,
    preferences,
    recognition,
    tracking,
)
from glasshouse.studies.emotion_concepts.config import EmotionConfig, paper, small
from glasshouse.studies.emotion_concepts.figures import chapters
from glasshouse.studies.emotion_concepts.grow import grow_all
from glasshouse.studies.emotion_concepts.reading import subject_of
from glasshouse.studies.emotion_concepts.seen import Seen
from glasshouse.studies.study import Findings, Progress, Study


def run(
    config: EmotionConfig,
    *,
    seed: int,
    progress: Progress,
    workspace: Path | None = None,
) -> Findings:
    """Grow every model and judge every claim; nothing is kept in a workspace.

    Raises:
        InputError: If the config asks for a device that is not there.
    """
    grown = grow_all(config, seed=seed, progress=progress)
    subjects = []
    for one in grown:
        progress(900 + 20 * len(subjects) // len(grown), 1_000, "making vectors")
        subjects.append(subject_of(one, config, seed=seed))
    seen = Seen(
        subjects=subjects,
        recognition=[recognition.measure(one) for one in subjects],
        tracking=[tracking.measure(one) for one in subjects],
        preferences=[preferences.measure(one) for one in subjects],
        behaviour=[behaviour.measure(one) for one in subjects],
        drift=[drift.measure(one) for one in subjects],
    )
    progress(1_000, 1_000, "judging")
    claims = in_paper_order(
        [
            *recognition.claims(seen.recognition, subjects),
            *tracking.claims(seen.tracking, subjects),
            *preferences.claims(seen.preferences, subjects),
            *behaviour.claims(seen.behaviour, subjects),
            *drift.claims(seen.drift, subjects),
        ]
    )
    return Findings(claims=tuple(claims), sections=chapters(seen), headline=_headline(claims))


ORDER = (
    "vectors-find-states",
    "lens-names-words",
    "numbers-move-probes",
    "probe-predicts-preference",
    "steering-moves-preference",
    "valence-arousal-plane",
    "geometry-stable-over-layers",
    "mark-foretells-reply",
    "speaker-switch",
    "unexpressed-states",
    "steering-moves-misdeeds",
    "steering-moves-cheating",
    "sycophancy-against-harshness",
    "tuning-shifts-alike",
)
"""Claims as the paper makes them."""


def in_paper_order(claims: list[ClaimResult]) -> list[ClaimResult]:
    """Claims in the order of the paper."""
    return sorted(claims, key=lambda result: ORDER.index(result.claim.id))


def _headline(claims: list[ClaimResult]) -> str:
    counts = {verdict: sum(r.verdict is verdict for r in claims) for verdict in Verdict}
    said = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    return (
        "Vectors of latent states, made from texts that never name them, in models that wrote "
        f"under such states: of {len(claims)} claims, {said}. These are analogues of emotion "
        "concepts; nothing here speaks of experience."
    )


STUDY = Study(
    card=STUDIES["emotion-concepts"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Emotion Concepts and their Function in a Large Language Model, as one command."""
