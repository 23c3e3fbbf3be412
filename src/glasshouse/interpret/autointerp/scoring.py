"""How far an explanation says what a latent does.

Simulation asks for the activation of every token; detection, whether the latent is active in a
text; fuzzing, whether marked tokens are the right ones. Each is cheaper and blunter than the one
before. An answer that makes no sense counts as a wrong one: it stays in the denominator.

Source:
    Bills et al. 2023, "Language models can explain neurons in language models", for simulation.
    Paulo et al. 2024, "Automatically interpreting millions of features in large language models"
    (2410.13928), section 3, for detection and fuzzing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glasshouse.errors import InputError
from glasshouse.interpret.autointerp.explanation import Explanation
from glasshouse.interpret.autointerp.passages import Passages
from glasshouse.interpret.features.examples import Example


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplanationScore:
    """All scores of one explanation."""

    simulation: float
    """Correlation of foretold and real activations over strong and random passages; at most 1."""
    simulation_random: float
    """The same over random passages alone; NaN if the latent is active in none of them."""
    detection: float
    """Balanced accuracy of telling active texts from silent ones; 0.5 is chance, NaN if all or
    none are active."""
    fuzzing: float
    """Accuracy of telling rightly marked tokens from wrongly marked ones; 0.5 is chance."""
    nonsense: int
    """Answers that made no sense, of all."""


def score_explanation(
    explanation: Explanation, passages: Passages, *, seed: int = 0
) -> ExplanationScore:
    """Score an explanation on passages that it was not made from."""
    together, lost = simulation_score(explanation, passages.scored)
    alone, _ = simulation_score(explanation, passages.random)
    detection, missed = detection_score(explanation, passages.scored)
    fuzzing, unclear = fuzzing_score(explanation, passages.strongest, seed=seed)
    return ExplanationScore(
        simulation=together,
        simulation_random=alone,
        detection=detection,
        fuzzing=fuzzing,
        nonsense=lost + missed + unclear,
    )


def simulation_score(explanation: Explanation, examples: Sequence[Example]) -> tuple[float, int]:
    """Correlate what an explanation foretells with what was, over all tokens of some passages.

    Where an answer makes no sense, silence is taken for it.

    Returns:
        The correlation (0 where the answer is constant, NaN where the latent is), and how many
        answers made no sense.

    Raises:
        InputError: If there are no passages.
    """
    if not examples:
        raise InputError("there are no passages to score an explanation on")
    real = np.concatenate([example.activations for example in examples])
    answers = [explanation.simulate(example) for example in examples]
    told = np.concatenate(
        [
            np.zeros(len(example.ids)) if answer is None else np.asarray(answer, dtype=float)
            for example, answer in zip(examples, answers, strict=True)
        ]
    )
    nonsense = sum(answer is None for answer in answers)
    if real.std() == 0:
        return float("nan"), nonsense
    return (float(np.corrcoef(real, told)[0, 1]) if told.std() > 0 else 0.0), nonsense


def detection_score(
    explanation: Explanation, examples: Sequence[Example], *, share: float = 0.1
) -> tuple[float, int]:
    """Tell texts in which the latent is active from those in which it is not.

    Args:
        explanation: What is scored.
        examples: Passages of both kinds.
        share: Of the strongest activation among them, from which on a text counts as active.

    Returns:
        Balanced accuracy, NaN if all passages are of one kind; answers that made no sense.
    """
    peak = max((float(example.activations.max()) for example in examples), default=0.0)
    right: dict[bool, list[bool]] = {True: [], False: []}
    nonsense = 0
    for example in examples:
        is_active = bool(peak > 0 and example.activations.max() >= share * peak)
        answer = explanation.fits(example)
        nonsense += answer is None
        right[is_active].append(answer is not None and answer == is_active)
    if not all(right.values()):
        return float("nan"), nonsense
    return float(np.mean([np.mean(kind) for kind in right.values()])), nonsense


def fuzzing_score(
    explanation: Explanation, examples: Sequence[Example], *, share: float = 0.3, seed: int = 0
) -> tuple[float, int]:
    """Tell tokens on which the latent is active from others of the same text.

    Each passage is asked about twice: with its active tokens marked, and with as many silent ones.

    Args:
        explanation: What is scored.
        examples: Passages with active and silent tokens; others are left out.
        share: Of a passage's strongest activation, from which on a token counts as active.
        seed: Of the silent tokens that are marked.

    Returns:
        Accuracy, NaN if no passage could be asked about; answers that made no sense.
    """
    chance = np.random.default_rng(seed)
    right: list[bool] = []
    nonsense = 0
    for example in examples:
        active = example.activations >= share * max(float(example.activations.max()), 1e-12)
        silent = np.flatnonzero(example.activations == 0)
        if not active.any() or not len(silent):
            continue
        wrong = np.zeros(len(active), dtype=bool)
        wrong[chance.choice(silent, min(int(active.sum()), len(silent)), replace=False)] = True
        for marked, expected in ((active, True), (wrong, False)):
            answer = explanation.marks(example, marked)
            nonsense += answer is None
            right.append(answer is not None and answer == expected)
    return (float(np.mean(right)) if right else float("nan")), nonsense
