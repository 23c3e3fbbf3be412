"""How good a dictionary of a running model is, on held-out texts and beside the truth if known.

What it is scored against the truth with is scored beside it: the value's own axes, which cost
nothing to learn.
"""

from dataclasses import dataclass
from typing import Any

import torch

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations, harvest_all
from glasshouse.interpret.dictionaries import Coder, fit_baseline
from glasshouse.interpret.dictionaries.metrics import (
    LedgerScores,
    Rebuilding,
    Splice,
    measure_rebuilding,
    score_against_ledger,
    sparse_codes,
    splice_cost,
)
from glasshouse.interpret.texts import SKIP, Texts
from glasshouse.models import LanguageModel

_SPLICED_WINDOWS = 48
"""Windows that the model reads with the reconstruction in the value's place."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DictionaryScores:
    """What was measured."""

    rebuilding: Rebuilding
    """Sparsity, explained variance, dead latents."""
    splice: Splice
    """What the model loses when it goes on with the reconstruction."""
    ledger: LedgerScores | None = None
    """Each true feature's best latent; None where the truth is not known."""
    axes: LedgerScores | None = None
    """The same for the value's own axes, either way along each."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        found: dict[str, Any] = {
            "l0": self.rebuilding.l0,
            "explained_variance": self.rebuilding.explained_variance,
            "dead_share": self.rebuilding.dead_share,
            "ce_recovered": _finite(self.splice.recovered),
            "loss_clean": self.splice.clean,
            "loss_spliced": self.splice.spliced,
            "loss_ablated": self.splice.ablated,
            "rows": self.rebuilding.rows,
        }
        if self.ledger is not None:
            found["ledger"] = ledger_plain(self.ledger)
        if self.axes is not None:
            found["axes"] = ledger_plain(self.axes, shown=0)
        return found


def harvest_held_out(model: LanguageModel, texts: Texts, value: str) -> Activations:
    """The value's rows on held-out texts.

    Raises:
        InputError: If they hold NaN or infinity, or are all equal.
    """
    rows = harvest_all(model, texts.held_out.tolist(), value, skip=SKIP)
    if not bool(rows[value].isfinite().all()):
        raise InputError(
            f"{value} holds NaN or infinity on {texts.origin}; look for the run that made the "
            "weights"
        )
    if bool((rows[value] == rows[value][0]).all()):
        raise InputError(f"{value} is the same on every token of {texts.origin}")
    return rows


def measure_dictionary(
    model: LanguageModel, texts: Texts, dictionary: Coder, value: str
) -> DictionaryScores:
    """Measure a dictionary on texts that it has not learned from.

    Raises:
        InputError: If it does not fit the value, or the value is constant or not finite.
    """
    rows = harvest_held_out(model, texts, value)
    values = rows[value].float()
    ledger = axes = None
    rebuilding = measure_rebuilding(dictionary, values)
    if texts.truth is not None:
        ledger = against_truth(dictionary, rows, texts, value)
        axes = against_truth(fit_baseline("axes", values, values.shape[1] * 2), rows, texts, value)
    shown = texts.held_out[:_SPLICED_WINDOWS]
    splice = splice_cost(model, shown.split(16), value, dictionary)
    return DictionaryScores(rebuilding=rebuilding, splice=splice, ledger=ledger, axes=axes)


@torch.no_grad()
def against_truth(coder: Coder, rows: Activations, texts: Texts, value: str) -> LedgerScores | None:
    """Score a dictionary against what is true of the rows; None where too little is to be had.

    Raises:
        InputError: If the truth of these texts is not known.
    """
    if texts.truth is None:
        raise InputError(f"of {texts.origin} the truth is not known")
    truth = texts.truth.of(rows, texts.context)
    counts = torch.as_tensor(truth.sum(axis=0))
    if not bool((counts >= 40).any()):
        return None
    codes = sparse_codes(coder, rows[value].float())
    return score_against_ledger(codes, truth, texts.truth.names, rows.document)


def ledger_plain(scores: LedgerScores, *, shown: int = 10) -> dict[str, Any]:
    """Scores against the ledger as JSON values, with the best and the worst matches."""
    found: dict[str, Any] = {
        "features": len(scores.names),
        "mean_f1": float(scores.f1.mean()),
        "mean_auroc": float(scores.auroc.mean()),
        "found_share": float((scores.f1 > 0.7).mean()),
        "named_share": scores.named_share,
    }
    for name, places in (("best", scores.best(shown)), ("worst", scores.worst(shown))):
        if shown:
            found[name] = [
                {
                    "feature": scores.names[place],
                    "latent": int(scores.f1_latent[place]),
                    "f1": float(scores.f1[place]),
                    "auroc": float(scores.auroc[place]),
                    "tokens": int(scores.count[place]),
                }
                for place in places
            ]
    return found


def _finite(number: float) -> float | None:
    return number if number == number else None
