"""Constitutional AI (arXiv 2212.08073) as a study.

`schooling` gives bases the skills that the paper finds in large models; `judging` and `chains`
measure them; `shaping` trains policies on what they say. `pipeline` runs all of it and `seen` holds
it. `claims` are the paper's, `skills` and `outcomes` hold the measurements against them, `figures`
and `chapters` show them, `study` puts it together.
"""

from glasshouse.studies.constitutional_ai.config import (
    ChainsConfig,
    ConstitutionalConfig,
    JudgingConfig,
    ShapingConfig,
    paper,
    small,
)
from glasshouse.studies.constitutional_ai.study import STUDY

__all__ = [
    "STUDY",
    "ChainsConfig",
    "ConstitutionalConfig",
    "JudgingConfig",
    "ShapingConfig",
    "paper",
    "small",
]
