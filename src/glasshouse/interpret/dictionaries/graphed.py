"""A whole training step as one CUDA graph.

A step is some hundred short kernels, and a processor takes longer to ask for them than a GPU to run
them. Recorded once and replayed, they are asked for together.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from glasshouse.interpret.dictionaries.losses import Loss

Take = Callable[[Tensor, Tensor], tuple[Loss, Tensor]]
"""Takes a step on inputs and targets; returns its loss and its figures."""

STEPS_BEFORE = 3
"""Ordinary steps that must come first, so that nothing is made while a graph is recorded."""


@dataclass(frozen=True, slots=True, eq=False)
class GraphedStep:
    """A recorded step, and the tensors that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    inputs: Tensor
    targets: Tensor
    loss: Loss
    figures: Tensor

    def __call__(self, inputs: Tensor, targets: Tensor) -> tuple[Loss, Tensor]:
        """Take a step on as many other rows; the next one overwrites what is returned."""
        self.inputs.copy_(inputs)
        if self.targets is not self.inputs:
            self.targets.copy_(targets)
        self.graph.replay()
        return self.loss, self.figures


def record_step(take: Take, inputs: Tensor, targets: Tensor) -> GraphedStep:
    """Record a step; nothing is trained by it.

    Args:
        take: Must not read anything back from the GPU.
        inputs: Rows like those to come.
        targets: What should come out; the same tensor for an autoencoder.
    """
    own = inputs.clone()
    wanted = own if targets is inputs else targets.clone()
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        loss, figures = take(own, wanted)
    return GraphedStep(graph, own, wanted, loss, figures)
