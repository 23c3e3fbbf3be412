"""Tasks whose truth is known because they are made here, over plain text and over the toy world.

- `arithmetic`, `unscrambling`, `words` (invented words, cloze), `translation`, `analogies`
- `worldly`: tasks in the toy world's own words
- `catalogue`: all of them by name (`make_task`, `task_names`)
"""

from glasshouse.evaluate.few_shot.generators.analogies import RELATIONS, analogies
from glasshouse.evaluate.few_shot.generators.arithmetic import ARITHMETIC, arithmetic
from glasshouse.evaluate.few_shot.generators.catalogue import Materials, make_task, task_names
from glasshouse.evaluate.few_shot.generators.drawing import Size
from glasshouse.evaluate.few_shot.generators.prose import common_words, standard_prose
from glasshouse.evaluate.few_shot.generators.translation import translation
from glasshouse.evaluate.few_shot.generators.unscrambling import UNSCRAMBLING, unscrambling
from glasshouse.evaluate.few_shot.generators.words import cloze, novel_words
from glasshouse.evaluate.few_shot.generators.worldly import (
    in_context_task,
    question_task,
    requested_task,
    translation_task,
)

__all__ = [
    "ARITHMETIC",
    "RELATIONS",
    "UNSCRAMBLING",
    "Materials",
    "Size",
    "analogies",
    "arithmetic",
    "cloze",
    "common_words",
    "in_context_task",
    "make_task",
    "novel_words",
    "question_task",
    "requested_task",
    "standard_prose",
    "task_names",
    "translation",
    "translation_task",
    "unscrambling",
]
