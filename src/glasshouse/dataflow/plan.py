"""A plan: the program of one kind of question, ready to run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, fx, nn

from glasshouse.dataflow.direct import direct_function
from glasshouse.dataflow.feeds import FedPart, Feed, change_of, kind_of
from glasshouse.dataflow.gradients import Grad, as_leaf, gradients, scalar
from glasshouse.dataflow.inputs import Inputs
from glasshouse.dataflow.nodes import fake
from glasshouse.dataflow.program import Program
from glasshouse.dataflow.question import Question, Wanted, WantedGrad, fed_parts
from glasshouse.dataflow.split import Split, split_program
from glasshouse.dataflow.values import Value, Values
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.dataflow.compiled import By, CompiledPlan
    from glasshouse.dataflow.explain import Explanation


@dataclass(frozen=True)
class Plan:
    """What a question needs, pruned, with common computations once."""

    module: nn.Module
    """The live module, whose weights every run reads."""
    layout: Program
    """The pruned graph and what its placeholders stand for."""
    inputs: Inputs
    """How the module's arguments are checked."""
    constants: Mapping[str, Tensor]
    """Tensors that the module's code made."""
    question: Question
    """What is fetched."""
    values: Mapping[str, Value]
    """What is known of the graph's values, by which addresses are understood."""
    shared: tuple[tuple[str, ...], ...] = ()
    """Names of weights that were one tensor when the module was captured, together."""

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """Values that are fetched."""
        return self.question.wanted

    @property
    def grads(self) -> tuple[WantedGrad, ...]:
        """Gradients that are fetched."""
        return self.question.grads

    @property
    def program(self) -> fx.GraphModule:
        """The pruned graph: placeholders (weights, constants, inputs, feeds), calls, one output."""
        return self.layout.module

    @cached_property
    def function(self) -> Callable[..., tuple[Tensor, ...]]:
        """The program as a Python function of its placeholders."""
        return direct_function(self.program)

    @cached_property
    def split(self) -> Split:
        """The program in two parts, for sweeps."""
        lengths = {str(twin.shape[0]) for twin in self.inputs.twins.values() if twin.ndim}
        return split_program(self.layout, {length for length in lengths if not length.isdigit()})

    def asking(self, grads: Sequence[Grad]) -> "Plan":
        """The same program, for gradients of these functions."""
        if all(wanted.grad == grad for wanted, grad in zip(self.grads, grads, strict=True)):
            return self
        pairs = zip(self.grads, grads, strict=True)
        wanted = tuple(wanted._replace(grad=grad) for wanted, grad in pairs)
        return replace(self, question=self.question._replace(grads=wanted))

    def run(self, inputs: object = None, *, feed: Feed | None = None) -> Values:
        """Run with new inputs, and with feeds at what the plan was told would, or may, be fed.

        Raises:
            InputError: If an input or feed is missing or does not fit.
        """
        return self.run_parts(inputs, self.fed_parts(feed or {}))

    def fed_parts(self, feed: Feed) -> dict[str, list[FedPart]]:
        """What is fed at each value.

        Raises:
            InputError: If it is fed where the plan was not told, or not as it was told.
        """
        parts = fed_parts(self.values, feed)
        for name, given in parts.items():
            kind = self.layout.kinds.get(name)
            if kind is None:
                raise InputError(
                    f"something is fed at {name}, where this plan does not expect it; "
                    f'make the plan with feed=["{name}[...]"]'
                )
            if kind == "tensor" and kind_of(given) != "tensor":
                raise InputError(
                    f"this plan takes a whole tensor in place of {name}; make it with "
                    f'feed=["{name}[...]"] to feed a function or a part'
                )
        return parts

    def compile(self, *, by: "By" = "whole") -> "CompiledPlan":
        """The same plan as one fused program, for every batch size and length.

        It compiles in its first run, which takes tens of seconds, or a few where torch's own cache
        on disk knows the program. Weights are still looked up at every run.

        Args:
            by: "whole" fuses across blocks; "block" compiles a block once for all blocks like it.
        """
        from glasshouse.dataflow.compiled import CompiledPlan

        return CompiledPlan(self, by=by)

    def explain(self, *, batch: int = 1, seq: int = 128) -> "Explanation":
        """What a run will compute and what that costs; print it, or read its fields.

        Args:
            batch: Length of the first axis of the module's arguments, where it is free.
            seq: Length of all other free axes.
        """
        from glasshouse.dataflow.explain import explain_plan

        return explain_plan(self, batch=batch, seq=seq)

    def run_parts(
        self,
        inputs: object,
        fed: Mapping[str, Sequence[FedPart]],
        *,
        grads: Sequence[Grad] | None = None,
        differentiable: bool = False,
    ) -> Values:
        """Run with feeds that are resolved already; `Graph.run` is the door to this.

        Args:
            inputs: The module's arguments.
            fed: What is fed, by value.
            grads: The gradients asked for, if their functions are not those the plan was made with.
            differentiable: Keep what torch's backward needs.
        """
        is_traced = differentiable or bool(self.grads)
        with torch.set_grad_enabled(is_traced):
            found = self.function(*self.arguments(inputs, fed, frozen=bool(self.grads)))
        values = dict(zip(self.layout.fetched, found, strict=True))
        taken = self._gradients(values, grads or [wanted.grad for wanted in self.grads])
        read = {w.key: w.read(values[w.name]) for w in self.wanted}
        if self.grads and not differentiable:
            read = {key: value.detach() for key, value in read.items()}
        return Values(read, taken)

    def arguments(
        self, inputs: object, fed: Mapping[str, Sequence[FedPart]], *, frozen: bool = False
    ) -> list[object]:
        """What the program's placeholders stand for in one run.

        Args:
            inputs: The module's arguments.
            fed: What is fed, by value.
            frozen: Whether gradients with respect to weights are not wanted.

        Raises:
            InputError: If an input or feed is missing or does not fit, or weights that were one
                tensor when the module was captured are several now.
        """
        self._check_shared()
        feeds = self._feeds(fed)
        twinned = {name: (feeds[name], twin) for name, twin in self._twins.items()}
        given = self.inputs.bind(inputs, self.layout.inputs, twinned)
        weights = [owner[key] for owner, key in self._weights]
        if frozen:
            weights = [weight.detach() for weight in weights]
        constants = [self.constants[name] for name in self.layout.constants]
        return [*weights, *constants, *given.values(), *feeds.values()]

    def _feeds(self, fed: Mapping[str, Sequence[FedPart]]) -> dict[str, object]:
        """A tensor or function for every placeholder of a fed value."""
        leaves = {name for wanted in self.grads for name in wanted.wrt}
        feeds: dict[str, object] = {}
        for name in self.layout.feeds:
            parts = fed.get(name, ())
            if self.layout.kinds[name] == "function":
                change = change_of(name, parts)
                feeds[name] = _then_leaf(change) if name in leaves else change
                continue
            if len(parts) != 1:
                raise InputError(f"nothing is fed at {name}, which this plan needs")
            tensor = parts[0].given
            assert isinstance(tensor, Tensor)
            feeds[name] = as_leaf(tensor) if name in leaves else tensor
        return feeds

    def _gradients(self, values: Mapping[str, Tensor], grads: Sequence[Grad]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for i, (wanted, grad) in enumerate(zip(self.grads, grads, strict=True)):
            with torch.enable_grad():
                total = scalar(grad, [w.read(values[w.name]) for w in wanted.reads])
            asked = [values[name] for name in wanted.wrt]
            found |= gradients(total, wanted.wrt, asked, keep=i + 1 < len(self.grads))
        return found

    def _check_shared(self) -> None:
        """Refuse to read one of several weights for all of them, when they were one and no more."""
        for names, places in zip(self.shared, self._shared_places, strict=True):
            if len({id(owner[key]) for owner, key in places}) > 1:
                raise InputError(
                    f"{' and '.join(names)} were one tensor when this graph was captured, and are "
                    "not any more; capture the module again"
                )

    @cached_property
    def _shared_places(self) -> list[list[tuple[dict[str, Tensor], str]]]:
        return [[self._place_of(name) for name in names] for names in self.shared]

    @cached_property
    def _weights(self) -> list[tuple[dict[str, Tensor], str]]:
        return [self._place_of(name) for name in self.layout.weights]

    def _place_of(self, weight: str) -> tuple[dict[str, Tensor], str]:
        """Where a weight lives, so that one that was replaced is found too."""
        path, _, key = weight.rpartition(".")
        owner = self.module.get_submodule(path)
        table = owner._parameters if key in owner._parameters else owner._buffers
        return cast(dict[str, Tensor], table), key

    @cached_property
    def _twins(self) -> dict[str, Tensor]:
        """Every tensor that is fed, as it was traced, with symbols for free lengths."""
        placeholders = [n for n in self.program.graph.nodes if n.op == "placeholder"]
        tail = placeholders[len(placeholders) - len(self.layout.feeds) :]
        fed = zip(self.layout.feeds, tail, strict=True)
        return {name: fake(node) for name, node in fed if self.layout.kinds[name] == "tensor"}


def _then_leaf(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda value: as_leaf(change(value))
