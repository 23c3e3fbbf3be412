"""The notebook's records for other tools.

selection     which records: whole projects, or some runs with all that is theirs
jsonl         one record a line
parquet       one table a record type
tensorboard   one folder of event files a run

Each is written whole or not at all.
"""

from glasshouse.notebook.exporting.jsonl import as_json, export_jsonl
from glasshouse.notebook.exporting.parquet import export_parquet, refuse_taken
from glasshouse.notebook.exporting.selection import Selection
from glasshouse.notebook.exporting.tensorboard import export_tensorboard

__all__ = [
    "Selection",
    "as_json",
    "export_jsonl",
    "export_parquet",
    "export_tensorboard",
    "refuse_taken",
]
