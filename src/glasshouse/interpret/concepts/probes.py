"""Probes, and what makes their accuracy mean something.

A probe that reads a property off a value shows that it can be read, not that the model put it
there: a wide value and a rich probe can learn any labels. So every score comes with a control, the
same probe on labels that are a fixed coin flip for each kind of token, and with the other halves of
the texts, which it was not fitted on.

Source:
    Hewitt and Liang 2019, "Designing and interpreting probes with control tasks" (1909.03368), for
    control tasks and selectivity. Marks and Tegmark 2023, "The geometry of truth" (2310.06824),
    section 4, for the difference of means as a probe.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glasshouse.errors import InputError

Kind = Literal["logistic", "ridge", "mass-mean"]
"""Logistic regression; least squares on -1 and 1; the difference of means of scaled values."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Probe:
    """A direction and a threshold."""

    kind: Kind
    """How it was fitted."""
    direction: Float[Tensor, " d_model"]
    """What a value is projected on; its length is the probe's own."""
    bias: float
    """Added to the projection; above 0 means that the property is there."""

    def __call__(self, values: Float[Tensor, "... d_model"]) -> Float[Tensor, "..."]:
        """How far each value lies on the side of the property."""
        return values @ self.direction + self.bias


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeScore:
    """Accuracies on texts that the probe was not fitted on; balanced, so that 0.5 is chance."""

    accuracy: float
    """Of the probe."""
    auroc: float
    """Of its projection."""
    control: float
    """Accuracy of the same kind of probe on labels that mean nothing."""

    @property
    def selectivity(self) -> float:
        """Accuracy above what the probe learns by itself."""
        return self.accuracy - self.control


def fit_probe(
    kind: Kind,
    values: Float[Tensor, "row d_model"],
    labels: Bool[Tensor, " row"],
    *,
    penalty: float = 1.0,
) -> Probe:
    """Fit a probe; rows of either label weigh the same.

    Args:
        kind: How.
        values: Rows.
        labels: Whether each has the property.
        penalty: On the squared length of the direction, for values scaled to unit variance;
            without meaning for `mass-mean`.

    Raises:
        InputError: If a label is missing, the values are not finite, or the penalty is negative.
    """
    _check(values, labels, penalty)
    centre, scale = values.mean(dim=0), values.std(dim=0).clamp(min=1e-8)
    rows = (values - centre) / scale
    if kind == "mass-mean":
        direction = rows[labels].mean(dim=0) - rows[~labels].mean(dim=0)
        middle = (rows[labels].mean(dim=0) + rows[~labels].mean(dim=0)) / 2
        bias = -float(middle @ direction)
    else:
        direction, bias = _fitted(kind, rows, labels, penalty)
    # Back in the units of the value.
    own = direction / scale
    return Probe(kind=kind, direction=own, bias=bias - float(centre @ own))


def score_probe(
    kind: Kind,
    values: Float[Tensor, "row d_model"],
    labels: Bool[Tensor, " row"],
    document: Int[Tensor, " row"],
    types: Int[Tensor, " row"],
    *,
    penalty: float = 1.0,
    seed: int = 0,
) -> ProbeScore:
    """Fit a probe on texts with even numbers, score it on odd ones, and do the same for a control.

    Args:
        kind: How to fit.
        values: Rows.
        labels: Whether each has the property.
        document: The text of each.
        types: The kind of each, most often its token; the control has one label for each kind.
        penalty: As in `fit_probe`.
        seed: Of the control's labels.

    Raises:
        InputError: If either half lacks a label.
    """
    fitted = document % 2 == 0
    other = ~fitted
    probe = fit_probe(kind, values[fitted], labels[fitted], penalty=penalty)
    if labels[other].all() or not labels[other].any():
        raise InputError("texts with odd numbers, which score the probe, have one label only")
    projection = probe(values[other])
    noise = control_labels(types, labels, seed=seed)
    control = 0.5
    if all(0 < int(noise[half].sum()) < int(half.sum()) for half in (fitted, other)):
        rival = fit_probe(kind, values[fitted], noise[fitted], penalty=penalty)
        control = balanced_accuracy(rival(values[other]) > 0, noise[other])
    return ProbeScore(
        accuracy=balanced_accuracy(projection > 0, labels[other]),
        auroc=auroc(projection, labels[other]),
        control=control,
    )


def control_labels(
    types: Int[Tensor, " row"], labels: Bool[Tensor, " row"], *, seed: int
) -> Bool[Tensor, " row"]:
    """A coin flip for each kind of token, as often heads as the true label."""
    kinds, place = types.unique(return_inverse=True)
    chance = torch.Generator().manual_seed(seed)
    heads = torch.rand(len(kinds), generator=chance) < labels.double().mean().cpu()
    return heads.to(place.device)[place]


def balanced_accuracy(called: Bool[Tensor, " row"], labels: Bool[Tensor, " row"]) -> float:
    """The mean of the accuracies on either label."""
    return float((called[labels].double().mean() + (~called)[~labels].double().mean()) / 2)


def auroc(scores: Float[Tensor, " row"], labels: Bool[Tensor, " row"]) -> float:
    """Chance that a row with the label scores above one without; ties count half."""
    from scipy.stats import rankdata

    ranks = rankdata(scores.detach().cpu().numpy())
    positive = labels.cpu().numpy()
    count, rest = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * rest))


def _check(values: Tensor, labels: Tensor, penalty: float) -> None:
    if labels.all() or not labels.any():
        raise InputError("a probe needs rows with the property and rows without")
    if not values.isfinite().all():
        raise InputError("the values hold NaN or infinity; look for the run that made them")
    if penalty < 0:
        raise InputError(f"penalty={penalty} must not be negative")


def _fitted(kind: Kind, rows: Tensor, labels: Tensor, penalty: float) -> tuple[Tensor, float]:
    from sklearn.linear_model import LogisticRegression, RidgeClassifier

    matrix, wanted = rows.detach().cpu().double().numpy(), labels.cpu().numpy()
    if kind == "ridge":
        model = RidgeClassifier(alpha=max(penalty, 1e-12), class_weight="balanced")
    else:
        model = LogisticRegression(
            C=1 / max(penalty, 1e-12), class_weight="balanced", max_iter=1000
        )
    model.fit(matrix, wanted)
    direction = torch.as_tensor(np.asarray(model.coef_).reshape(-1)).to(rows)
    return direction, float(np.asarray(model.intercept_).reshape(-1)[0])
