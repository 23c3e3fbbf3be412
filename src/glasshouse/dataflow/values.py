"""What a graph gives: values by name, and what is known of a value before anything runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from glasshouse.dataflow.address import matching_names, parse_address
from glasshouse.errors import InputError


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a graph."""

    name: str
    """Its name."""
    axes: tuple[str, ...]
    """Names of its axes; empty where only the module's path is known."""
    shape: tuple[int | str, ...]
    """Lengths; those that differ from run to run are symbols."""
    dtype: torch.dtype
    """Its element type."""

    def __str__(self) -> str:
        sizes = [
            f"{axis}={size}" if axis else str(size)
            for axis, size in zip(self.axes or ("",) * len(self.shape), self.shape, strict=True)
        ]
        return f"{self.name} [{', '.join(sizes)}] {str(self.dtype).removeprefix('torch.')}"


class Values(Mapping[str, Tensor]):
    """Fetched values by the address that asked for them; gradients apart, in `grad`."""

    def __init__(self, values: Mapping[str, Tensor], grad: Mapping[str, Tensor] | None = None):
        self._values = dict(values)
        self.grad: dict[str, Tensor] = dict(grad or {})
        """Gradients by the name of the value they are taken with respect to."""

    def __getitem__(self, name: str) -> Tensor:
        """A value by its key, or by a pattern that finds one value and no more.

        Raises:
            KeyError: If there is none, or several.
        """
        if name in self._values:
            return self._values[name]
        found = self._matching(name)
        if len(found) != 1:
            raise KeyError(f"{name!r} finds {len(found)} of what was fetched: {', '.join(self)}")
        return self._values[found[0]]

    def _matching(self, text: str) -> list[str]:
        try:
            asked = parse_address(text)
            fetched = [key for key in self if parse_address(key).part == asked.part]
            patterns = {parse_address(key).pattern: key for key in fetched}
            return [patterns[name] for name in matching_names(asked.pattern, tuple(patterns))]
        except InputError:
            return []

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        lines = [f"  {name}: {tuple(value.shape)}" for name, value in self._values.items()]
        lines += [f"  grad of {name}: {tuple(value.shape)}" for name, value in self.grad.items()]
        return "\n".join(["Values", *lines])
