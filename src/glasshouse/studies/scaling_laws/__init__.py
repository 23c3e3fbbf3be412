"""Scaling Laws for Neural Language Models (Kaplan et al. 2020, 2001.08361), as one study.

Models of characters are trained on text that lies on every machine, and on a chain whose entropy
is known; the room `glasshouse.scaling` plans, runs and fits. `config` holds sizes and presets,
`claims` what is to be shown and by which thresholds, `texts` the characters, `work` what a worker
does with a population, `sweeps` all that is trained, in the order that lets `foretelling` write a
forecast before the runs that it is about. One file an argument: `sizes` (size, shape, other text),
`parts` (data), `curves`, `frontier` (how to spend compute), `batches`, `forecasts`, `chain` (the
constant). `study` puts it together; chapters and drawings are in `size_figures`, `compute_figures`
and `forecast_figures`.
"""

from glasshouse.studies.scaling_laws.config import LawsConfig, paper, small
from glasshouse.studies.scaling_laws.study import STUDY

__all__ = ["STUDY", "LawsConfig", "paper", "small"]
