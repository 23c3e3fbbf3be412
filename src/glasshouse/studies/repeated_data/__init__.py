"""Scaling Laws and Interpretability of Learning from Repeated Data (2205.10487), as one study.

Models of several sizes read documents that say something and say it again. In some runs a share of
the documents is a small subset, read again and again. What that costs is measured on fresh
documents, where copying helps and where it does not, in the heads that copy, and on another
language that is learned afterwards.

`config` holds sizes and presets, `claims` what is to be shown and by which thresholds; `grow`
trains, `measure` puts a study's runs together and `seen` keeps their numbers; `heads` looks at
attention on the graph; `evidence` judges, `figures` and `chapters` draw, `study` puts it together.
"""

from glasshouse.studies.repeated_data.config import RepeatedDataConfig, paper, small
from glasshouse.studies.repeated_data.study import STUDY

__all__ = ["STUDY", "RepeatedDataConfig", "paper", "small"]
