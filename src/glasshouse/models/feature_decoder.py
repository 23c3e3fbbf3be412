"""One hidden layer that reads sparse features out of a fixed random projection, many at a time.

A feature vector f is squeezed by a projection P that never changes; a layer of neurons reads it
back: `W2 act(W1 P f + b1)`, without an output bias. Every trained tensor has a leading replica
axis. Replicas share P, their examples and their first weights, so that they differ by nothing but
how they are trained.

Source:
    Jermyn, Schiefer & Hubinger 2022, "Engineering Monosemanticity in Toy Models"
    (arXiv 2211.09169), with the details of their public code.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from glasshouse.errors import InputError

Task = Literal["decoder", "re-projector", "abs"]
"""What is to be answered: the features, another projection of them, or their absolute values."""

Activation = Literal["relu", "gelu", "solu"]
"""What a neuron does with its sum; `solu` is `x exp(x)`, as in the paper's code."""

Projection = Float[Tensor, "input feature"]
"""One column of length one for each feature (the paper's P)."""

ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "solu": lambda sums: sums * sums.exp(),
}
"""The activation functions by name."""


def random_projection(features: int, inputs: int, *, generator: torch.Generator) -> Projection:
    """Draw a projection with columns of length one, spread as evenly as chance has it.

    The left singular vectors of a Gaussian matrix, one row a feature, rescaled to length one.

    Args:
        features: Number of features N.
        inputs: Dimensions m that they are squeezed into.
        generator: Where the Gaussian comes from; its device is the result's.

    Raises:
        InputError: If there are more dimensions than features.
    """
    if not 1 <= inputs <= features:
        raise InputError(f"inputs={inputs} must lie in [1, features={features}]")
    normal = torch.randn(features, inputs, generator=generator, device=generator.device)
    rows = torch.linalg.svd(normal, full_matrices=False).U
    return (rows / rows.norm(dim=1, keepdim=True)).mT.contiguous()


def power_law_density(features: int, mean: float, *, power: float) -> Float[Tensor, "1 feature"]:
    """Probabilities that fall as `i^-power` from the first feature on, on the CPU.

    Args:
        features: Number of features.
        mean: Mean probability before clipping.
        power: How steeply they fall; the paper has 1.1.

    Returns:
        One probability a feature, none above one.
    """
    falling = torch.arange(1, features + 1, dtype=torch.float32).pow(-power)
    return (falling * (mean * features / falling.sum())).clamp_max(1.0)[None]


class FeatureDecoder(nn.Module):
    """A population of decoders behind one projection."""

    def __init__(
        self,
        num_replicas: int,
        projection: Projection,
        neurons: int,
        outputs: int,
        *,
        activation: Activation = "relu",
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        inputs = projection.shape[0]
        self.activation: Activation = activation
        self.register_buffer("projection", projection)
        self.projection: Tensor
        shapes = {
            "weight_in": ((neurons, inputs), inputs),
            "bias": ((neurons,), inputs),
            "weight_out": ((outputs, neurons), neurons),
        }
        for name, (shape, fan_in) in shapes.items():
            start = _uniform(shape, fan_in, generator)
            value = start.expand(num_replicas, *shape).clone()
            self.register_parameter(name, nn.Parameter(value))
        self.weight_in: Tensor
        self.bias: Tensor
        self.weight_out: Tensor

    def neurons(
        self, values: Float[Tensor, "batch feature"]
    ) -> Float[Tensor, "replica batch neuron"]:
        """The neurons' activations, `act(W1 P f + b1)`."""
        projected = values @ self.projection.mT
        projected = projected.expand(len(self.bias), *projected.shape)
        sums = torch.baddbmm(self.bias[:, None], projected, self.weight_in.mT)
        return ACTIVATIONS[self.activation](sums)

    def forward(
        self, values: Float[Tensor, "batch feature"]
    ) -> Float[Tensor, "replica batch output"]:
        """Each replica's answer to the same examples."""
        return torch.bmm(self.neurons(values), self.weight_out.mT)


def target_of(
    task: Task, values: Float[Tensor, "batch feature"], projection: Projection | None = None
) -> Float[Tensor, "batch output"]:
    """What the answer should be.

    Args:
        task: Which of the paper's tasks.
        values: The features.
        projection: The second projection Q, for the re-projector.

    Raises:
        InputError: If the re-projector has no second projection.
    """
    if task == "decoder":
        return values
    if task == "abs":
        return values.abs()
    if projection is None:
        raise InputError("task='re-projector' needs a second projection; pass projection=")
    return values @ projection.mT


def squared_error(
    predicted: Float[Tensor, "replica batch output"], target: Float[Tensor, "batch output"]
) -> Float[Tensor, " replica"]:
    """The paper's loss: squared error summed over outputs, averaged over examples."""
    return (predicted - target).square().sum(dim=-1).mean(dim=1)


def _uniform(shape: tuple[int, ...], fan_in: int, generator: torch.Generator) -> Tensor:
    """The usual start of a linear layer: uniform within one over the root of its inputs."""
    unit = torch.rand(shape, generator=generator, device=generator.device)
    return (2 * unit - 1) / fan_in**0.5
