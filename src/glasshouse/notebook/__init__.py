"""What the laboratory remembers, as typed records in one store.

types        Run, Metric, Checkpoint, Claim, Feature, ActivationExample, Transcript, Comparison,
             Rating, Attack, Finding
schema       by what they are found
notebook     Notebook: open one; add, load, find and query records
place        where it is, and its projects
curves       a run's metrics as curves
log          MetricLog: metrics every step, at the price of an append
similar      features and transcripts that are alike, and those that say certain words
importing    run folders, reports and looks, brought in
exporting    tables for other tools
comparing    what two runs have apart
"""

from glasshouse.notebook.curves import Curve
from glasshouse.notebook.ids import derived_id, new_id
from glasshouse.notebook.log import MetricLog
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import (
    ActivationExample,
    Attack,
    Checkpoint,
    Choice,
    Claim,
    Comparison,
    Control,
    Feature,
    Finding,
    FindingStatus,
    Metric,
    Rating,
    Run,
    RunStatus,
    Severity,
    Summary,
    Transcript,
    Turn,
)

__all__ = [
    "ActivationExample",
    "Attack",
    "Checkpoint",
    "Choice",
    "Claim",
    "Comparison",
    "Control",
    "Curve",
    "Feature",
    "Finding",
    "FindingStatus",
    "Metric",
    "MetricLog",
    "Notebook",
    "Rating",
    "Run",
    "RunStatus",
    "Severity",
    "Summary",
    "Transcript",
    "Turn",
    "derived_id",
    "new_id",
]
