"""Sparse Autoencoders Find Highly Interpretable Features (2309.08600), as one study.

Small models are grown on texts about topics (`glasshouse.world.topics`), of which every token's
truth is known, and on sentences about giving (`glasshouse.world.giving`). `config` holds sizes and
presets, `claims` what is to be shown and by which thresholds, `grow` trains, `reading` says what is
read, `learning` learns dictionaries. One file an argument: `interpretable` (with `scoring`, the
mechanical score), `tradeoff` (penalties and splices), `overcomplete` (dead latents), `toy` (planted
directions), `patching` and `giving` (patches and followers). `study` puts it together; drawings are
in `figures`, `cost_figures` and `more_figures`. With `model=` and `text=` the same is measured of a
model of your own, as far as no truth is needed.
"""

from glasshouse.studies.sparse_autoencoders.config import DictionariesConfig, paper, small
from glasshouse.studies.sparse_autoencoders.study import STUDY

__all__ = ["STUDY", "DictionariesConfig", "paper", "small"]
