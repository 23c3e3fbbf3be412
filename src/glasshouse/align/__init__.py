"""Shaping what a model does: what it is trained to prefer, and how far it may move for it.

- `dialogues`: turns, the layouts in which models read them, and whose every token is
- `comparisons`: which of two replies was preferred, from files and back
- `judge`: preference models; `judge_training`: an iterator of steps over comparisons
- `preferences`: losses of models that judge replies, and of policies that learn from pairs
- `divergence`: how far a policy has moved, from its own samples, and what best-of-n costs
- `advantages`: what a sample was worth beyond what was to be expected
- `objectives`: clipped policy and value losses
- `elo`: strengths of players from who beat whom
- `traits`: yes-or-no questions about traits, and how often a judge scores the harmless reply higher
- `questions`: lists that a model lengthens, and pairs of replies that a policy writes
"""

from glasshouse.align.advantages import (
    generalised_advantages,
    group_advantages,
    leave_one_out_advantages,
    whitened,
)
from glasshouse.align.comparisons import (
    Comparison,
    read_comparisons,
    split_comparisons,
    write_comparisons,
)
from glasshouse.align.dialogues import (
    LAYOUTS,
    Dialogue,
    Layout,
    Rendered,
    Turn,
    human_assistant_layout,
    parse_human_assistant,
    template_layout,
    word_layout,
)
from glasshouse.align.divergence import best_of_n_kl, k1, k3
from glasshouse.align.elo import Elo, fit_elo, win_fraction
from glasshouse.align.judge import (
    Agreement,
    PreferenceModel,
    agreement,
    load_preference_model,
    save_preference_model,
)
from glasshouse.align.judge_training import JudgeStep, JudgeTrainingConfig, train_judge
from glasshouse.align.objectives import clipped_policy_loss, clipped_value_loss
from glasshouse.align.preferences import (
    binary_loss,
    dpo_loss,
    ranked_loss,
    score_loss,
    soft_ranked_loss,
)

__all__ = [
    "LAYOUTS",
    "Agreement",
    "Comparison",
    "Dialogue",
    "Elo",
    "JudgeStep",
    "JudgeTrainingConfig",
    "Layout",
    "PreferenceModel",
    "Rendered",
    "Turn",
    "agreement",
    "best_of_n_kl",
    "binary_loss",
    "clipped_policy_loss",
    "clipped_value_loss",
    "dpo_loss",
    "fit_elo",
    "generalised_advantages",
    "group_advantages",
    "human_assistant_layout",
    "k1",
    "k3",
    "leave_one_out_advantages",
    "load_preference_model",
    "parse_human_assistant",
    "ranked_loss",
    "read_comparisons",
    "save_preference_model",
    "score_loss",
    "soft_ranked_loss",
    "split_comparisons",
    "template_layout",
    "train_judge",
    "whitened",
    "win_fraction",
    "word_layout",
    "write_comparisons",
]
