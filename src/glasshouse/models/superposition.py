"""Toy models of superposition, many at a time.

Every model here carries a leading replica axis: `num_replicas` models with their own weights run as
one batched matrix product, which is how hundreds of them fit into one training loop. Nothing is
shared between replicas, so the gradient of the summed loss is each replica's own gradient.

Source:
    Elhage et al. 2022, "Toy Models of Superposition" (arXiv 2209.10652).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

Weights = Float[Tensor, "replica hidden feature"]
"""One column a feature: where the model writes it in its hidden space (the paper's W)."""


class LinearOutput(nn.Module):
    """The linear baseline: `x' = W^T W x + b`, a principal component analysis by another name."""

    def __init__(
        self, num_replicas: int, features: int, hidden: int, *, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            initial_weights(num_replicas, hidden, features, generator=generator)
        )
        self.bias = nn.Parameter(torch.zeros(num_replicas, features, device=generator.device))

    def encode(
        self, values: Float[Tensor, "replica batch feature"]
    ) -> Float[Tensor, "replica batch hidden"]:
        """The hidden vector `h = W x` of each example."""
        return torch.bmm(values, self.weight.mT)

    def forward(
        self, values: Float[Tensor, "replica batch feature"]
    ) -> Float[Tensor, "replica batch feature"]:
        """Squeeze the features through the hidden space and read them back."""
        return torch.baddbmm(self.bias[:, None], self.encode(values), self.weight)


class ReLUOutput(LinearOutput):
    """The paper's model: `x' = ReLU(W^T W x + b)`.

    Source:
        Elhage et al. 2022, "Demonstrating Superposition", the ReLU output model.
    """

    def forward(
        self, values: Float[Tensor, "replica batch feature"]
    ) -> Float[Tensor, "replica batch feature"]:
        """Squeeze the features through the hidden space and read back what is positive."""
        return super().forward(values).relu_()


class HiddenReLU(nn.Module):
    """A hidden layer of neurons: `h = ReLU(W1 x)`, `x' = ReLU(W2 h + b)`.

    With `tied` weights W2 = W1^T, the paper's privileged-basis model. Untied, it can compute on its
    features (the absolute value) and not only store them.

    Source:
        Elhage et al. 2022, "Superposition in a Privileged Basis", "Computation in Superposition".
    """

    def __init__(
        self,
        num_replicas: int,
        features: int,
        hidden: int,
        *,
        tied: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            initial_weights(num_replicas, hidden, features, generator=generator)
        )
        self.readout = (
            None
            if tied
            else nn.Parameter(initial_weights(num_replicas, hidden, features, generator=generator))
        )
        self.bias = nn.Parameter(torch.zeros(num_replicas, features, device=generator.device))

    def encode(
        self, values: Float[Tensor, "replica batch feature"]
    ) -> Float[Tensor, "replica batch hidden"]:
        """The neurons' activations."""
        return torch.bmm(values, self.weight.mT).relu_()

    def forward(
        self, values: Float[Tensor, "replica batch feature"]
    ) -> Float[Tensor, "replica batch feature"]:
        """Pass the features through the neurons and read the answer back."""
        readout = self.weight if self.readout is None else self.readout
        return torch.baddbmm(self.bias[:, None], self.encode(values), readout).relu_()


def initial_weights(
    num_replicas: int, hidden: int, features: int, *, generator: torch.Generator
) -> Weights:
    """Normal weights whose columns have an expected squared norm of `2 m / (n + m)`.

    Larger columns leave features dead behind a negative bias before training has sorted them out.
    """
    shape = (num_replicas, hidden, features)
    normal = torch.randn(shape, generator=generator, device=generator.device)
    return normal * (2.0 / (features + hidden)) ** 0.5


def weighted_error(
    predicted: Float[Tensor, "replica batch feature"],
    target: Float[Tensor, "replica batch feature"],
    importance: Float[Tensor, "#replica #feature"],
    weights: Float[Tensor, "#replica batch"] | None = None,
) -> Float[Tensor, " replica"]:
    """Squared error of each replica: summed over features by importance, averaged over examples.

    Args:
        predicted: What the models answered.
        target: What they should have answered.
        importance: The paper's I_i.
        weights: Probability of each example, for batches that list cases rather than draw them;
            None weighs all examples alike.
    """
    error = (predicted - target).square()
    by_example = (error * importance[:, None]).sum(dim=-1)
    return by_example.mean(dim=1) if weights is None else (by_example * weights).sum(dim=1)


def geometric_importance(features: int, decay: float) -> Float[Tensor, "1 feature"]:
    """Importance `decay^i` of feature i, on the CPU; a decay of one makes all features equal."""
    return torch.pow(torch.tensor(decay), torch.arange(features))[None]
