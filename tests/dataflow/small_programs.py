"""Programs of a few nodes, and a training step, for tests of placement and tracing."""

from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from glasshouse.dataflow import Graph, Plan

WIDTH = 8


class Tower(nn.Module):
    """Three layers, a value that skips two of them, and a size that the code reads."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3))
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(0.0, 0.5, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the layers make, the first twice; scale by the number of rows."""
        first = self.layers[0](x)
        second = torch.tanh(self.layers[1](first))
        third = self.layers[2](second).t().contiguous().t()
        return first + third / x.shape[0]


def tower_plan(feed: Sequence[str] = ()) -> Plan:
    return Graph.capture(Tower(), torch.zeros(4, WIDTH)).plan(["layers.*", "output"], feed)


def rows(count: int, seed: int = 1) -> Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))


def training_program() -> fx.GraphModule:
    """One step of gradient descent: weights and data in, loss and new weights out."""

    def step(up: Tensor, down: Tensor, x: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        up, down = up.detach().requires_grad_(), down.detach().requires_grad_()
        loss = (torch.tanh(x @ up) @ down - target).square().mean()
        by_up, by_down = torch.autograd.grad(loss, (up, down))
        return loss, up - 0.1 * by_up, down - 0.1 * by_down

    return make_fx(step, tracing_mode="fake")(*training_arguments(0))


def training_arguments(step: int) -> list[Tensor]:
    """The weights to begin with, and the data of a step."""
    weights = torch.Generator().manual_seed(0)
    data = torch.Generator().manual_seed(step + 1)
    return [
        torch.randn(WIDTH, 16, generator=weights) / 3,
        torch.randn(16, WIDTH, generator=weights) / 4,
        torch.randn(4, WIDTH, generator=data),
        torch.randn(4, WIDTH, generator=data),
    ]
