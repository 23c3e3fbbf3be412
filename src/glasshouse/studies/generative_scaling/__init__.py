"""Scaling Laws for Autoregressive Generative Modeling (2010.14701), as one study.

Models of several sizes are grown on sequences whose true odds are known: a chain of symbols, images
of a random process at three resolutions, and images with labels. So the constant of a fitted law is
held against the entropy of the data, what an image is still worth learning against what it cannot
but cost, and what a model makes of a label against what a label says.

`config` holds sizes and presets, `claims` what is to be shown and by which thresholds; `domains`
names the sequences, `grow` trains, `seen` keeps the numbers, `fits` puts laws through them,
`evidence` judges, `figures` and `chapters` draw, `study` puts it together.
"""

from glasshouse.studies.generative_scaling.config import GenerativeConfig, paper, small
from glasshouse.studies.generative_scaling.study import STUDY

__all__ = ["STUDY", "GenerativeConfig", "paper", "small"]
