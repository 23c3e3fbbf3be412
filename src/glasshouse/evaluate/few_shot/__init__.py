"""Tasks put to a model with no, one or many examples before each question.

- `tasks`: a task as data (`Task`, `Sample`, `Metric`)
- `prompts`: which examples are chosen, how prompts are written, how they fit a context
- `likelihood`, `metrics`: how likely answers are, and what that is worth
- `running`: put a task to a model (`evaluate`), over numbers of examples (`curve_by_shots`)
- `outcomes`, `results`: what came of it, and under which keys it is written
- `harness`: task files of lm-eval over local data (`read_task`, `write_task`)
"""

from glasshouse.evaluate.few_shot.harness import read_task, write_task
from glasshouse.evaluate.few_shot.outcomes import Answered, FewShotConfig, Outcome
from glasshouse.evaluate.few_shot.prompts import Prompt, write_prompts
from glasshouse.evaluate.few_shot.results import results_of, write_results
from glasshouse.evaluate.few_shot.running import (
    CurvePoint,
    curve_by_shots,
    evaluate,
    evaluate_respondent,
    gain,
)
from glasshouse.evaluate.few_shot.tasks import LazySamples, Metric, Sample, Task

__all__ = [
    "Answered",
    "CurvePoint",
    "FewShotConfig",
    "LazySamples",
    "Metric",
    "Outcome",
    "Prompt",
    "Sample",
    "Task",
    "curve_by_shots",
    "evaluate",
    "evaluate_respondent",
    "gain",
    "read_task",
    "results_of",
    "write_prompts",
    "write_results",
    "write_task",
]
