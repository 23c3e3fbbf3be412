"""What a captured graph depends on, as one short name; what could trace otherwise has another.

It covers the code of the module's classes and of all that was imported beside them, the attributes
of every submodule, names, shapes and types of weights, and what torch itself would do otherwise.
The values of weights are not in it.
"""

import enum
import functools
import hashlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import glasshouse

_DEPTH = 6
_IGNORED = {"_parameters", "_buffers", "_modules", "_is_full_backward_hook", "_graphs"}


def fingerprint(
    module: nn.Module,
    arguments: Mapping[str, Tensor],
    free_axes: Mapping[str, Sequence[int]] | None,
) -> str:
    """A name that two captures share only if they must give the same graph.

    Args:
        module: What is captured.
        arguments: Its arguments by name; their values do not count.
        free_axes: As in `Graph.capture`.
    """
    digest = hashlib.sha256()
    for fact in _facts(module, arguments, free_axes):
        digest.update(repr(fact).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:32]


def _facts(
    module: nn.Module,
    arguments: Mapping[str, Tensor],
    free_axes: Mapping[str, Sequence[int]] | None,
) -> Iterator[object]:
    yield torch.__version__, glasshouse.__version__, sys.version_info[:2]
    yield torch.get_default_dtype(), torch.is_autocast_enabled()
    yield [(name, _tensor(value)) for name, value in arguments.items()]
    yield None if free_axes is None else sorted((n, tuple(axes)) for n, axes in free_axes.items())
    yield [(name, _tensor(value)) for name, value in module.named_parameters()]
    yield [(name, _tensor(value)) for name, value in module.named_buffers()]
    yield shared_weights(module)
    classes: dict[type, None] = {}
    for path, part in module.named_modules():
        classes |= dict.fromkeys(type(part).__mro__)
        described = _Describer().described(
            {k: v for k, v in vars(part).items() if k not in _IGNORED}
        )
        yield path, type(part).__module__, type(part).__qualname__, described
    yield from _sources({cls.__module__ for cls in classes} | {__name__})
    for cls in classes:
        if not _is_installed(cls.__module__):
            yield cls.__qualname__, _Describer().described(dict(vars(cls)))


def _tensor(value: Tensor) -> tuple[object, ...]:
    layout = tuple(value.stride()) if value.layout == torch.strided else str(value.layout)
    return tuple(value.shape), layout, str(value.dtype), str(value.device), value.requires_grad


def shared_weights(module: nn.Module) -> list[list[str]]:
    """Names of parameters that stand for one tensor, together."""
    by_tensor: dict[int, list[str]] = {}
    for name, value in module.named_parameters(remove_duplicate=False):
        by_tensor.setdefault(id(value), []).append(name)
    return [names for names in by_tensor.values() if len(names) > 1]


def _sources(module_names: set[str]) -> Iterator[object]:
    """The code of packages that classes come from: a version if installed, else the files."""
    for top in sorted({name.partition(".")[0] for name in module_names}):
        root = sys.modules.get(top)
        if _is_installed(top):
            yield top, getattr(root, "__version__", None)
            continue
        for name, loaded in sorted(sys.modules.items()):
            if name == top or name.startswith(f"{top}."):
                yield name, _file_digest(getattr(loaded, "__file__", None))


def _is_installed(module_name: str) -> bool:
    """Whether code is part of Python or an installed package, known by its version."""
    loaded = sys.modules.get(module_name.partition(".")[0])
    file = getattr(loaded, "__file__", None)
    if file is None:
        return module_name.partition(".")[0] in sys.stdlib_module_names - {"__main__"}
    return "site-packages" in file or "dist-packages" in file or _is_standard(file)


def _is_standard(file: str) -> bool:
    return Path(file).is_relative_to(Path(types.__file__ or "").parent)


def _file_digest(file: str | None) -> str | None:
    try:
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()
    except OSError:
        return None


class _Describer:
    """Puts into words whatever a module keeps: numbers by value, objects by class and contents."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def described(self, value: Any, depth: int = _DEPTH) -> object:
        """A description without addresses, so that it is the same in every process."""
        if value is None or isinstance(value, bool | int | float | str | bytes | complex):
            return value
        if isinstance(value, torch.dtype | torch.device | torch.Size | enum.Enum | Path):
            return repr(value)
        if isinstance(value, Tensor):
            return _tensor(value), _values(value)
        if id(value) in self._seen or depth == 0:
            return type(value).__qualname__
        self._seen.add(id(value))
        return type(value).__qualname__, self._contents(value, depth - 1)

    def _contents(self, value: Any, depth: int) -> object:
        if isinstance(value, nn.Module):
            return "module"  # it is described in its own place
        if isinstance(value, Mapping):
            pairs = [(str(key), self.described(item, depth)) for key, item in value.items()]
            return sorted(pairs, key=lambda pair: pair[0])
        if isinstance(value, list | tuple):
            return [self.described(item, depth) for item in value]
        if isinstance(value, set | frozenset):
            return sorted(repr(self.described(item, depth)) for item in value)
        if is_dataclass(value) and not isinstance(value, type):
            return [(f.name, self.described(getattr(value, f.name), depth)) for f in fields(value)]
        if isinstance(value, functools.partial):
            return self.described([value.func, value.args, value.keywords], depth)
        if isinstance(value, staticmethod | classmethod | types.MethodType):
            return self.described(value.__func__, depth)
        if isinstance(value, property):
            return self.described(value.fget, depth)
        if isinstance(value, types.FunctionType):
            return self._function(value, depth)
        if isinstance(value, type | types.ModuleType):
            return value.__name__
        return self.described(dict(getattr(value, "__dict__", {})), depth)

    def _function(self, function: Callable[..., Any], depth: int) -> object:
        """Its code, what it closes over, and the globals that it reads."""
        code = function.__code__
        cells = [cell.cell_contents for cell in function.__closure__ or () if _is_full(cell)]
        if _is_installed(function.__module__ or "__main__"):
            return function.__module__, function.__qualname__, self.described(cells, depth)
        known = {n: function.__globals__[n] for n in code.co_names if n in function.__globals__}
        return [
            _code(code),
            self.described(function.__defaults__, depth),
            self.described(function.__kwdefaults__, depth),
            self.described(cells, depth),
            self.described(known, depth),
        ]


def _is_full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _code(code: types.CodeType) -> object:
    """Bytecode and constants, inner functions too."""
    constants = [
        _code(c)
        if isinstance(c, types.CodeType)
        else repr(sorted(map(repr, c)) if isinstance(c, frozenset) else c)
        for c in code.co_consts
    ]
    return code.co_code.hex(), constants, code.co_names, code.co_varnames


def _values(value: Tensor) -> str:
    """A digest of a tensor's numbers: a constant of the graph unless it is a buffer."""
    raw = value.detach().cpu().contiguous().view(-1).view(torch.uint8)
    return hashlib.sha256(raw.numpy().tobytes()).hexdigest()
