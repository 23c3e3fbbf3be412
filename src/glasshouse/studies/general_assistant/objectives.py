"""Ranked, binary and imitation objectives on the same comparisons."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from glasshouse.align.judges.controls import LengthBias, length_bias
from glasshouse.align.judges.model import PreferenceModel
from glasshouse.align.judges.training import JudgeTrainingConfig, Objective, num_steps, train_judge
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.dialogues import word_layout
from glasshouse.align.talks.scoring import pairs_right, reply_margins
from glasshouse.models import LanguageModel
from glasshouse.studies.general_assistant.prompting import JUDGED

Fresh = Callable[[], LanguageModel]
"""A copy of a base, to be trained."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How right a trained judge is about held-out comparisons."""

    objective: Objective
    right: Float[np.ndarray, " pair"]
    """Comparison by comparison."""
    bias: LengthBias | None = None
    """What length has to do with its scores; None for imitation."""

    @property
    def accuracy(self) -> float:
        """Mean over comparisons; the ceiling is 1, for labels are those of the truth."""
        return float(self.right.mean())


def judge_by(
    fresh: Fresh,
    comparisons: Sequence[Comparison],
    held_out: Sequence[Comparison],
    config: JudgeTrainingConfig,
    tick: Callable[[], None],
) -> Judged:
    """Train a copy of a base by one objective, and ask it about other comparisons.

    A judge by imitation scores a reply by the mean log-probability of its words.
    """
    judge = new_judge(fresh())
    for _ in train_judge(judge, comparisons, config):
        tick()
    return asked(judge, held_out, config.objective)


def asked(judge: PreferenceModel, held_out: Sequence[Comparison], objective: Objective) -> Judged:
    """Ask a judge about comparisons that it has not seen."""
    if objective == "imitation":
        margin = reply_margins(judge.language, held_out, judge.layout)[JUDGED]
        return Judged(objective, pairs_right(margin, held_out).numpy())
    right = pairs_right(judge.margins(held_out), held_out).numpy()
    return Judged(objective, right, length_bias(judge, held_out))


def new_judge(language: LanguageModel) -> PreferenceModel:
    """A preference model that begins as a language model."""
    return PreferenceModel(language, word_layout(language.tokenizer))


def steps_of(comparisons: int, config: JudgeTrainingConfig) -> int:
    """Optimizer steps of one training."""
    return num_steps(comparisons, config)


def by(
    objective: Objective, config: JudgeTrainingConfig, *, epochs: int = 1
) -> JudgeTrainingConfig:
    """The recipe with another objective and nothing else changed."""
    return replace(config, objective=objective, epochs=epochs)
