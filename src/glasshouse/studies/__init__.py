"""Studies: each paper as one command that ends in a table of claims.

`STUDIES` is what the command line offers; reading it imports no study, hence no torch. A study is
written with the types of `study.py` and `claims.py`, its intervals come from `intervals.py`, its
jobs are done side by side by `working.py`, and its entry here says where it lives.
"""

from glasshouse.studies.catalogue import STUDIES, load_study, preset_config, study_card
from glasshouse.studies.claims import (
    Claim,
    ClaimResult,
    Control,
    Evidence,
    Verdict,
    judge,
    judge_control,
    out_of_scale,
)
from glasshouse.studies.study import (
    Figure,
    Findings,
    Paper,
    Progress,
    Section,
    Study,
    StudyCard,
    StudyResult,
    Table,
    Text,
    Transcript,
    Turn,
    no_progress,
)

__all__ = [
    "STUDIES",
    "Claim",
    "ClaimResult",
    "Control",
    "Evidence",
    "Figure",
    "Findings",
    "Paper",
    "Progress",
    "Section",
    "Study",
    "StudyCard",
    "StudyResult",
    "Table",
    "Text",
    "Transcript",
    "Turn",
    "Verdict",
    "judge",
    "judge_control",
    "load_study",
    "no_progress",
    "out_of_scale",
    "preset_config",
    "study_card",
]
