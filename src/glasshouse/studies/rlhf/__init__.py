"""Training a helpful and harmless assistant with RLHF, where the gold reward is known (2204.05862).

`config` holds the presets and `claims` what was to be shown; `collecting` asks people, `judging`
trains preference models, `policies` shapes policies against them, `robustness` reads their
training, `rounds` collects online, `strange` looks at prompts; `measure` does all of it in order,
`judge_evidence` and `policy_evidence` hold it against the claims, `figures` and `chapters` tell it.
"""

from glasshouse.studies.rlhf.config import (
    CollectingConfig,
    JudgingConfig,
    OnlineConfig,
    RlhfConfig,
    ShapingConfig,
    paper,
    small,
)
from glasshouse.studies.rlhf.study import STUDY

__all__ = [
    "STUDY",
    "CollectingConfig",
    "JudgingConfig",
    "OnlineConfig",
    "RlhfConfig",
    "ShapingConfig",
    "paper",
    "small",
]
