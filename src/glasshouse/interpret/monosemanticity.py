"""Which neurons speak for one feature alone, and what the others compute together.

Made for layers whose features are known: each feature is shown alone, and a neuron is judged by how
its activation is shared out among them.

Source:
    Jermyn, Schiefer & Hubinger 2022, "Engineering Monosemanticity in Toy Models"
    (arXiv 2211.09169).
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.models.feature_decoder import FeatureDecoder

CUT = 0.999
"""A neuron is monosemantic when more than this share of its activation is one case's."""

SILENT = 1e-4
"""A neuron whose activations add up to less than this never fires; it stands for nothing."""

Solo = Float[Tensor, "replica neuron case"]
"""Activation of each neuron when one feature, of size one, is shown alone."""


def solo_activations(model: FeatureDecoder, *, is_signed: bool = False) -> Solo:
    """Show each feature alone and read the neurons.

    Args:
        model: The decoders.
        is_signed: Whether features may be negative; then the cases are all features at 1, followed
            by all at -1.
    """
    features = model.projection.shape[1]
    cases = torch.eye(features, device=model.projection.device)
    if is_signed:
        cases = torch.cat([cases, -cases])
    with torch.no_grad():
        return model.neurons(cases).mT.contiguous()


def fires(solo: Solo, *, silent: float = SILENT) -> Bool[Tensor, "replica neuron"]:
    """Which neurons are driven above zero by any feature at all."""
    return solo.clamp_min(0).sum(dim=-1) > silent


def monosemanticity(solo: Solo, *, silent: float = SILENT) -> Float[Tensor, "replica neuron"]:
    """The largest activation as a share of all: the paper's r, one for a neuron of one feature.

    A neuron that never fires scores zero, for it stands for no feature.

    Source:
        Jermyn et al. 2022, their measure r. Differs: in the paper's code a neuron that hardly
        fires can score one, and activations below zero (GeLU) are left in the sum, where they
        cancel others; here only what is above zero counts, which is the same for ReLU.
    """
    active = solo.clamp_min(0)
    total = active.sum(dim=-1)
    share = active.amax(dim=-1) / total.clamp_min(silent)
    return torch.where(total > silent, share, torch.zeros_like(share))


def count_monosemantic(solo: Solo, *, cut: float = CUT) -> Int[Tensor, " replica"]:
    """How many neurons each replica has whose share passes the cut."""
    return (monosemanticity(solo) > cut).sum(dim=-1)


def distinct_features(solo: Solo, features: int, *, cut: float = CUT) -> Int[Tensor, " replica"]:
    """How many features have at least one monosemantic neuron; several may share a feature.

    Args:
        solo: Activations by case.
        features: Number of features; cases beyond them are the same features at -1.
        cut: Share that a monosemantic neuron must pass.
    """
    if solo.shape[-1] % features:
        raise InputError(f"features={features} must divide the {solo.shape[-1]} cases")
    owner = solo.argmax(dim=-1) % features  # replica neuron
    is_mono = monosemanticity(solo) > cut
    owned = torch.zeros(len(solo), features, device=solo.device)
    owned.scatter_add_(1, owner, is_mono.float())
    return (owned > 0).sum(dim=-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Biases:
    """The first-layer biases of one replica, by what its neurons are."""

    mono: np.ndarray
    """Of monosemantic neurons."""
    poly: np.ndarray
    """Of neurons that fire and are not monosemantic; silent ones belong to neither."""

    @property
    def mono_mean(self) -> float:
        """Mean over monosemantic neurons; NaN when there are none."""
        return float(self.mono.mean()) if self.mono.size else float("nan")

    @property
    def poly_mean(self) -> float:
        """Mean over polysemantic neurons; NaN when there are none."""
        return float(self.poly.mean()) if self.poly.size else float("nan")


def bias_statistics(
    bias: Float[Tensor, "replica neuron"], solo: Solo, *, cut: float = CUT
) -> tuple[Biases, ...]:
    """Part each replica's biases by monosemantic and polysemantic neurons.

    Source:
        Jermyn et al. 2022: monosemantic neurons sit at a moderate negative bias.
    """
    is_mono = monosemanticity(solo) > cut
    is_poly = fires(solo) & ~is_mono
    return tuple(
        Biases(mono=one[mono].cpu().numpy(), poly=one[poly].cpu().numpy())
        for one, mono, poly in zip(bias.detach(), is_mono, is_poly, strict=True)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Residual:
    """What some neurons of one replica compute together, as if they were linear."""

    spectrum: np.ndarray
    """Singular values of `W2[:, chosen] W1[chosen, :]`, largest first."""
    alignment: float
    """|cosine| between the first right singular vector and the sum of all features, `P 1`."""

    def top_share(self, rank: int) -> float:
        """Share of the squared Frobenius norm in the `rank` largest singular values.

        NaN when there is no norm to share.
        """
        energy = np.square(self.spectrum)
        total = float(energy.sum())
        return float(energy[:rank].sum()) / total if total > 0 else float("nan")


def residual_algorithm(
    weight_in: Float[Tensor, "neuron input"],
    weight_out: Float[Tensor, "output neuron"],
    chosen: Bool[Tensor, " neuron"],
    projection: Float[Tensor, "input feature"],
) -> Residual:
    """Take the linear map through some neurons apart.

    Args:
        weight_in: W1 of one replica.
        weight_out: W2 of the same.
        chosen: Which neurons; the paper asks about the polysemantic ones that are left.
        projection: P, for the direction of "how much is there in all".

    Source:
        Jermyn et al. 2022: the neurons that are left correct confidence, at low rank.
    """
    block = weight_out[:, chosen].detach() @ weight_in[chosen].detach()
    _, values, right = torch.linalg.svd(block, full_matrices=False)
    everything = projection.sum(dim=1)
    cosine = right[0] @ everything / everything.norm().clamp_min(1e-12)
    return Residual(spectrum=values.cpu().numpy(), alignment=float(cosine.abs()))
