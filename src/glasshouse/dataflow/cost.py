"""What each operation of a program costs: arithmetic, memory traffic, memory held.

Counted by running the program once on tensors that have shapes but no storage, so that every view
and every size is torch's own answer; floating-point operations come from torch's own formulas.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from glasshouse.dataflow.memory import is_mutating


def attention_flops(query: torch.Size, key: torch.Size, value: torch.Size, *_, **__) -> int:
    """Operations of fused attention; pairs that a causal mask hides are counted too.

    torch's table has this formula for GPU kernels only.
    """
    return sdpa_flop_count(query, key, value)


aten = torch.ops.aten
_READS_A_PART = {
    aten.embedding.default,
    aten.gather.default,
    aten.index.Tensor,
    aten.index_select.default,
}
"""Calls that read no more of a table than they return."""
_FORMULAS = {aten._scaled_dot_product_flash_attention_for_cpu: attention_flops}


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeCost:
    """What one node of a program costs, at one batch size and sequence length."""

    flops: int
    """Floating-point operations in products, convolutions and attention; 0 for all else."""
    bytes_moved: int
    """Bytes read from arguments and written to results; 0 for a view."""
    bytes_made: int
    """Bytes of its result as a message would carry them."""
    storage: int | None
    """Which memory holds its result; views share the number. None: no single tensor."""
    storage_bytes: int
    """Size of that memory."""
    shape: tuple[int, ...] | None
    """Shape of its result; None: no single tensor."""
    dtype: torch.dtype | None
    """Type of its elements; None: no single tensor."""
    layout: tuple[int, ...] = ()
    """Its axes from the slowest to the fastest in memory; a transposed value is not in order."""


def program_costs(program: fx.GraphModule, arguments: Sequence[object]) -> dict[str, NodeCost]:
    """Count what every node of a program costs.

    Sizes that depend on data (of `nonzero`, say) are unknown before the run and count as 0.

    Args:
        program: ATen calls with placeholders for everything they read.
        arguments: What the program would be called with; only shapes, types and strides are read.

    Returns:
        The cost of each node, by its name.
    """
    from torch.fx.experimental.symbolic_shapes import ShapeEnv  # slow: it brings sympy

    with FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True), torch.no_grad():
        made = {id(a): _without_storage(a) for a in arguments if isinstance(a, Tensor)}
        counter = _Counter(program)
        counter.run(*(made.get(id(a), a) for a in arguments))
    return counter.costs


def peak_bytes(nodes: Iterable[fx.Node], costs: Mapping[str, NodeCost]) -> int:
    """Most memory that is held at once when nodes run one after another.

    Placeholders and what is returned are held to the end, all else until it is read for the last
    time; views hold what they look into.
    """
    nodes = list(nodes)
    freed, held, peak = releases(nodes, costs), {}, 0
    for node in nodes:
        cost = costs.get(node.name)
        if cost is not None and cost.storage is not None:
            held[cost.storage] = cost.storage_bytes
        peak = max(peak, sum(held.values()))
        for storage in freed.get(node.name, ()):
            held.pop(storage, None)
    return peak


def releases(nodes: Iterable[fx.Node], costs: Mapping[str, NodeCost]) -> dict[str, tuple[int, ...]]:
    """Memory that nobody reads after a node, by the node's name."""
    last: dict[int, str] = {}
    forever = set()
    for node in nodes:
        for touched in (node, *node.all_input_nodes):
            storage = costs[touched.name].storage if touched.name in costs else None
            if storage is None:
                continue
            last[storage] = node.name
            if touched.op == "placeholder" or node.op == "output":
                forever.add(storage)
    found: dict[str, tuple[int, ...]] = {}
    for storage, name in last.items():
        if storage not in forever:
            found[name] = (*found.get(name, ()), storage)
    return found


class _Counter(fx.Interpreter):
    """Runs a program on fake tensors and notes what each node costs."""

    def __init__(self, program: fx.GraphModule) -> None:
        super().__init__(program)
        self.costs: dict[str, NodeCost] = {}
        self.storages: dict[int, int] = {}

    def run_node(self, n: fx.Node) -> object:
        """Run one node."""
        with FlopCounterMode(display=False, custom_mapping=_FORMULAS) as counter:
            result = super().run_node(n)
        if n.op != "output":
            read = [self.env[argument] for argument in n.all_input_nodes]
            self.costs[n.name] = self._cost(n, result, read, counter.get_total_flops())
        return result

    def _cost(self, n: fx.Node, result: object, read: list[object], flops: int) -> NodeCost:
        made = _tensors(result)
        before = {t.untyped_storage()._cdata for t in _tensors(read)}
        is_new = n.op == "call_function" and any(
            t.untyped_storage()._cdata not in before for t in made
        )
        writes = is_new or is_mutating(n)
        moved = made + (made if n.target in _READS_A_PART else _tensors(read))
        only = result if isinstance(result, Tensor) else None
        return NodeCost(
            flops=_known(flops),
            bytes_moved=sum(map(_bytes, moved)) if writes else 0,
            bytes_made=sum(map(_bytes, made)),
            storage=None if only is None else self._storage(only),
            storage_bytes=0 if only is None else _known(only.untyped_storage().nbytes()),
            shape=None if only is None else tuple(_known(size) for size in only.shape),
            dtype=None if only is None else only.dtype,
            layout=() if only is None else _layout(only),
        )

    def _storage(self, value: Tensor) -> int:
        """A small number for the memory behind a tensor."""
        return self.storages.setdefault(value.untyped_storage()._cdata, len(self.storages))


def _without_storage(value: Tensor) -> Tensor:
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=value.device)


def _tensors(value: object) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, Tensor)]


def _bytes(value: Tensor) -> int:
    return _known(value.numel()) * value.element_size()


def _layout(value: Tensor) -> tuple[int, ...]:
    """Axes by stride; among equals, and for axes of length 1, in their own order."""
    strides = [_known(stride) for stride in value.stride()]
    for axis in reversed(range(value.ndim)):
        if (
            _known(value.shape[axis]) == 1
        ):  # its stride means nothing: let it stay before the next axis
            strides[axis] = strides[axis + 1] if axis + 1 < value.ndim else 0
    return tuple(sorted(range(value.ndim), key=lambda axis: -strides[axis]))


def _known(size: int | torch.SymInt) -> int:
    """A size as a number; one that depends on data counts as 0."""
    return size if isinstance(size, int) else 0
