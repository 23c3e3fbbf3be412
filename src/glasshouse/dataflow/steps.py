"""One question asked again and again, as the body of a loop: an input changes, variables remain."""

from collections.abc import Mapping, Sequence

import torch

from glasshouse.dataflow.feeds import FedPart
from glasshouse.dataflow.plan import Plan
from glasshouse.dataflow.values import Values


class Step:
    """A plan with its feeds, to be called with new inputs many times; `Graph.step` makes one.

    Inputs are checked and weights are looked up in the first call only, which saves as much time as
    a small model's whole step takes.
    """

    def __init__(self, plan: Plan, fed: Mapping[str, Sequence[FedPart]]) -> None:
        self.plan = plan
        self._fed = fed
        self._arguments: list[object] = []
        self._first_input = len(plan.layout.weights) + len(plan.layout.constants)

    def __call__(self, **inputs: torch.Tensor) -> Values:
        """Run once.

        Args:
            inputs: The module's arguments by name.

        Raises:
            InputError: If, in the first call, an input is missing or does not fit.
        """
        if not self._arguments:
            self._arguments = self.plan.arguments(inputs, self._fed)
        for place, name in enumerate(self.plan.layout.inputs):
            self._arguments[self._first_input + place] = inputs[name]
        with torch.no_grad():
            found = self.plan.function(*self._arguments)
        values = dict(zip(self.plan.layout.fetched, found, strict=True))
        return Values({w.key: w.read(values[w.name]) for w in self.plan.wanted})
