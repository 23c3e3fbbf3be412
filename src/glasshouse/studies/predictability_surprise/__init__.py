"""Predictability and Surprise in Large Generative Models (2202.07785), as one study.

Families of small models, alike but for their width, are grown on texts that the study writes. The
loss on text, additions, biased records and ratings are the paper's cases; beside them stand two
tasks whose jumps are planted, one by the metric and one by the skill, so that the measures of
`glasshouse.scaling.predictability` can be held against a truth.

`config` holds sizes and presets, `claims` what is to be shown and by which thresholds. `texts`
(facts, sums, echoes), `records` and `ratings` write what models read; `grow` trains, `measure`
asks, `seen` keeps the numbers, `evidence` judges them, `chapters`, `figures` and `people_figures`
draw them, `study` puts it together.
"""

from glasshouse.studies.predictability_surprise.config import PredictabilityConfig, paper, small
from glasshouse.studies.predictability_surprise.study import STUDY

__all__ = ["STUDY", "PredictabilityConfig", "paper", "small"]
