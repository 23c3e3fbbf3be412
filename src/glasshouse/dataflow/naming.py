"""Names for values: what a module calls its intermediate results while its graph is captured.

Outside of capture `named` does nothing but return its argument.
During capture every named value passes through `mark`, an operation that computes nothing and
carries the name into the graph.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

_library = torch.library.Library("glasshouse", "DEF")
_library.define("mark(Tensor x, str name, str axes) -> Tensor")
torch.library.impl(_library, "mark", "CompositeExplicitAutograd")(lambda x, name, axes: x.clone())
torch.library.register_fake(
    "glasshouse::mark",
    # The strides of `x` too: what follows may view it, and the mark will not be there when it runs.
    lambda x, name, axes: torch.empty_strided(x.size(), x.stride(), dtype=x.dtype, device=x.device),
    lib=_library,
)
mark = torch.ops.glasshouse.mark.default

MODULE_OUTPUT = "?"
"""Stands for the axes of what was named by its module's path alone."""


@dataclass(slots=True)
class _Scope:
    """Where in the module tree the capture is."""

    paths: list[str] = field(default_factory=list)


_scope: _Scope | None = None


def named(name: str, value: Tensor, axes: str = "") -> Tensor:
    """Name a value in a module's forward, behind the path of the module that runs.

    Such a name wins over a module path of the same name.

    Inside `blocks.3.attn`, `named("z", z, "batch pos head d_head")` is the value
    `blocks.3.attn.z`. What follows must use what this returns.

    Args:
        name: The last part of the name.
        value: Any tensor.
        axes: Names of its axes, separated by spaces; addresses such as `z[head=5]` use them.
    """
    if _scope is None or torch.compiler.is_dynamo_compiling():  # see `recording`
        return value
    return mark(value, join(_scope.paths[-1] if _scope.paths else "", name), axes)


def join(path: str, name: str) -> str:
    """Put a name behind a module's path."""
    return f"{path}.{name}" if path else name


@contextmanager
def recording(module: nn.Module) -> Iterator[None]:
    """Mark every module's output with its path, and let `named` mark values with theirs.

    Branches of torch.cond and bodies of while_loop are traced by torch's compiler, which allows
    them no effect outside: their modules run unmarked, and what they return gets a name outside.
    """
    global _scope
    before, _scope = _scope, _Scope()
    handles = []
    try:
        for path, part in module.named_modules():
            handles.append(part.register_forward_pre_hook(_entering(path), prepend=True))
            handles.append(part.register_forward_hook(_leaving(path)))
        yield
    finally:
        for handle in handles:
            handle.remove()
        _scope = before


def _entering(path: str):
    def enter(part: nn.Module, args: tuple[object, ...]) -> None:
        if torch.compiler.is_dynamo_compiling():
            return
        assert _scope is not None
        _scope.paths.append(path)

    return enter


def _leaving(path: str):
    def leave(part: nn.Module, args: tuple[object, ...], output: object) -> object:
        if torch.compiler.is_dynamo_compiling():
            return output
        assert _scope is not None
        _scope.paths.pop()
        output = pytree.tree_map_with_path(lambda where, leaf: _marked(path, where, leaf), output)
        return output if path else only_tensors(output)

    return leave


def only_tensors(output: object) -> list[Tensor]:
    """The tensors of what a module returns. Caches and the like cannot leave a graph."""
    return [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor)]


def _marked(path: str, where: tuple[object, ...], leaf: object) -> object:
    """Mark one tensor of a module's output; a field of it is `path.key`."""
    if not isinstance(leaf, Tensor):
        return leaf
    for key in where:
        inner = getattr(key, "key", getattr(key, "idx", getattr(key, "name", None)))
        path = join(path, str(inner))
    return mark(leaf, path or "output", MODULE_OUTPUT)
