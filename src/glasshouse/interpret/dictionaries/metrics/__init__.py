"""How good a dictionary is: at rebuilding, at serving the model, and at finding what is there.

- `rebuilding`: sparsity, explained variance, dead latents
- `splicing`: what the model loses when it goes on with the reconstruction
- `recovery`: directions and codes beside planted ones
- `ledger`: each true feature's best latent, by AUROC and F1, on tokens it was not chosen on
- `families`: splitting and absorption
- `probing`: what a few latents know of a feature
- `targeted`: what ablating a feature's latent changes, where it should and where it should not
"""

from glasshouse.interpret.dictionaries.metrics.families import (
    Absorption,
    Splitting,
    absorption,
    splitting,
)
from glasshouse.interpret.dictionaries.metrics.ledger import (
    LedgerScores,
    score_against_ledger,
    sparse_codes,
)
from glasshouse.interpret.dictionaries.metrics.probing import SparseProbe, sparse_probing
from glasshouse.interpret.dictionaries.metrics.rebuilding import Rebuilding, measure_rebuilding
from glasshouse.interpret.dictionaries.metrics.recovery import (
    Recovery,
    matched_correlation,
    mean_max_cosine,
    recovery,
)
from glasshouse.interpret.dictionaries.metrics.splicing import Splice, splice_cost, spliced
from glasshouse.interpret.dictionaries.metrics.targeted import (
    TargetedAblation,
    targeted_ablation,
    without_latents,
)

__all__ = [
    "Absorption",
    "LedgerScores",
    "Rebuilding",
    "Recovery",
    "SparseProbe",
    "Splice",
    "Splitting",
    "TargetedAblation",
    "absorption",
    "matched_correlation",
    "mean_max_cosine",
    "measure_rebuilding",
    "recovery",
    "score_against_ledger",
    "sparse_codes",
    "sparse_probing",
    "splice_cost",
    "spliced",
    "splitting",
    "targeted_ablation",
    "without_latents",
]
