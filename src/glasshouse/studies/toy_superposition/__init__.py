"""Toy Models of Superposition (arXiv 2209.10652) and its follow-up on memorisation, as one study.

One file an experiment (`basic`, `phases`, `geometry`, `sets`, `pentagon`, `dynamics`, `computing`,
`memorisation`), each with its config, its measurement and its claims; its drawings lie beside it in
`*_figures`. `config` holds the presets and `study` puts it all together.
"""

from glasshouse.studies.toy_superposition.config import (
    ToySuperpositionConfig,
    paper,
    small,
    tour,
)
from glasshouse.studies.toy_superposition.study import STUDY

__all__ = ["STUDY", "ToySuperpositionConfig", "paper", "small", "tour"]
