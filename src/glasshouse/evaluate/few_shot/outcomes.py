"""What came of a task: how it was put, each question with its answer, and the means."""

from dataclasses import dataclass, field

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.likelihood import Scored
from glasshouse.evaluate.few_shot.metrics import Estimate, estimate
from glasshouse.evaluate.few_shot.tasks import Sample, Task

DEFAULT_SEED = 1234
"""lm-eval's own: the same examples are chosen without saying anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FewShotConfig:
    """How a task is put to a model."""

    num_fewshot: int | None = None
    """Examples before each question; None: as many as the task says."""
    limit: int | None = None
    """Questions that are asked, from the first; None: all."""
    seed: int = DEFAULT_SEED
    """Chooses the examples."""
    batch_size: int = 64
    """Free answers written at once."""

    def __post_init__(self) -> None:
        if self.num_fewshot is not None and self.num_fewshot < 0:
            raise InputError(f"num_fewshot={self.num_fewshot} must not be negative")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit={self.limit} must be at least 1 question")
        if self.batch_size < 1:
            raise InputError(f"batch_size={self.batch_size} must be at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One question as it was put and answered."""

    sample: Sample
    """What was asked."""
    prompt: str
    """What the model read."""
    num_shots: int
    """Examples in it."""
    num_cut: int
    """Examples that did not fit the context and were cut, the first ones first."""
    choices: tuple[Scored, ...] = ()
    """How likely each choice is; empty where there is none."""
    alone: tuple[Scored, ...] = ()
    """How likely each is without the question, if that is measured."""
    target: Scored | None = None
    """How likely the right answer is, if that is measured."""
    text: str | None = None
    """What the model wrote, if it wrote."""
    filtered: dict[str, str] = field(default_factory=dict)
    """What each pipeline made of it."""
    metrics: dict[tuple[str, str], float] = field(default_factory=dict)
    """By metric and pipeline: what the answer is worth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A task as one model did it."""

    task: Task
    """What was asked."""
    config: FewShotConfig
    """How."""
    num_fewshot: int
    """Examples asked for."""
    answered: tuple[Answered, ...]
    """Every question, in order."""

    @property
    def num_cut_prompts(self) -> int:
        """Prompts that lost examples because they did not fit the context."""
        return sum(one.num_cut > 0 for one in self.answered)

    @property
    def num_cut_shots(self) -> int:
        """Examples that were cut, in all prompts together."""
        return sum(one.num_cut for one in self.answered)

    def values(self, metric: str, pipeline: str = "none") -> list[float]:
        """What each answer is worth.

        Raises:
            InputError: If that was not measured.
        """
        if (metric, pipeline) not in self.answered[0].metrics:
            known = ", ".join(f"{name},{of}" for name, of in self.answered[0].metrics)
            raise InputError(f"{metric},{pipeline} was not measured; there are {known}")
        return [one.metrics[metric, pipeline] for one in self.answered]

    def estimate(self, metric: str, pipeline: str = "none") -> Estimate:
        """The mean over questions, with its standard error.

        Raises:
            InputError: If that was not measured.
        """
        return estimate(metric, self.values(metric, pipeline))

    @property
    def estimates(self) -> dict[tuple[str, str], Estimate]:
        """Everything that was measured, by metric and pipeline."""
        return {key: self.estimate(*key) for key in self.answered[0].metrics}
