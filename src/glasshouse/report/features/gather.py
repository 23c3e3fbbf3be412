"""Everything that a page says of latents, measured of a dictionary of a running model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.autointerp import (
    ExplanationScore,
    draw_passages,
    explain_by_rule,
    score_explanation,
)
from glasshouse.interpret.concepts import token_effects
from glasshouse.interpret.dictionaries import Coder, unit_effects
from glasshouse.interpret.dictionaries.metrics.ledger import Sparse, best_threshold, f1_at_zero
from glasshouse.interpret.dictionary_scores import harvest_held_out
from glasshouse.interpret.features import (
    LatentEntries,
    Neighbours,
    coactivation,
    collect_entries,
    nearest_directions,
    report_latents,
)
from glasshouse.interpret.texts import Texts
from glasshouse.models import LanguageModel, Transformer
from glasshouse.report.features.sheet import FeatureSheet, Match, feature_sheets
from glasshouse.report.look.texts import shown_token

Watch = Callable[[int, int, str], None]
"""`watch(done, total, what)`: how far the work is."""

_NEIGHBOURS = 6


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Measured:
    """A dictionary on held-out texts, before any latent is picked."""

    rows: Activations
    """The texts, token by token, with the value."""
    entries: LatentEntries
    """Where every latent is active."""
    effects: Float[Tensor, "latent d_out"]
    """What one unit of each adds to the value."""

    @property
    def alive(self) -> list[int]:
        """Latents that are active on some token."""
        return np.flatnonzero(self.entries.density > 0).tolist()

    def strongest(self, count: int) -> list[int]:
        """The latents that add most to the value, by length times activation over all tokens."""
        sums = np.zeros(len(self.entries.latents))
        places = np.repeat(np.arange(len(sums)), np.diff(self.entries.offsets))
        np.add.at(sums, places, self.entries.activations)
        written = sums * self.effects.norm(dim=1).numpy()
        order = np.argsort(-written, kind="stable")
        return [int(latent) for latent in order[:count] if written[latent] > 0]


def measure_latents(model: LanguageModel, texts: Texts, coder: Coder, value: str) -> Measured:
    """Run a model over held-out texts and see where each latent is active.

    Raises:
        InputError: If the value is constant or not finite, or the dictionary does not fit it.
    """
    rows = harvest_held_out(model, texts, value)
    entries = collect_entries(coder, rows[value])
    return Measured(
        rows=rows, entries=entries, effects=unit_effects(coder, rows[value][:1].float())
    )


def gather_sheets(
    model: LanguageModel,
    texts: Texts,
    coder: Coder,
    value: str,
    measured: Measured,
    latents: Sequence[int],
    *,
    watch: Watch | None = None,
) -> list[FeatureSheet]:
    """Put together the sheets of some latents.

    Args:
        model: Who is looked into.
        texts: What it has read.
        coder: The dictionary.
        value: The value that it encodes.
        measured: From `measure_latents`.
        latents: Whose sheets, each active somewhere.
        watch: Told how far the explanations are.

    Raises:
        InputError: If a latent is not there, or active on no token.
    """
    _check(coder, measured, latents)
    chosen = torch.as_tensor(latents)
    truth = None if texts.truth is None else texts.truth.of(measured.rows, texts.context)
    names = () if texts.truth is None else texts.truth.names
    reports = report_latents(measured.entries, measured.rows, latents)
    alike = together = None
    if (k := min(_NEIGHBOURS, coder.num_latents - 1)) > 0:
        alike = nearest_directions(coder, k, latents=chosen)
        both = coactivation(measured.entries, k)
        together = Neighbours(latents=both.latents[chosen], likeness=both.likeness[chosen])
    effects = None
    if _writes_to_logits(model, value):
        effects = token_effects(model, measured.effects[chosen])
    return feature_sheets(
        reports,
        effects=effects,
        alike=alike,
        together=together,
        matches=None if truth is None else _matches(measured, truth, names, latents),
        explanations=_explanations(model, measured, truth, names, latents, watch),
    )


def _check(coder: Coder, measured: Measured, latents: Sequence[int]) -> None:
    density = measured.entries.density
    for latent in latents:
        if not 0 <= latent < coder.num_latents:
            raise InputError(
                f"the dictionary has no latent {latent}; it has 0 to {coder.num_latents - 1}"
            )
        if not density[latent]:
            raise InputError(
                f"latent {latent} is active on none of {measured.entries.num_tokens:,} held-out "
                "tokens, so there is nothing to show of it; give more text, or take another"
            )


def _writes_to_logits(model: LanguageModel, value: str) -> bool:
    """Whether a direction of the value is one of the residual stream of a Transformer of ours."""
    axes = model.graph().value(value).axes
    return isinstance(model.network, Transformer) and axes == ("batch", "pos", "d_model")


def _matches(
    measured: Measured, truth: Sparse, names: Sequence[str], latents: Sequence[int]
) -> dict[int, Match]:
    """Each latent's nearest true feature: chosen on texts with even numbers, scored on odd."""
    entries = measured.entries
    codes = scipy.sparse.csc_array(
        (entries.activations, entries.tokens, entries.offsets),
        shape=(entries.num_tokens, len(entries.latents)),
    )[:, list(latents)]
    seen = measured.rows.document.cpu().numpy() % 2 == 0
    rows = scipy.sparse.csr_array(codes)
    best = f1_at_zero(rows[seen], truth[seen]).argmax(axis=0)
    found = {}
    for place, latent in enumerate(latents):
        has = truth[:, [int(best[place])]].toarray().ravel().astype(bool)
        active = codes[:, [place]].toarray().ravel()
        _, least = best_threshold(active[seen], has[seen])
        called = active[~seen] > least
        both = 2 * int((called & has[~seen]).sum())
        f1 = both / max(int(called.sum() + has[~seen].sum()), 1)
        found[latent] = Match(name=names[int(best[place])], f1=f1)
    return found


def _explanations(
    model: LanguageModel,
    measured: Measured,
    truth: Sparse | None,
    names: Sequence[str],
    latents: Sequence[int],
    watch: Watch | None,
) -> dict[int, tuple[str, ExplanationScore | None]]:
    """The best rule for each latent, with its scores where it is active often enough."""
    words = [shown_token(model.tokenizer, i) for i in range(model.network.config.vocab_size)]
    even = set(np.flatnonzero(measured.rows.document.cpu().numpy() % 2 == 0).tolist())
    found: dict[int, tuple[str, ExplanationScore | None]] = {}
    for done, latent in enumerate(latents):
        if watch is not None:
            watch(done, len(latents), f"explaining latent {latent}")
        tokens, _ = measured.entries.of(latent)
        if even.isdisjoint(tokens.tolist()):
            continue  # a rule is found on texts with even numbers, and it is silent there
        rule = explain_by_rule(
            measured.entries, measured.rows, latent, words=words, truth=truth, names=names
        )
        passages = draw_passages(measured.entries, measured.rows, latent)
        score = None if passages is None else score_explanation(rule, passages)
        found[latent] = (rule.text, score)
    return found
