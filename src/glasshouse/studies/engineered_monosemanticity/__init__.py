"""Engineering Monosemanticity in Toy Models (arXiv 2211.09169) as a study.

`settings` says which models there are and `levers` how they are trained; `grow` trains a population
behind one projection, `measure` measures it and `seen` holds all of them. `claims` are the paper's,
`judge` holds the measurements against them, `figures` draws, `study` puts it together.
"""

from glasshouse.studies.engineered_monosemanticity.config import (
    MonosemanticityConfig,
    TrainingConfig,
    paper,
    small,
)
from glasshouse.studies.engineered_monosemanticity.study import STUDY

__all__ = ["STUDY", "MonosemanticityConfig", "TrainingConfig", "paper", "small"]
