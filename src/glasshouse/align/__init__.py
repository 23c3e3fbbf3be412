"""Shaping what a model does: what it is trained to prefer, and how far it may move for it.

- `preferences`: losses of models that judge replies, and of policies that learn from pairs
- `divergence`: how far a policy has moved, from its own samples, and what best-of-n costs
- `advantages`: what a sample was worth beyond what was to be expected
- `objectives`: clipped policy and value losses
- `elo`: strengths of players from who beat whom
"""

from glasshouse.align.advantages import (
    generalised_advantages,
    group_advantages,
    leave_one_out_advantages,
    whitened,
)
from glasshouse.align.divergence import best_of_n_kl, k1, k3
from glasshouse.align.elo import Elo, fit_elo, win_fraction
from glasshouse.align.objectives import clipped_policy_loss, clipped_value_loss
from glasshouse.align.preferences import (
    binary_loss,
    dpo_loss,
    ranked_loss,
    score_loss,
    soft_ranked_loss,
)

__all__ = [
    "Elo",
    "best_of_n_kl",
    "binary_loss",
    "clipped_policy_loss",
    "clipped_value_loss",
    "dpo_loss",
    "fit_elo",
    "generalised_advantages",
    "group_advantages",
    "k1",
    "k3",
    "leave_one_out_advantages",
    "ranked_loss",
    "score_loss",
    "soft_ranked_loss",
    "whitened",
    "win_fraction",
]
