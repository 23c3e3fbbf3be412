"""The task files and results of lm-eval, as far as they are about local data.

- `reading`: a YAML file and its rows become a `Task`; what is beyond the subset is refused by name
- `files`, `templates`, `scoring`: its rows, its columns and Jinja, its metrics and filters
- `writing`: a `Task` becomes files that lm-eval reads
"""

from glasshouse.evaluate.few_shot.harness.reading import read_task
from glasshouse.evaluate.few_shot.harness.writing import write_task

__all__ = ["read_task", "write_task"]
