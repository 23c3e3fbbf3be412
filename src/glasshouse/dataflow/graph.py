"""A model as a graph: fetch any value, feed any value, compute only what the answer needs.

Source:
    Abadi et al. 2016, "TensorFlow: large-scale machine learning on heterogeneous distributed
    systems" (1603.04467), section 4.2: partial execution.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import fx, nn

from glasshouse.dataflow.address import matching_names, only_name, parse_address
from glasshouse.dataflow.attention import open_attention
from glasshouse.dataflow.capture import Captured, capture
from glasshouse.dataflow.drawing import Drawing
from glasshouse.dataflow.explain import Explanation, explain_plan
from glasshouse.dataflow.feeds import FedPart, Feed, kind_of
from glasshouse.dataflow.fingerprint import shared_weights
from glasshouse.dataflow.gradients import Grad
from glasshouse.dataflow.inputs import Example, Inputs
from glasshouse.dataflow.masks import drop_causal_masks
from glasshouse.dataflow.naming import MODULE_OUTPUT
from glasshouse.dataflow.nodes import fake
from glasshouse.dataflow.outline import Group, State, outline, tree
from glasshouse.dataflow.plan import Plan
from glasshouse.dataflow.program import FeedKind, Signature, make_program, variables
from glasshouse.dataflow.question import Fetch, fed_parts, resolve, several
from glasshouse.dataflow.simplify import simplify
from glasshouse.dataflow.steps import Step
from glasshouse.dataflow.sweep import run_sweep
from glasshouse.dataflow.tracing import Trace, trace_program, write_trace
from glasshouse.dataflow.values import Value, Values
from glasshouse.errors import InputError


class Graph:
    """A module's dataflow graph. It shares the module's weights: an edit is seen by the next run.

    Make one with `Graph.capture`.
    """

    def __init__(self, module: nn.Module, captured: Captured) -> None:
        simplify(captured.program.graph)
        drop_causal_masks(captured.program.graph)
        self.module = module
        self._captured = captured
        self._opened = open_attention(captured.program.graph, captured.names)
        place = {node: i for i, node in enumerate(captured.program.graph.nodes)}
        self._nodes = dict(sorted(captured.names.items(), key=lambda item: place[item[1]]))
        called = _axis_of_symbols(self._nodes)
        self._values = _describe(self._nodes, called)
        twins = {name: fake(node) for name, node in captured.inputs.items()}
        self._inputs = Inputs(twins, captured.limits, called)
        self._constants = {name: value for name, (_, value) in captured.constants.items()}
        self._variables = tuple(variables(captured))
        self._shared = shared_weights(module)
        self._plans: dict[object, Plan] = {}

    @classmethod
    def capture(
        cls,
        module: nn.Module,
        example: Example,
        *,
        free_axes: Mapping[str, Sequence[int]] | None = None,
        cache: Path | None = None,
    ) -> "Graph":
        """Capture a module with torch.export.

        Args:
            module: Any module whose forward takes tensors; its values get their modules' paths as
                names, and those its code gives with `named`.
            example: One tensor, several in order, or by argument name. Only shapes and types count.
            free_axes: For each argument, the axes whose length may change between runs; None: all
                that the code leaves open.
            cache: A folder that keeps graphs, so that the same code is traced once and read from
                there by later processes; None: always trace.

        Raises:
            InputError: If the module cannot be captured; the message names the line.
        """
        if cache is not None:
            # Reading graphs takes torch's compiler, whose import takes longer than all else here.
            from glasshouse.dataflow.stored import capture_once

            return cls(module, capture_once(module, example, Path(cache), free_axes=free_axes))
        return cls(module, capture(module, example, free_axes=free_axes))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all values, in the order of computation."""
        return tuple(self._nodes)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the buffers, parameters and inputs that the module's code writes into."""
        return self._variables

    def value(self, name: str) -> Value:
        """What is known of a value before anything runs.

        Raises:
            InputError: If there is no such value, or a pattern finds several; the message lists the
                nearest names.
        """
        return self._values[only_name(name, self.names)]

    def run(
        self,
        inputs: Example | None = None,
        *,
        fetch: Fetch,
        feed: Feed | None = None,
        assign: str | Sequence[str] = (),
        differentiable: bool = False,
    ) -> Values:
        """Compute what is fetched, and nothing that it does not need.

        Args:
            inputs: The module's arguments; what is fed may make some, or all, needless.
            fetch: Addresses of values, or gradients made by `grad`.
            feed: By address, a tensor that stands in for the value, or a function that changes it.
            assign: Names or patterns of `variables` that the run writes into as the module's code
                would; all others are left as they are.
            differentiable: Keep what torch's backward needs. Gradients by `grad` need no flag.

        Returns:
            Values by address (by name where a pattern found several), gradients in `.grad`.

        Raises:
            InputError: If an address finds nothing, an input is missing, or what is fed does not
                fit; the message names the value and both shapes.
        """
        plan, parts = self._fed(fetch, feed, assign)
        grads = [asked for asked in several(fetch) if isinstance(asked, Grad)]
        return plan.run_parts(inputs, parts, grads=grads, differentiable=differentiable)

    def step(
        self,
        *,
        fetch: str | Sequence[str],
        feed: Feed | None = None,
        assign: str | Sequence[str] = (),
    ) -> Step:
        """Prepare a run that will be made many times, with other inputs but the same feeds.

        Args:
            fetch: As in `run`.
            feed: As in `run`.
            assign: As in `run`.

        Raises:
            InputError: If an address finds nothing.
        """
        return Step(*self._fed(fetch, feed, assign))

    def sweep(
        self,
        inputs: Example,
        feeds: Sequence[Feed],
        *,
        fetch: str | Sequence[str],
        batch_size: int = 64,
    ) -> Values:
        """Ask one question under many feeds, as batches over what they share.

        Args:
            inputs: The module's arguments, the same for every feed.
            feeds: What each run feeds. Feeds of the same values share one program, so that a
                sweep over positions and heads of a layer is one batch.
            fetch: Addresses of values.
            batch_size: Feeds that go through at once.

        Returns:
            Values by address, each with the feeds as its first axis.

        Raises:
            InputError: As `run` does.
        """

        def plan_for(names: Sequence[str]) -> Plan:
            kinds: dict[str, FeedKind] = dict.fromkeys(names, "function")
            return self._plan(fetch, kinds)

        if any(isinstance(asked, Grad) for asked in several(fetch)):
            raise InputError("a sweep has no gradients; run its feeds one by one for them")
        patches = [fed_parts(self._values, feed) for feed in feeds]
        return run_sweep(plan_for, inputs, patches, batch_size=batch_size)

    def trace(
        self,
        path: Path,
        inputs: Example | None = None,
        *,
        fetch: str | Sequence[str],
        feed: Feed | None = None,
    ) -> Trace:
        """Run once, node by node, and write a timeline for Perfetto or chrome://tracing.

        Args:
            path: Where the JSON is written.
            inputs: As in `run`.
            fetch: As in `run`.
            feed: As in `run`.

        Raises:
            InputError: As `run` does.
            OSError: If it cannot be written.

        Source:
            Abadi et al. 2016 (1603.04467), section 9.2.
        """
        plan, parts = self._fed(fetch, feed)
        _, trace = trace_program(plan.program, plan.arguments(inputs, parts), compare=True)
        write_trace(Path(path), trace)
        return trace

    def plan(
        self, fetch: Fetch, feed: Iterable[str] = (), *, assign: str | Sequence[str] = ()
    ) -> Plan:
        """Make the program of one kind of question, to be run many times.

        Args:
            fetch: As in `run`.
            feed: Names of values (one, or several) that every run will feed, each with a whole
                tensor. With `[...]` behind the name, any part of the value may be fed, by a tensor
                or a function, or nothing.
            assign: As in `run`.

        Raises:
            InputError: If an address finds nothing.
        """
        kinds: dict[str, FeedKind] = {}
        for address in map(parse_address, (feed,) if isinstance(feed, str) else feed):
            for name in matching_names(address.pattern, self.names):
                kinds[name] = "tensor" if address.part is None else "function"
        plan = self._plan(fetch, kinds, assign)
        return plan.asking([asked for asked in several(fetch) if isinstance(asked, Grad)])

    def explain(
        self, fetch: Fetch, feed: Iterable[str] = (), *, batch: int = 1, seq: int = 128
    ) -> Explanation:
        """What a run will compute and what that costs, beside the module's whole forward.

        Args:
            fetch: As in `run`.
            feed: As in `plan`.
            batch: Length of the first axis of the module's arguments, where it is free.
            seq: Length of all other free axes.
        """
        whole = self.plan(self.names[-1])
        return explain_plan(self.plan(fetch, feed), batch=batch, seq=seq, whole=whole)

    def show(self, fetch: Fetch = (), feed: Iterable[str] = ()) -> Drawing:
        """Draw the graph, and what a run would compute of it; a notebook shows what is returned.

        Args:
            fetch: As in `run`; what it does not need is greyed. Nothing: the graph alone.
            feed: As in `plan`.
        """
        return Drawing(tuple(self._outline(fetch, feed)))

    def tree(self, fetch: Fetch = (), feed: Iterable[str] = ()) -> str:
        """The graph as text, alike blocks once: a line for every value.

        Args:
            fetch: As in `show`: → is fetched, ← is fed, · is not computed.
            feed: As in `plan`.
        """
        return tree(self._outline(fetch, feed))

    def _outline(self, fetch: Fetch, feed: Iterable[str]) -> list[Group]:
        states: dict[str, State] = {}
        if several(fetch):
            layout = self.plan(fetch, feed).layout
            states |= dict.fromkeys(layout.computed, "computed")
            states |= dict.fromkeys(layout.fetched, "fetched")
            states |= dict.fromkeys(layout.feeds, "fed")
        return outline(self._captured, self._opened, self._values, states)

    def _fed(
        self, fetch: Fetch, feed: Feed | None, assign: str | Sequence[str] = ()
    ) -> tuple[Plan, dict[str, list[FedPart]]]:
        """The plan of a question under a feed, and what is fed at each value."""
        parts = fed_parts(self._values, feed or {})
        kinds: dict[str, FeedKind] = {name: kind_of(given) for name, given in parts.items()}
        return self._plan(fetch, kinds, assign), parts

    def _plan(
        self,
        fetch: Fetch,
        kinds: Mapping[str, FeedKind],
        assign: str | Sequence[str] = (),
    ) -> Plan:
        asked = several(fetch)
        assigned = (assign,) if isinstance(assign, str) else tuple(assign)
        kept = tuple(a.shape if isinstance(a, Grad) else a for a in asked)
        key = (kept, tuple(kinds.items()), assigned)
        if key not in self._plans:
            self._plans[key] = self._make_plan(asked, dict(kinds), assigned)
        return self._plans[key]

    def _make_plan(
        self, asked: tuple[str | Grad, ...], kinds: dict[str, FeedKind], assign: tuple[str, ...]
    ) -> Plan:
        try:
            question = resolve(self._values, asked)
        except InputError as error:
            raise InputError(f"{error}{self._about_branches(asked)}") from None
        for grad in question.grads:
            for name in grad.wrt:
                kinds.setdefault(name, "function")
        assigned = [name for pattern in assign for name in matching_names(pattern, self.variables)]
        signature = Signature(
            fetch=question.names,
            feed=tuple(kinds.items()),
            assign=tuple(dict.fromkeys(assigned)),
            ends=tuple(question.ends.items()),
        )
        program = make_program(self._captured, self._opened, signature)
        shared = tuple(
            tuple(names) for names in self._shared if not set(names).isdisjoint(program.weights)
        )
        return Plan(
            self.module, program, self._inputs, self._constants, question, self._values, shared
        )

    def _about_branches(self, asked: Sequence[str | Grad]) -> str:
        """Why a module has no value though it is there, if the graph has branches or loops."""
        program = self._captured.program
        has_branches = any(node.op == "get_attr" for node in program.graph.nodes)
        paths = {path for path, _ in self.module.named_modules() if path not in self.names}
        inside = [a for a in asked if isinstance(a, str) and parse_address(a).pattern in paths]
        if not (has_branches and inside):
            return ""
        return (
            f"; {inside[0]} runs inside a branch or loop of the graph, where values have no names: "
            "fetch or feed what the branch takes or returns"
        )


def _axis_of_symbols(nodes: Mapping[str, fx.Node]) -> dict[str, str]:
    """The first named axis on which each length that varies is found."""
    called: dict[str, str] = {}
    for node in nodes.values():
        for size, axis in zip(node.meta["val"].shape, _axes(node), strict=False):
            if isinstance(size, torch.SymInt):
                called.setdefault(str(size), axis)
    return called


def _describe(nodes: Mapping[str, fx.Node], called: Mapping[str, str]) -> dict[str, Value]:
    """Name, axes, shape and dtype of every value; a length that varies is called after its axis."""
    values = {}
    for name, node in nodes.items():
        fake = node.meta["val"]
        sizes = [size if isinstance(size, int) else str(size) for size in fake.shape]
        shape = tuple(called.get(size, size) if isinstance(size, str) else size for size in sizes)
        values[name] = Value(name, _axes(node), shape, fake.dtype)
    return values


def _axes(node: fx.Node) -> tuple[str, ...]:
    axes = node.args[2]
    return () if axes == MODULE_OUTPUT else tuple(str(axes).split())
