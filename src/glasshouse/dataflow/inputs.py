"""The door of a graph: whether what a run is given fits what was captured."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from glasshouse.errors import InputError

Example = Tensor | tuple[Tensor, ...] | Mapping[str, Tensor]
"""Arguments of a module's forward: one tensor, several in order, or by name."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The arguments of a captured module."""

    twins: Mapping[str, Tensor]
    """Each argument as it was traced, with symbols for free lengths, in the forward's order."""
    limits: Mapping[str, tuple[int, int]]
    """Smallest and largest value of symbols, where the module's code limits them."""
    called: Mapping[str, str]
    """Axes after which symbols are called in messages, where they have a name."""

    def bind(
        self, inputs: object, needed: Sequence[str], fed: Mapping[str, tuple[object, Tensor]]
    ) -> dict[str, Tensor]:
        """The arguments that a run needs, by name.

        Args:
            inputs: One tensor, several in order, or by name; None for none.
            needed: Names of the arguments that the run reads. Others may be given; they must fit.
            fed: What is fed, each with its symbolic twin.

        Raises:
            InputError: If an argument is missing or unknown, or does not fit what was captured,
                the other arguments or what is fed.
        """
        given = self._by_name(inputs)
        for name in given.keys() - self.twins.keys():
            raise InputError(
                f"the graph has no input {name!r}; it was captured with {', '.join(self.twins)}"
            )
        check_symbols(
            {**{n: (v, self.twins[n]) for n, v in given.items()}, **fed}, self.limits, self.called
        )
        for name in needed:
            if name not in given:
                raise InputError(
                    f"what is fetched needs the input {name!r}, which is not given, and no feed "
                    "stands between them"
                )
        return {name: given[name] for name in needed}

    def _by_name(self, inputs: object) -> Mapping[str, Tensor]:
        if inputs is None:
            return {}
        if isinstance(inputs, Mapping):
            return inputs
        values = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)  # type: ignore[arg-type]
        if len(values) > len(self.twins):
            raise InputError(f"{len(values)} inputs; the graph takes {', '.join(self.twins)}")
        return dict(zip(self.twins, values, strict=False))


def named_arguments(module: nn.Module, example: Example) -> dict[str, Tensor]:
    """Give every argument its name in the module's forward.

    Raises:
        InputError: If there are more arguments than names.
    """
    if isinstance(example, Mapping):
        return dict(example)
    values = (example,) if isinstance(example, Tensor) else tuple(example)
    names = [
        p.name
        for p in inspect.signature(module.forward).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if len(values) > len(names):
        raise InputError(
            f"{len(values)} inputs for a forward that takes {len(names)} ({', '.join(names)})"
        )
    return dict(zip(names, values, strict=False))


def check_symbols(
    given: Mapping[str, tuple[object, Tensor]],
    limits: Mapping[str, tuple[int, int]],
    called: Mapping[str, str],
) -> None:
    """Compare inputs and fed tensors with what was captured, and with one another.

    Args:
        given: Each with its symbolic twin.
        limits: Smallest and largest value of symbols.
        called: What symbols are called in messages.

    Raises:
        InputError: If a shape, dtype or device differs, or two lengths that must agree do not.
    """
    lengths: dict[str, tuple[int, str]] = {}
    for name, (value, twin) in given.items():
        if not isinstance(twin, Tensor) or not isinstance(value, Tensor):
            continue
        if value.dtype != twin.dtype:
            raise InputError(f"{name} is {value.dtype}; {twin.dtype} belongs there")
        if value.device != twin.device:
            raise InputError(f"{name} is on {value.device}; it belongs on {twin.device}")
        if value.ndim != twin.ndim:
            told = _told(twin, called)
            raise InputError(f"{name} has shape {tuple(value.shape)}; {told} belongs there")
        for length, size in zip(value.shape, twin.shape, strict=True):
            fixed = size if isinstance(size, int) else size.node.maybe_as_int()
            if fixed is not None:
                fits, why = length == fixed, " (the code fixes that length)"
            else:
                first, of = lengths.setdefault(str(size), (length, name))
                _, high = limits.get(str(size), (0, length))
                fits = length == first and length <= high
                symbol = called.get(str(size), str(size))
                why = f" ({symbol} is {first} in {of})" if length != first else f" (at most {high})"
            if not fits:
                told = _told(twin, called)
                raise InputError(
                    f"{name} has shape {tuple(value.shape)}; {told} belongs there{why}"
                )


def _told(twin: Tensor, called: Mapping[str, str]) -> str:
    return "(" + ", ".join(called.get(str(size), str(size)) for size in twin.shape) + ")"
