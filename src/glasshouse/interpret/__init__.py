"""What goes on inside a language model.

- `heads`: what heads look at and what they copy; `induction`: the world's texts that repeat
- `circuits`: what heads would do by their weights alone, and how they compose
- `icl`: in-context learning and when it came
- `ablation`: a model without some of its heads
- `patching`: values of one prompt in a run on another: activations, and paths between heads
- `attribution`: all such patches at once, to first order, and the error of that
- `edges`: what goes from one part to another: edge patching, EAP and EAP-IG
- `monosemanticity`: neurons that speak for one feature alone, where the features are known
- `direct`: a logit as the sum of what each part of the model adds to it
- `lens`: what a model would predict if it stopped at a layer: logit lens and tuned lens
- `metrics`: what an experiment measures
- `activations/`: values of many texts, a row a token: harvested, kept, shuffled
- `dictionaries/`: a value as a sparse sum of directions
- `features/`: single latents of a dictionary: what they speak on, and what belongs to them
- `autointerp/`: what a latent means, in words or as a rule, and how far that says what it does
- `concepts/`: directions that stand for something: found, tested, pushed along
- `texts`: a run's own texts or a file's, with the truth of those that are measured on
- `dictionary_run`: a dictionary learned from a running model; `dictionary_scores`: how good it is
- `pushes`, `probing`: a push and a probe, each beside what means nothing
- `subject`: a LanguageModel, a bare network or a graph; `weights`: maps of heads, norms folded in
"""

from glasshouse.interpret.ablation import ablate_heads, ablation_attribution
from glasshouse.interpret.attribution import (
    AttributionError,
    attribution_error,
    attribution_patching,
)
from glasshouse.interpret.circuits import (
    Factored,
    k_composition,
    k_matching,
    ov_circuits,
    ov_copying,
    q_composition,
    q_matching,
    qk_circuits,
    qk_trace,
    v_composition,
)
from glasshouse.interpret.direct import LogitParts, direct_logit_attribution
from glasshouse.interpret.edges import (
    Edges,
    edge_attribution,
    edge_patching,
    integrated_edge_attribution,
)
from glasshouse.interpret.heads import (
    attention_on,
    attention_patterns,
    copying,
    duplicate_token,
    induction_score,
    prefix_matching,
    previous_token,
    repeated_tokens,
)
from glasshouse.interpret.icl import (
    PhaseWindow,
    icl_derivative,
    icl_score,
    loss_by_position,
    per_token_loss,
    phase_window,
)
from glasshouse.interpret.induction import repeated_documents
from glasshouse.interpret.lens import (
    LensStep,
    TunedLens,
    TunedLensConfig,
    logit_lens,
    train_tuned_lens,
    tuned_lens,
)
from glasshouse.interpret.metrics import (
    Metric,
    log_probability,
    logit,
    logit_difference,
    mean_loss,
)
from glasshouse.interpret.patching import Patched, activation_patching, path_patching

__all__ = [
    "AttributionError",
    "Edges",
    "Factored",
    "LensStep",
    "LogitParts",
    "Metric",
    "Patched",
    "PhaseWindow",
    "TunedLens",
    "TunedLensConfig",
    "ablate_heads",
    "ablation_attribution",
    "activation_patching",
    "attention_on",
    "attention_patterns",
    "attribution_error",
    "attribution_patching",
    "copying",
    "direct_logit_attribution",
    "duplicate_token",
    "edge_attribution",
    "edge_patching",
    "icl_derivative",
    "icl_score",
    "induction_score",
    "integrated_edge_attribution",
    "k_composition",
    "k_matching",
    "log_probability",
    "logit",
    "logit_difference",
    "logit_lens",
    "loss_by_position",
    "mean_loss",
    "ov_circuits",
    "ov_copying",
    "path_patching",
    "per_token_loss",
    "phase_window",
    "prefix_matching",
    "previous_token",
    "q_composition",
    "q_matching",
    "qk_circuits",
    "qk_trace",
    "repeated_documents",
    "repeated_tokens",
    "train_tuned_lens",
    "tuned_lens",
    "v_composition",
]
