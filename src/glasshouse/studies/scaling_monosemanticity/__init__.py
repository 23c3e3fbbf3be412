"""Scaling Monosemanticity (2024, 2605.29358), as one study.

Small models are grown in worlds whose truth is known, and dictionaries learn their middle layers.
`config` holds sizes and presets, `claims` what is to be shown and by which thresholds, `grow`
trains models, `learning` trains dictionaries side by side, `reading` caches values. One file an
argument: `grid` (scaling laws), `dead`, `planted` (completeness), `meaning` (specificity, neurons,
rules), `clamping`, `neighbourhood` (neighbours, splitting), `effects` (attribution and ablation),
`alphabets` (two spellings of one language), `search` (a planted harmful topic). `study` puts it
together; chapters and drawings are in `law_figures`, `latent_figures` and `use_figures`.
"""

from glasshouse.studies.scaling_monosemanticity.config import ScalingConfig, paper, small
from glasshouse.studies.scaling_monosemanticity.study import STUDY

__all__ = ["STUDY", "ScalingConfig", "paper", "small"]
