"""What a model knows and does, scored against the truth of the world it grew up in.

- `facts`: questions about facts, answered by the next token (`answer`, `by_exposure`)
- `calibration`: confidence against outcome (ECE, reliability, Brier, AUROC)
- `reading`: loss token by token, beside the exact entropy where the world knows it
- `dialogues`: answers to users' requests, graded by the gold reward
- `few_shot`: tasks with examples, of files or made here, by likelihood or freely written
"""

from glasshouse.evaluate.calibration import (
    ReliabilityBin,
    auroc,
    brier_score,
    expected_calibration_error,
    reliability,
)
from glasshouse.evaluate.dialogues import Answered, converse
from glasshouse.evaluate.facts import Answers, ExposureBucket, answer, by_exposure, next_token
from glasshouse.evaluate.reading import KindReading, Reading, by_kind, read, where_exact

__all__ = [
    "Answered",
    "Answers",
    "ExposureBucket",
    "KindReading",
    "Reading",
    "ReliabilityBin",
    "answer",
    "auroc",
    "brier_score",
    "by_exposure",
    "by_kind",
    "converse",
    "expected_calibration_error",
    "next_token",
    "read",
    "reliability",
    "where_exact",
]
