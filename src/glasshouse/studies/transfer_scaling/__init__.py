"""What having read prose is worth to a model that learns code, in code (2102.01293).

`config` holds the presets and `claims` what was to be shown; `texts` parts what lies on every
machine into prose and code, `grow` trains populations, `sweep` all of them; `worth` reads effective
data off the curves, `fits` fits the laws, `measure` does both once; `evidence` holds it against the
claims, `figures` and `chapters` tell it.
"""

from glasshouse.studies.transfer_scaling.config import (
    LongConfig,
    TransferConfig,
    paper,
    small,
)
from glasshouse.studies.transfer_scaling.study import STUDY

__all__ = ["STUDY", "LongConfig", "TransferConfig", "paper", "small"]
