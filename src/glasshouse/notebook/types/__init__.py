"""The record types of the notebook, one file a family.

runs          Run, Metric, Checkpoint
claims        Claim
features      Feature, ActivationExample
transcripts   Transcript, Turn
judgements    Comparison, Rating
findings      Attack, Finding

Every type but Metric and ActivationExample has an `id`; an id in a field of another name points at
a record of the type it names. Fields that nobody has filled are empty or None.
"""

from glasshouse.notebook.types.claims import Claim, Control
from glasshouse.notebook.types.features import ActivationExample, Feature
from glasshouse.notebook.types.findings import Attack, Finding, FindingStatus, Severity
from glasshouse.notebook.types.judgements import Choice, Comparison, Rating
from glasshouse.notebook.types.runs import Checkpoint, Metric, Run, RunStatus, Summary
from glasshouse.notebook.types.transcripts import Transcript, Turn

__all__ = [
    "ActivationExample",
    "Attack",
    "Checkpoint",
    "Choice",
    "Claim",
    "Comparison",
    "Control",
    "Feature",
    "Finding",
    "FindingStatus",
    "Metric",
    "Rating",
    "Run",
    "RunStatus",
    "Severity",
    "Summary",
    "Transcript",
    "Turn",
]
