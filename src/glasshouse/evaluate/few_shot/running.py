"""Put a task to a model: once, over several draws of examples, and over numbers of examples."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.answering import ANSWER, ask
from glasshouse.evaluate.few_shot.likelihood import Progress
from glasshouse.evaluate.few_shot.outcomes import FewShotConfig, Outcome
from glasshouse.evaluate.few_shot.prompts import write_prompts
from glasshouse.evaluate.few_shot.tasks import Task
from glasshouse.models import LanguageModel
from glasshouse.models.respondent import Respondent


def evaluate(
    model: LanguageModel,
    task: Task,
    config: FewShotConfig | None = None,
    *,
    progress: Progress | None = None,
) -> Outcome:
    """Put a task to a language model.

    Args:
        model: Who answers.
        task: What is asked.
        config: How.
        progress: Told how many texts of how many are read or written.

    Raises:
        InputError: If a question does not fit the model's context even without examples, there
            are fewer examples than asked for, or a text cannot be encoded.
    """
    config = config or FewShotConfig()
    shots = task.num_fewshot if config.num_fewshot is None else config.num_fewshot
    prompts = write_prompts(task, num_fewshot=shots, seed=config.seed, limit=config.limit)
    answered = ANSWER[task.output_type](model, task, prompts, config, progress)
    return Outcome(task=task, config=config, num_fewshot=shots, answered=tuple(answered))


def evaluate_respondent(
    respondent: Respondent, task: Task, config: FewShotConfig | None = None
) -> Outcome:
    """Put a task to anything that completes prompts.

    Raises:
        InputError: If the task asks how likely something is, or there are too few examples.
    """
    config = config or FewShotConfig()
    shots = task.num_fewshot if config.num_fewshot is None else config.num_fewshot
    prompts = write_prompts(task, num_fewshot=shots, seed=config.seed, limit=config.limit)
    answered = ask(respondent, task, prompts, config)
    return Outcome(task=task, config=config, num_fewshot=shots, answered=tuple(answered))


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """What a number of examples is worth, over several draws of them."""

    num_fewshot: int
    """Examples before each question."""
    mean: float
    """Of the metric, over draws."""
    spread: float
    """Standard deviation over draws; NaN for one."""
    draws: tuple[float, ...]
    """Each draw's mean over questions."""
    num_cut_prompts: int
    """Prompts, of all draws, that lost examples for want of context."""


def curve_by_shots(
    model: LanguageModel,
    task: Task,
    shots: Sequence[int],
    metric: str,
    *,
    pipeline: str = "none",
    seeds: Sequence[int] = tuple(range(10)),
    config: FewShotConfig | None = None,
) -> list[CurvePoint]:
    """Measure a task with several numbers of examples, each drawn several times.

    Which examples stand there, and in what order, moves small models by tens of points, so one
    draw says little. Without examples there is nothing to draw, and one pass is made.

    Args:
        model: Who answers.
        task: What is asked.
        shots: Numbers of examples.
        metric: What is measured.
        pipeline: Through which pipeline.
        seeds: One draw of examples each.
        config: How else the task is put.

    Raises:
        InputError: If there is no seed, the metric is not measured, or as `evaluate` does.
    """
    if not seeds:
        raise InputError("a curve needs at least one seed to draw examples with")
    config = config or FewShotConfig()
    points = []
    for count in shots:
        outcomes = [
            evaluate(model, task, replace(config, num_fewshot=count, seed=seed))
            for seed in (seeds[:1] if count == 0 else seeds)
        ]
        draws = [outcome.estimate(metric, pipeline).value for outcome in outcomes]
        points.append(
            CurvePoint(
                num_fewshot=count,
                mean=statistics.fmean(draws),
                spread=statistics.stdev(draws) if len(draws) > 1 else float("nan"),
                draws=tuple(draws),
                num_cut_prompts=sum(outcome.num_cut_prompts for outcome in outcomes),
            )
        )
    return points


def gain(points: Sequence[CurvePoint]) -> float:
    """How much more the most examples are worth than the fewest.

    Raises:
        InputError: If there are fewer than two numbers of examples.
    """
    if len(points) < 2:
        raise InputError("a gain needs two numbers of examples, such as 0 and 4")
    ordered = sorted(points, key=lambda point: point.num_fewshot)
    return ordered[-1].mean - ordered[0].mean
