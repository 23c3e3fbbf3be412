"""A probe beside several controls, on the two halves of the texts."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.interpret.concepts.probes import (
    Kind,
    Probe,
    auroc,
    balanced_accuracy,
    control_labels,
    fit_probe,
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Probed:
    """A probe, how good it is, and how good probes of nothing are."""

    probe: Probe
    """Fitted on texts with even numbers."""
    accuracy: float
    """Balanced, on texts with odd numbers."""
    auroc: float
    """Of its projection, on the same texts."""
    controls: tuple[float, ...]
    """Balanced accuracies of probes of labels that mean nothing, each with its own coin; empty
    where there are too few kinds of token for a coin to fall on both sides."""

    @property
    def control(self) -> float:
        """The mean of the controls; chance where there is none."""
        return sum(self.controls) / len(self.controls) if self.controls else 0.5

    @property
    def selectivity(self) -> float:
        """Accuracy above the mean control."""
        return self.accuracy - self.control


def probe_with_controls(
    kind: Kind,
    values: Float[Tensor, "row d_model"],
    labels: Bool[Tensor, " row"],
    document: Int[Tensor, " row"],
    types: Int[Tensor, " row"],
    *,
    num_controls: int = 3,
    seed: int = 0,
) -> Probed:
    """Fit and score a probe, and several of labels that mean nothing.

    Args:
        kind: How to fit.
        values: Rows.
        labels: Whether each has the property.
        document: The text of each; even numbers fit, odd ones score.
        types: The kind of each, most often its token; a control has one label for each.
        num_controls: How many coins are flipped for every kind of token.
        seed: Of the coins.

    Raises:
        InputError: If either half lacks a label, or the values are not finite.

    Source:
        Hewitt and Liang 2019 (1909.03368), section 2, for control tasks and selectivity.
    """
    fitted = document % 2 == 0
    other = ~fitted
    for half, what in ((fitted, "even"), (other, "odd")):
        if not 0 < int(labels[half].sum()) < int(half.sum()):
            raise InputError(
                f"texts with {what} numbers are all alike: a probe needs rows with the property "
                "and rows without among them"
            )
    probe = fit_probe(kind, values[fitted], labels[fitted])
    projection = probe(values[other])
    controls = []
    for number in range(num_controls):
        noise = control_labels(types, labels, seed=seed + number)
        if all(0 < int(noise[half].sum()) < int(half.sum()) for half in (fitted, other)):
            rival = fit_probe(kind, values[fitted], noise[fitted])
            controls.append(balanced_accuracy(rival(values[other]) > 0, noise[other]))
    return Probed(
        probe=probe,
        accuracy=balanced_accuracy(projection > 0, labels[other]),
        auroc=auroc(projection, labels[other]),
        controls=tuple(controls),
    )
