"""Shaping what a model does: what it is trained to prefer, and how far it may move for it.

- `dialogues`: turns, the layouts in which models read them, and whose every token is
- `comparisons`: which of two replies was preferred, from files and back
- `comparison_files`, `dialogue_files`: shapes that others publish; `templates`: layouts by name
- `prompts`: example dialogues in front of a request; `scoring`: replies by how likely they are
- `distillation`: a student without a prompt; `distillation_store`: what its teacher said
- `judge`: preference models; `judge_training`: four objectives over the same comparisons
- `judge_pretraining`: votes and binarised pairs; `judge_ensemble`: several judges as one;
  `judge_controls`: what judges go by, length or place
- `fitting`: dialogues as much as a context holds; `supervised`: fine-tuning on their replies
- `direct`: policies that learn from pairs, held near a reference; `pair_rows`: pairs as tokens
- `best_of`: the best of n samples, what it is worth and costs, and learning from it
- `lora`: adapters of networks that transformers computes, as peft has them
- `preferences`: losses of models that judge replies, and of policies that learn from pairs
- `divergence`: how far a policy has moved, from its own samples, and what best-of-n costs
- `advantages`: what a sample was worth beyond what was to be expected
- `objectives`: clipped policy and value losses
- `elo`: strengths of players from who beat whom
- `traits`: yes-or-no questions about traits, and how often a judge scores the harmless reply higher
- `questions`: lists that a model lengthens, and pairs of replies that a policy writes
- `collect`: two replies to a request, and which one people press; `online`: rounds of it
- `calibration`: whether a judge's margins are the odds that they claim to be
- `tournament`: everybody against everybody, and files of who beat whom
- `constitution`: principles as data; `revision`: chains of critique and revision by them;
  `feedback`: a judge model that labels pairs by them
- `ood`: prompts of another kind, from activations; `tax`: what shaping cost, before and after
"""

from glasshouse.align.advantages import (
    generalised_advantages,
    group_advantages,
    leave_one_out_advantages,
    whitened,
)
from glasshouse.align.best_of import (
    BestReply,
    ExpertConfig,
    ExpertRound,
    best_of_n,
    expected_best,
    expert_iteration,
    tied_best_of_n_kl,
)
from glasshouse.align.calibration import (
    Calibration,
    ScoreThreshold,
    accuracy_by_threshold,
    calibrate,
    matched_by_margin,
    rightness,
)
from glasshouse.align.collect import (
    Collected,
    Interface,
    Writer,
    collect,
    comparisons_from_file,
    dialogue_of,
    model_writer,
    persona_writer,
    preferred,
    write_collected,
)
from glasshouse.align.comparisons import (
    Comparison,
    read_comparisons,
    split_comparisons,
    write_comparisons,
)
from glasshouse.align.constitution import (
    GOOD_FOR_HUMANITY,
    HARMLESS_ENGLISH,
    Constitution,
    Principle,
    read_constitution,
    world_constitution,
    write_constitution,
)
from glasshouse.align.dialogue_files import split_dialogues
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
from glasshouse.align.direct import DpoConfig, DpoStep, reply_logprobs, train_dpo
from glasshouse.align.distillation import (
    DistillationConfig,
    DistillationStep,
    gap_closed,
    mean_divergence,
    train_student,
)
from glasshouse.align.distillation_store import (
    TeacherStore,
    open_store,
    store_teacher,
)
from glasshouse.align.divergence import best_of_n_kl, k1, k3
from glasshouse.align.elo import Elo, fit_elo, win_fraction
from glasshouse.align.feedback import (
    JUDGE_LAYOUTS,
    Feedback,
    JudgeLayout,
    Judgement,
    feedback_of,
    fits_judge,
    hardened,
    judge_pairs,
    label_pairs,
    letter_judge_layout,
    word_judge_layout,
)
from glasshouse.align.fitting import Fitted, fit_dialogues
from glasshouse.align.judge import (
    Agreement,
    PreferenceModel,
    agreement,
    load_preference_model,
    save_preference_model,
)
from glasshouse.align.judge_controls import (
    LengthBias,
    PositionBias,
    length_bias,
    position_bias,
)
from glasshouse.align.judge_ensemble import (
    Ensemble,
    Judge,
    centred,
)
from glasshouse.align.judge_pretraining import (
    binarised,
    vote_grade,
    voted_comparisons,
)
from glasshouse.align.judge_training import JudgeStep, JudgeTrainingConfig, train_judge
from glasshouse.align.lora import (
    LoraConfig,
    has_adapters,
    load_adapters,
    merged,
    save_adapters,
    with_adapters,
)
from glasshouse.align.objectives import clipped_policy_loss, clipped_value_loss
from glasshouse.align.online import (
    Round,
    RoundSteps,
    crowd_rounds,
    file_rounds,
    judge_from,
    run_rounds,
)
from glasshouse.align.ood import RelativeMahalanobis, fit_ordinary, layer_activations
from glasshouse.align.preferences import (
    binary_loss,
    dpo_loss,
    ranked_loss,
    score_loss,
    soft_ranked_loss,
)
from glasshouse.align.prompts import (
    STYLES,
    Prefix,
    as_long_as,
    behind,
    fitting_examples,
    make_prefix,
)
from glasshouse.align.revision import (
    CHAIN_LAYOUTS,
    Chain,
    ChainLayout,
    RevisionConfig,
    RevisionRound,
    english_chain_layout,
    read_chains,
    revise,
    sl_dialogues,
    word_chain_layout,
    write_chains,
)
from glasshouse.align.scoring import (
    ReplyScores,
    by_group,
    pairs_right,
    reply_margins,
    score_replies,
)
from glasshouse.align.supervised import (
    SftConfig,
    SftPlan,
    SftStep,
    continue_sft,
    plan_sft,
    start_sft_run,
    train_sft,
)
from glasshouse.align.tax import (
    Measure,
    Question,
    TaxReport,
    next_token_measure,
    tax_report,
    world_battery,
)
from glasshouse.align.templates import LAYOUT_NAMES, layout_named
from glasshouse.align.tournament import (
    Duel,
    Referee,
    Standings,
    crowd_referee,
    gold_referee,
    preference_referee,
    read_duels,
    round_robin,
    standings,
)

__all__ = [
    "CHAIN_LAYOUTS",
    "GOOD_FOR_HUMANITY",
    "HARMLESS_ENGLISH",
    "JUDGE_LAYOUTS",
    "LAYOUTS",
    "LAYOUT_NAMES",
    "STYLES",
    "Agreement",
    "BestReply",
    "Calibration",
    "Chain",
    "ChainLayout",
    "Collected",
    "Comparison",
    "Constitution",
    "Dialogue",
    "DistillationConfig",
    "DistillationStep",
    "DpoConfig",
    "DpoStep",
    "Duel",
    "Elo",
    "Ensemble",
    "ExpertConfig",
    "ExpertRound",
    "Feedback",
    "Fitted",
    "Interface",
    "Judge",
    "JudgeLayout",
    "JudgeStep",
    "JudgeTrainingConfig",
    "Judgement",
    "Layout",
    "LengthBias",
    "LoraConfig",
    "Measure",
    "PositionBias",
    "PreferenceModel",
    "Prefix",
    "Principle",
    "Question",
    "Referee",
    "RelativeMahalanobis",
    "Rendered",
    "ReplyScores",
    "RevisionConfig",
    "RevisionRound",
    "Round",
    "RoundSteps",
    "ScoreThreshold",
    "SftConfig",
    "SftPlan",
    "SftStep",
    "Standings",
    "TaxReport",
    "TeacherStore",
    "Turn",
    "Writer",
    "accuracy_by_threshold",
    "agreement",
    "as_long_as",
    "behind",
    "best_of_n",
    "best_of_n_kl",
    "binarised",
    "binary_loss",
    "by_group",
    "calibrate",
    "centred",
    "clipped_policy_loss",
    "clipped_value_loss",
    "collect",
    "comparisons_from_file",
    "continue_sft",
    "crowd_referee",
    "crowd_rounds",
    "dialogue_of",
    "dpo_loss",
    "english_chain_layout",
    "expected_best",
    "expert_iteration",
    "feedback_of",
    "file_rounds",
    "fit_dialogues",
    "fit_elo",
    "fit_ordinary",
    "fits_judge",
    "fitting_examples",
    "gap_closed",
    "generalised_advantages",
    "gold_referee",
    "group_advantages",
    "hardened",
    "has_adapters",
    "human_assistant_layout",
    "judge_from",
    "judge_pairs",
    "k1",
    "k3",
    "label_pairs",
    "layer_activations",
    "layout_named",
    "leave_one_out_advantages",
    "length_bias",
    "letter_judge_layout",
    "load_adapters",
    "load_preference_model",
    "make_prefix",
    "matched_by_margin",
    "mean_divergence",
    "merged",
    "model_writer",
    "next_token_measure",
    "open_store",
    "pairs_right",
    "parse_human_assistant",
    "persona_writer",
    "plan_sft",
    "position_bias",
    "preference_referee",
    "preferred",
    "ranked_loss",
    "read_chains",
    "read_comparisons",
    "read_constitution",
    "read_duels",
    "reply_logprobs",
    "reply_margins",
    "revise",
    "rightness",
    "round_robin",
    "run_rounds",
    "save_adapters",
    "save_preference_model",
    "score_loss",
    "score_replies",
    "sl_dialogues",
    "soft_ranked_loss",
    "split_comparisons",
    "split_dialogues",
    "standings",
    "start_sft_run",
    "store_teacher",
    "tax_report",
    "template_layout",
    "tied_best_of_n_kl",
    "train_dpo",
    "train_judge",
    "train_sft",
    "train_student",
    "vote_grade",
    "voted_comparisons",
    "whitened",
    "win_fraction",
    "with_adapters",
    "word_chain_layout",
    "word_judge_layout",
    "word_layout",
    "world_battery",
    "world_constitution",
    "write_chains",
    "write_collected",
    "write_comparisons",
    "write_constitution",
]
