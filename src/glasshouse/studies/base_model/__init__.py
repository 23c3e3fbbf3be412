"""The model that other studies start from: grown in the toy world, held against its gates.

`config` holds the presets, `grow` trains (and resumes), `measure` looks, `gates` states what must
hold and judges it, `sections` and `figures` tell it; `inside` learns a dictionary of it and steers.
"""

from glasshouse.studies.base_model.config import BaseModelConfig, paper, small, tour
from glasshouse.studies.base_model.study import STUDY

__all__ = ["STUDY", "BaseModelConfig", "paper", "small", "tour"]
