"""What heads would do by their weights alone: OV and QK circuits, and how heads compose.

Weights have the norms around them folded in (see `weights`): centring and gains are there, scales
and biases are not. Queries and keys are taken before positions turn or smear them. No matrix over
the vocabulary is formed: a product of low rank has, besides zeros, the eigenvalues of the same
product turned round, which is as small as a head.

Source:
    Elhage et al. 2021, "A mathematical framework for transformer circuits".
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.interpret.subject import Head, Subject, network_of
from glasshouse.interpret.weights import HeadWeights, head_weights, unembedding_rows


@dataclass(frozen=True, slots=True)
class Factored:
    """A square matrix of low rank, left @ right, or several."""

    left: Float[Tensor, "... d_model d_head"]
    right: Float[Tensor, "... d_head d_model"]

    @property
    def matrix(self) -> Float[Tensor, "... d_model d_model"]:
        """The matrix itself."""
        return self.left @ self.right

    @property
    def eigenvalues(self) -> Complex[Tensor, "... d_head"]:
        """Its eigenvalues, but for those that are 0 because of the low rank."""
        return torch.linalg.eigvals(self.right @ self.left)

    @property
    def norm(self) -> Float[Tensor, "..."]:
        """Its Frobenius norm."""
        inner = (self.left.mT @ self.left) * (self.right @ self.right.mT)
        return inner.sum(dim=(-2, -1)).clamp(min=0).sqrt()


def ov_circuits(subject: Subject) -> Factored:
    """W_O W_V of every head: what it writes to the residual stream for what it attends to."""
    weights = head_weights(network_of(subject, why="the OV circuit"))
    return Factored(weights.o, weights.v)


def qk_circuits(subject: Subject) -> Factored:
    """W_Qᵀ W_K of every head: a score, from the query's residual stream to the key's."""
    weights = head_weights(network_of(subject, why="the QK circuit"))
    return Factored(weights.q.mT, weights.k)


def positive_share(eigenvalues: Complex[Tensor, "... n"]) -> Float[Tensor, "..."]:
    """Re(Σ λ) / Σ |λ|: 1 where a matrix keeps every direction, -1 where it turns all of them round.

    0 where all eigenvalues are 0.
    """
    size = eigenvalues.abs().sum(dim=-1)
    return eigenvalues.real.sum(dim=-1) / size.clamp(min=torch.finfo(size.dtype).tiny)


@torch.no_grad()
def ov_copying(subject: Subject) -> Float[Tensor, "layer head"]:
    """Whether tokens that a head attends to become likelier: positive share of W_U W_O W_V W_E.

    Embeddings are taken as they are, without what the first blocks add to them.

    Source:
        Olsson et al. 2022 (2209.11895), argument 5; Elhage et al. 2021, "Copying matrices".
    """
    network = network_of(subject, why="ov_copying")
    weights = head_weights(network)
    through = network.embed.weight.mT @ unembedding_rows(network)  # W_E W_U, d_model d_model
    return positive_share(torch.linalg.eigvals(weights.v @ through @ weights.o))


@torch.no_grad()
def k_matching(subject: Subject) -> Float[Tensor, "later later_head earlier earlier_head"]:
    """Whether a head, reading keys through an earlier head, looks where its own token was.

    Positive share of W_Eᵀ W_Qᵀ W_K (W_O W_V)' W_E, where ' is the earlier head: the score between
    the token of a query and the token that the earlier head moved into a key. With a previous-token
    head as the earlier one it is the circuit of induction. 0 where a head is not earlier.

    Source:
        Olsson et al. 2022 (2209.11895), argument 5.
    """
    weights, gram = _weights_and_gram(subject)
    return _over_pairs(weights, lambda q, k, v, o: (k @ o) @ (v @ gram @ q.mT))


@torch.no_grad()
def q_matching(subject: Subject) -> Float[Tensor, "later later_head earlier earlier_head"]:
    """The same through queries: positive share of W_Eᵀ (W_O W_V)'ᵀ W_Qᵀ W_K W_E.

    With a duplicate-token head as the earlier one it is the other route to induction.
    """
    weights, gram = _weights_and_gram(subject)
    return _over_pairs(weights, lambda q, k, v, o: (k @ gram @ v.mT) @ (q @ o).mT)


def qk_trace(subject: Subject, previous: Head) -> Float[Tensor, "layer head"]:
    """`k_matching` of every head through one earlier head, the previous-token head as a rule.

    Raises:
        InputError: If there is no such head.
    """
    scores = k_matching(subject)
    layers, heads = scores.shape[:2]
    if not (0 <= previous[0] < layers and 0 <= previous[1] < heads):
        raise InputError(f"there is no head {previous}; the model has {layers} layers of {heads}")
    return scores[:, :, previous[0], previous[1]]


@torch.no_grad()
def k_composition(subject: Subject) -> Float[Tensor, "later later_head earlier earlier_head"]:
    """How far a head's keys read what an earlier head writes: ‖W_QK W_OV'‖ / (‖W_QK‖ ‖W_OV'‖).

    Norms are Frobenius'; 0 where a head is not earlier. Random matrices score about
    1 / sqrt(d_model), not 0.

    Source:
        Elhage et al. 2021, "Induction heads".
    """
    weights = head_weights(network_of(subject, why="k_composition"))
    return _compositions(weights, outer="q", inner="k")


@torch.no_grad()
def q_composition(subject: Subject) -> Float[Tensor, "later later_head earlier earlier_head"]:
    """How far a head's queries read what an earlier head writes; see `k_composition`."""
    weights = head_weights(network_of(subject, why="q_composition"))
    return _compositions(weights, outer="k", inner="q")


@torch.no_grad()
def v_composition(subject: Subject) -> Float[Tensor, "later later_head earlier earlier_head"]:
    """How far a head's values read what an earlier head writes; see `k_composition`."""
    weights = head_weights(network_of(subject, why="v_composition"))
    return _compositions(weights, outer="o", inner="v")


def _weights_and_gram(subject: Subject) -> tuple[HeadWeights, Float[Tensor, "d_model d_model"]]:
    network = network_of(subject, why="matching of tokens")
    embedding = network.embed.weight
    return head_weights(network), embedding.mT @ embedding


def _over_pairs(weights: HeadWeights, product: Callable[..., Tensor]) -> Tensor:
    """Positive share of a product, for every head and each earlier one.

    Args:
        weights: Of all heads.
        product: From queries and keys of a layer's heads, with two axes for the earlier heads, and
            earlier values and outputs, to `later_head earlier earlier_head d_head d_head`.
    """
    layers, heads = weights.q.shape[:2]
    found = weights.q.new_zeros(layers, heads, layers, heads)
    for layer in range(1, layers):
        q, k = weights.q[layer, :, None, None], weights.k[layer, :, None, None]
        matrices = product(q, k, weights.v[:layer], weights.o[:layer])
        found[layer, :, :layer] = positive_share(torch.linalg.eigvals(matrices))
    return found


def _compositions(weights: HeadWeights, *, outer: str, inner: str) -> Tensor:
    """Composition scores, without forming a matrix of the residual stream's width.

    The later head is outerᵀ · inner (`o` stands as it is); of the product outerᵀ (inner W_O') W_V'
    only Gram matrices of its ends matter to the norm.
    """
    ends = weights.o.mT if outer == "o" else getattr(weights, outer)
    reads = getattr(weights, inner)
    grams, value_grams = ends @ ends.mT, weights.v @ weights.v.mT
    layers, heads = ends.shape[:2]
    later_norm = Factored(ends.mT, reads).norm
    earlier_norm = Factored(weights.o, weights.v).norm
    found = ends.new_zeros(layers, heads, layers, heads)
    for layer in range(1, layers):
        middle = reads[layer, :, None, None] @ weights.o[:layer]
        squared = (grams[layer, :, None, None] @ middle * (middle @ value_grams[:layer])).sum(
            (-2, -1)
        )
        norms = later_norm[layer, :, None, None] * earlier_norm[:layer]
        found[layer, :, :layer] = squared.clamp(min=0).sqrt() / norms
    return found
