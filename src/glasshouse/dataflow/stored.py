"""A captured graph as a file, so that a module is traced once and not in every process.

The file is safetensors: tensors that the module's code made, and the graph as JSON in the header.
Nothing in it is executed but operations of torch that are named in it, all of which compute without
side effects. Weights are not in it.
"""

import json
import logging
import math
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sympy
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, fx, nn
from torch._dynamo.source import ConstantSource
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

from glasshouse.dataflow.capture import Captured, capture
from glasshouse.dataflow.fingerprint import fingerprint
from glasshouse.dataflow.inductor import fake_mode, placeholders
from glasshouse.dataflow.inputs import Example, named_arguments
from glasshouse.dataflow.memory import is_mutating
from glasshouse.dataflow.nodes import fake, fake_result, share_results
from glasshouse.dataflow.simplify import simplify
from glasshouse.files import write_atomically

_log = logging.getLogger(__name__)

FORMAT = 1
"""Raised when the layout of the file changes."""

_PACKAGES = ("aten", "glasshouse", "prims")
"""Packages of operations that a file may name."""
_FORBIDDEN = {"aten::from_file", "aten::save"}
"""Operations of theirs that touch files."""
_OPERATORS: dict[str, Callable[..., Any]] = {
    name: getattr(operator, name)
    for name in "getitem add sub mul floordiv mod neg pow eq ne lt le gt ge and_ or_".split()
} | {name: getattr(torch, name) for name in "sym_max sym_min sym_int sym_not sym_float".split()}
"""Functions of sizes that a file may name."""
_NAMES = {function: name for name, function in _OPERATORS.items()}


class Unstorable(Exception):
    """A graph holds something that the file has no form for; it is then captured every time."""


def capture_once(
    module: nn.Module,
    example: Example,
    folder: Path,
    *,
    free_axes: Mapping[str, Sequence[int]] | None = None,
) -> Captured:
    """Read a module's graph from a folder, or trace it and leave it there.

    Args:
        module: As in `Graph.capture`.
        example: As in `Graph.capture`.
        folder: Made if need be. Files in it may be deleted at any time.
        free_axes: As in `Graph.capture`.
    """
    name = fingerprint(module, named_arguments(module, example), free_axes)
    path = folder / f"{name}.graph.safetensors"
    found = load(path)
    if found is not None:
        return found
    captured = capture(module, example, free_axes=free_axes)
    simplify(captured.program.graph)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        store(captured, path)
    except Unstorable as error:
        _log.info("the graph of %s is not kept: %s", type(module).__name__, error)
    except OSError as error:
        warnings.warn(f"the graph could not be kept in {folder}: {error}", stacklevel=3)
    return captured


def store(captured: Captured, path: Path) -> None:
    """Write a captured graph.

    Args:
        captured: The graph.
        path: A file in a folder that exists.

    Raises:
        Unstorable: If the graph has parts that are graphs themselves (`torch.cond`), or sizes of
            inputs that depend on one another.
    """
    text = json.dumps(_described(captured), allow_nan=False)
    tensors = {name: value.detach().contiguous() for name, (_, value) in captured.constants.items()}
    write_atomically(path, lambda draft: save_file(tensors, draft, metadata={"graph": text}))


def load(path: Path) -> Captured | None:
    """Read a captured graph; None if there is none, or if the file is not one (with a warning)."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            described = json.loads((file.metadata() or {})["graph"])
        return _Reader(described, tensors).captured()
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError,
            RuntimeError, AssertionError, Unstorable) as error:  # fmt: skip
        reason = str(error).strip().splitlines()[:1]
        warnings.warn(
            f"{path} is no graph that can be read ({type(error).__name__}: {reason}); "
            "the module is captured anew",
            stacklevel=2,
        )
        return None


def _described(captured: Captured) -> dict[str, Any]:
    """The graph as JSON."""
    graph = captured.program.graph
    env = fake_mode([fake(node) for node in placeholders(graph)]).shape_env
    symbols = sorted({str(size) for n in placeholders(graph) for size in _sizes(n, fake(n))})
    assert env is not None
    ranges = {str(symbol): bounds for symbol, bounds in env.var_to_range.items()}
    return {
        "format": FORMAT,
        "symbols": {name: _range(ranges[name]) for name in symbols},
        "limits": captured.limits,
        "nodes": [_node(node) for node in graph.nodes if node.op != "output"],
        "names": {name: node.name for name, node in captured.names.items()},
        "inputs": {name: node.name for name, node in captured.inputs.items()},
        "weights": {name: node.name for name, node in captured.weights.items()},
        "constants": {name: node.name for name, (node, _) in captured.constants.items()},
    }


def _sizes(node: fx.Node, value: object) -> list[torch.SymInt]:
    """The symbols that are lengths of an argument."""
    if not isinstance(value, Tensor):
        raise Unstorable(f"the argument {node.name} is no tensor")
    sizes: list[torch.SymInt] = [s for s in value.shape if _is_free(s)]  # type: ignore[misc]
    if not all(size.node.expr.is_Symbol for size in sizes):
        raise Unstorable(f"lengths of {node.name} depend on one another: {tuple(value.shape)}")
    return sizes


def _is_free(size: int | torch.SymInt) -> bool:
    """Whether a length is not one number; tracing may have found that a symbol must be."""
    return isinstance(size, torch.SymInt) and not size.node.expr.is_Integer


def _range(bounds: Any) -> list[int | None]:
    return [int(bounds.lower), int(bounds.upper) if bounds.upper.is_Integer else None]


def _node(node: fx.Node) -> dict[str, Any]:
    stack = [[key, *map(str, where)] for key, where in node.meta.get("nn_module_stack", {}).items()]
    described: dict[str, Any] = {"name": node.name, "op": node.op, "stack": stack}
    if node.op == "placeholder":
        return described | {"value": _twin(fake(node))}
    if node.op != "call_function":
        raise Unstorable(f"{node.op} {node.target}")
    return described | {
        "target": _target_name(node.target),
        "args": _packed(node.args),
        "kwargs": _packed(node.kwargs),
    }


def _twin(value: Tensor) -> dict[str, Any]:
    in_order = value.is_contiguous()
    if not in_order and any(map(_is_free, value.shape)):
        raise Unstorable("an argument of free lengths does not lie in order in memory")
    return {
        "shape": [str(size) if _is_free(size) else int(size) for size in value.shape],
        "stride": None if in_order else [int(step) for step in value.stride()],
        "dtype": str(value.dtype).removeprefix("torch."),
        "device": str(value.device),
        "is_parameter": isinstance(value, nn.Parameter),
    }


def _target_name(target: object) -> str:
    if isinstance(target, torch._ops.OpOverload):
        _check_operation(target.name())
        return target.name()
    if callable(target) and target in _NAMES:
        return _NAMES[target]
    raise Unstorable(f"the operation {target}")


def _check_operation(name: str) -> None:
    package = name.partition("::")[0]
    if package not in _PACKAGES or name.partition(".")[0] in _FORBIDDEN:
        raise Unstorable(f"the operation {name}")


def _packed(value: object) -> Any:
    """An argument of a call as JSON: one-key objects stand for what JSON has no word for."""
    match value:
        case fx.Node():
            return {"node": value.name}
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return value if math.isfinite(value) else {"float": str(value)}
        case list():
            return [_packed(item) for item in value]
        case tuple():
            return {"tuple": [_packed(item) for item in value]}
        case Mapping():
            return {"map": {str(key): _packed(item) for key, item in value.items()}}
        case slice():
            return {"slice": [_packed(item) for item in (value.start, value.stop, value.step)]}
        case torch.dtype() | torch.layout() | torch.memory_format():
            return {"torch": str(value).removeprefix("torch.")}
        case torch.device():
            return {"device": str(value)}
    raise Unstorable(f"an argument of type {type(value).__name__}")


class _Reader:
    """Builds a captured graph from its description, with fake values made anew."""

    def __init__(self, described: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        if described["format"] != FORMAT:
            raise Unstorable(f"format {described['format']}, not {FORMAT}")
        self._described, self._tensors = described, tensors
        self._mode = FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True)
        self._nodes: dict[str, fx.Node] = {}
        self._graph = fx.Graph()
        self._symbols = {name: self._symbol(i, name) for i, name in enumerate(described["symbols"])}

    def captured(self) -> Captured:
        """The graph."""
        described = self._described
        with self._mode, torch.no_grad():
            for node in described["nodes"]:
                self._nodes[node["name"]] = self._node(node)
            self._compute_fakes()
        self._graph.output(())
        new = {name: str(size) for name, size in self._symbols.items()}
        limits = {new[name]: (low, high) for name, (low, high) in described["limits"].items()}

        def found(kind: str) -> dict[str, fx.Node]:
            return {name: self._nodes[node] for name, node in described[kind].items()}

        constants = {name: (node, self._tensors[name]) for name, node in found("constants").items()}
        module = fx.GraphModule(nn.Module(), self._graph)
        return Captured(
            module, found("names"), found("inputs"), found("weights"), constants, limits
        )

    def _symbol(self, place: int, name: str) -> torch.SymInt:
        """A length that is free within its range."""
        env = self._mode.shape_env
        assert env is not None
        low, high = self._described["symbols"][name]
        hint = max(low, 5 + 2 * place) if high is None else min(max(low, 5 + 2 * place), high)
        source = ConstantSource(f"length_{place}")
        symbol = env.create_symbol(
            hint, source, DimDynamic.DYNAMIC, None, do_not_specialize_zero_one=low < 2
        )
        env.constrain_symbol_range(symbol, low, sympy.oo if high is None else high)
        size = env.create_symintnode(symbol, hint=hint, source=source)
        assert isinstance(size, torch.SymInt)
        return size

    def _node(self, described: Mapping[str, Any]) -> fx.Node:
        if described["op"] == "placeholder":
            node = self._graph.placeholder(described["name"])
            node.meta["val"] = self._twin(described["value"])
        else:
            target = _target(described["target"])
            args, kwargs = self._unpacked(described["args"]), self._unpacked(described["kwargs"])
            node = self._graph.call_function(target, args, kwargs, name=described["name"])
        if described["stack"]:
            node.meta["nn_module_stack"] = {key: tuple(where) for key, *where in described["stack"]}
        return node

    def _compute_fakes(self) -> None:
        """Give every call the fake value that tracing gave it."""
        calls = [node for node in self._graph.nodes if node.op == "call_function"]
        if not any(is_mutating(node) for node in calls):
            share_results(self._mode)
        for node in calls:
            node.meta["val"] = fake_result(node, self._mode)

    def _twin(self, described: Mapping[str, Any]) -> Tensor:
        shape = [self._symbols[n] if isinstance(n, str) else n for n in described["shape"]]
        options: dict[str, Any] = {
            "dtype": _torch_word(described["dtype"], torch.dtype),
            "device": torch.device(described["device"]),
        }
        if described["stride"] is None:
            value = torch.empty(shape, **options)
        else:
            value = torch.empty_strided(shape, described["stride"], **options)
        return nn.Parameter(value) if described["is_parameter"] else value

    def _unpacked(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._unpacked(item) for item in value]
        if not isinstance(value, dict):
            return value
        ((kind, inner),) = value.items()
        match kind:
            case "node":
                return self._nodes[inner]
            case "float":
                return float(inner)
            case "tuple":
                return tuple(self._unpacked(item) for item in inner)
            case "map":
                return {key: self._unpacked(item) for key, item in inner.items()}
            case "slice":
                return slice(*(self._unpacked(item) for item in inner))
            case "torch":
                return _torch_word(inner, torch.dtype | torch.layout | torch.memory_format)
            case "device":
                return torch.device(inner)
        raise Unstorable(f"an argument of kind {kind!r}")


def _target(name: str) -> Callable[..., Any]:
    if name in _OPERATORS:
        return _OPERATORS[name]
    _check_operation(name)
    package, _, rest = name.partition("::")
    operation, _, overload = rest.partition(".")
    return getattr(getattr(getattr(torch.ops, package), operation), overload or "default")


def _torch_word(name: str, kind: Any) -> Any:
    value = getattr(torch, name)
    if not isinstance(value, kind):
        raise Unstorable(f"torch.{name}")
    return value
