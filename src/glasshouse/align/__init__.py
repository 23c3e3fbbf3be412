"""Shaping what a model does: what it is trained to prefer, and how far it may move for it.

- `talks`: dialogues, their layouts and files, and how likely a model finds replies
- `pairs`: which of two replies was preferred, from files, crowds and people
- `judges`: preference models, how they learn and what they go by
- `policies`: sampling, rewards, PPO, GRPO, RLOO and REINFORCE
- `principles`: constitutions, critique and revision, labels by a model
- `distilling`: a prompt of example dialogues, and a student that needs none
- `contests`: tournaments and Elo
- `supervised`: fine-tuning on the assistant's replies; `lora`: adapters, as peft has them
- `direct`: policies that learn from pairs, held near a reference
- `best_of`: the best of n samples, what it is worth and costs, and learning from it
- `online`: rounds of collecting, judging and shaping
- `ood`: prompts of another kind, from activations; `tax`: what shaping cost, before and after

Everything but the policies has its public names here; theirs are those of `align.policies`.
"""

from glasshouse.align.best_of import (
    BestReply,
    ExpertConfig,
    ExpertRound,
    best_of_n,
    expected_best,
    expert_iteration,
    tied_best_of_n_kl,
)
from glasshouse.align.contests.elo import Elo, fit_elo, win_fraction
from glasshouse.align.contests.tournament import (
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
from glasshouse.align.direct import DpoConfig, DpoStep, reply_logprobs, train_dpo
from glasshouse.align.distilling.prompts import (
    STYLES,
    Prefix,
    as_long_as,
    behind,
    fitting_examples,
    make_prefix,
)
from glasshouse.align.distilling.store import (
    TeacherStore,
    open_store,
    store_teacher,
)
from glasshouse.align.distilling.students import (
    DistillationConfig,
    DistillationStep,
    gap_closed,
    mean_divergence,
    train_student,
)
from glasshouse.align.judges.calibration import (
    Calibration,
    ScoreThreshold,
    accuracy_by_threshold,
    calibrate,
    matched_by_margin,
    rightness,
)
from glasshouse.align.judges.controls import (
    LengthBias,
    PositionBias,
    length_bias,
    position_bias,
)
from glasshouse.align.judges.ensemble import (
    Ensemble,
    Judge,
    centred,
)
from glasshouse.align.judges.losses import (
    binary_loss,
    dpo_loss,
    ranked_loss,
    score_loss,
    soft_ranked_loss,
)
from glasshouse.align.judges.model import (
    Agreement,
    PreferenceModel,
    agreement,
    load_preference_model,
    save_preference_model,
)
from glasshouse.align.judges.pretraining import (
    binarised,
    vote_grade,
    voted_comparisons,
)
from glasshouse.align.judges.training import JudgeStep, JudgeTrainingConfig, train_judge
from glasshouse.align.lora import (
    LoraConfig,
    has_adapters,
    load_adapters,
    merged,
    save_adapters,
    with_adapters,
)
from glasshouse.align.online import (
    Round,
    RoundSteps,
    crowd_rounds,
    file_rounds,
    judge_from,
    run_rounds,
)
from glasshouse.align.ood import RelativeMahalanobis, fit_ordinary, layer_activations
from glasshouse.align.pairs.collect import (
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
from glasshouse.align.pairs.comparisons import (
    Comparison,
    read_comparisons,
    split_comparisons,
    write_comparisons,
)
from glasshouse.align.policies.advantages import (
    generalised_advantages,
    group_advantages,
    leave_one_out_advantages,
    whitened,
)
from glasshouse.align.policies.divergence import best_of_n_kl, k1, k3
from glasshouse.align.policies.objectives import clipped_policy_loss, clipped_value_loss
from glasshouse.align.principles.constitution import (
    GOOD_FOR_HUMANITY,
    HARMLESS_ENGLISH,
    Constitution,
    Principle,
    read_constitution,
    world_constitution,
    write_constitution,
)
from glasshouse.align.principles.feedback import (
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
from glasshouse.align.principles.revision import (
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
from glasshouse.align.supervised import (
    SftConfig,
    SftPlan,
    SftStep,
    continue_sft,
    plan_sft,
    start_sft_run,
    train_sft,
)
from glasshouse.align.talks.dialogues import (
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
from glasshouse.align.talks.files import split_dialogues
from glasshouse.align.talks.fitting import Fitted, fit_dialogues
from glasshouse.align.talks.scoring import (
    ReplyScores,
    by_group,
    pairs_right,
    reply_margins,
    score_replies,
)
from glasshouse.align.talks.templates import LAYOUT_NAMES, layout_named
from glasshouse.align.tax import (
    Measure,
    Question,
    TaxReport,
    next_token_measure,
    tax_report,
    world_battery,
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
