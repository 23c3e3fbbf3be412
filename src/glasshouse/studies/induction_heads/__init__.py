"""In-context Learning and Induction Heads (arXiv 2209.11895), as one study.

`config` says which models are grown and holds the presets, `claims` what is to be shown and by
which thresholds, `course` and `grow` train models and look at them, `measures` is arithmetic on
what was seen. One file an argument: `phase_change`, `smeared`, `ablation`, `fuzzy`, `circuits`,
`sizes`. `study` puts it all together; drawings are in `phase_figures` and `figures`.
"""

from glasshouse.studies.induction_heads.config import InductionConfig, paper, small, tour
from glasshouse.studies.induction_heads.study import STUDY

__all__ = ["STUDY", "InductionConfig", "paper", "small", "tour"]
