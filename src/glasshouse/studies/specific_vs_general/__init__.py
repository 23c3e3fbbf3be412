"""Specific versus General Principles for Constitutional AI (arXiv 2310.13798) as a study.

`deeds` says which deeds show which traits and `principles` by what replies are judged. `schooling`
lets a language model read about deeds, `feedback` asks it for labels, `judges` learn from them and
`policies` from the judges. `measure` does all of it (`bench`, `parts`) and `seen` holds it. The
paper's `claims` are held against it by `evidence`; `figures` and `policy_figures` draw.
"""

from glasshouse.studies.specific_vs_general.config import (
    JudgesConfig,
    PoliciesConfig,
    SchoolingConfig,
    SpecificConfig,
    paper,
    small,
)
from glasshouse.studies.specific_vs_general.study import STUDY

__all__ = [
    "STUDY",
    "JudgesConfig",
    "PoliciesConfig",
    "SchoolingConfig",
    "SpecificConfig",
    "paper",
    "small",
]
