"""Latents of a dictionary as pages, one self-contained page each, and an index to sort and search.

- `sheet`: what a page says of a latent
- `page`: a sheet as HTML
- `gather`: the sheets of a dictionary of a running model
- `remember`: sheets as records of the notebook
- `write`: many pages and their index in one folder, whole or absent
"""

from glasshouse.report.features.page import Words, render_feature
from glasshouse.report.features.sheet import FeatureSheet, Link, Match, TokenEffect, feature_sheets
from glasshouse.report.features.write import write_features

__all__ = [
    "FeatureSheet",
    "Link",
    "Match",
    "TokenEffect",
    "Words",
    "feature_sheets",
    "render_feature",
    "write_features",
]
