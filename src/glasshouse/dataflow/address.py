"""Addresses: `blocks.*.attn.z[head=5, pos=-1]` says which values, and which part of each.

A name pattern matches dotted components: `*` one of them, `**` any number, `2-5` a range of
numbers. A part, in brackets, picks along named axes (`head=5`, `pos=-1`, `head={1,4}`, `pos=2:8`),
or, for values whose axes have no names, by place as in numpy (`[:, -1]`).
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from glasshouse.errors import InputError

Index = int | slice | tuple[int, ...]
"""One place, a range, or several places along an axis."""

_ADDRESS = re.compile(r"(?P<pattern>[^\[\]]+?)\s*(?:\[(?P<part>[^\[\]]*)\])?")
_INDEX = re.compile(
    r"(?P<int>-?\d+)|(?P<slice>(-?\d+)?\s*:\s*(-?\d+)?)|\{(?P<several>\s*-?\d+(\s*,\s*-?\d+)*\s*,?\s*)\}"
)
_RANGE = re.compile(r"(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Part:
    """A selection along some axes of a value."""

    text: str
    """As it was written, without the brackets."""
    by_axis: tuple[tuple[str, Index], ...] = ()
    """Selections along named axes."""
    by_place: tuple[Index, ...] = ()
    """Selections along the first axes."""


@dataclass(frozen=True, slots=True)
class Address:
    """Which values, and which part of each."""

    pattern: str
    """A value's name, or a pattern of names."""
    part: Part | None = None
    """None: the whole value."""

    def __str__(self) -> str:
        return self.pattern if self.part is None else f"{self.pattern}[{self.part.text}]"


def parse_address(text: str) -> Address:
    """Read an address.

    Raises:
        InputError: If it is not one; the message shows how one looks.
    """
    found = _ADDRESS.fullmatch(text.strip())
    if found is None:
        raise InputError(
            f"{text!r} is no address; write a name or pattern and perhaps a part, "
            "such as blocks.*.attn.z[head=5, pos=-1]"
        )
    part = found["part"]
    return Address(found["pattern"], None if part is None else parse_part(part))


def parse_part(text: str) -> Part:
    """Read what stands between the brackets; `...` is all of the value.

    Raises:
        InputError: If a selection is not understood, an axis is named twice, or named and placed
            selections are mixed.
    """
    if text.strip() == "...":
        return Part("...")
    by_axis, by_place = [], []
    for piece in re.split(r",(?![^{]*\})", text):
        axis, is_named, index = piece.rpartition("=")
        if is_named:
            by_axis.append((axis.strip(), parse_index(index, text)))
        else:
            by_place.append(parse_index(index, text))
    if len({axis for axis, _ in by_axis}) < len(by_axis):
        raise InputError(f"[{text}] picks twice along one axis; several places are head={{1,4}}")
    if by_axis and by_place:
        raise InputError(f"[{text}] mixes axis names and places; use one way")
    return Part(text.strip(), tuple(by_axis), tuple(by_place))


def parse_index(text: str, within: str) -> Index:
    """Read one selection: `5`, `-1`, `2:8`, `:`, `{1,4}`."""
    found = _INDEX.fullmatch(text.strip())
    if found is None:
        raise InputError(
            f"{text.strip()!r} in [{within}] is no selection; write a number, a range such as 2:8, "
            "or several numbers such as {1,4}"
        )
    if found["int"] is not None:
        return int(found["int"])
    if found["several"] is not None:
        return tuple(int(i) for i in found["several"].split(",") if i.strip())
    first, _, last = found["slice"].partition(":")
    return slice(int(first) if first.strip() else None, int(last) if last.strip() else None)


def matching_names(pattern: str, names: Sequence[str]) -> list[str]:
    """All names that a pattern matches, in their order.

    Raises:
        InputError: If it matches none; the message lists the nearest names.
    """
    if pattern in names:
        return [pattern]
    expression = re.compile(_expression(pattern))
    found = [
        name
        for name in names
        if (match := expression.fullmatch(name)) and _in_ranges(pattern, match.groups())
    ]
    if not found:
        raise InputError(f"there is no value {pattern!r}{_nearest(pattern, names)}")
    return found


def only_name(pattern: str, names: Sequence[str]) -> str:
    """The one name that a pattern matches.

    Raises:
        InputError: If it matches none, or several.
    """
    found = matching_names(pattern, names)
    if len(found) > 1:
        raise InputError(f"{pattern!r} finds {len(found)}, from {found[0]} on; name one of them")
    return found[0]


def _expression(pattern: str) -> str:
    """A regular expression for a pattern; ranges become groups of digits, checked afterwards."""
    pieces = []
    for component in pattern.split("."):
        if component == "**":
            pieces.append(r"[^.]+(?:\.[^.]+)*")
        elif _RANGE.fullmatch(component):
            pieces.append(r"(\d+)")
        else:
            pieces.append(re.escape(component).replace(r"\*", "[^.]*"))
    return r"\.".join(pieces)


def _in_ranges(pattern: str, numbers: Iterable[str]) -> bool:
    ranges = [m for component in pattern.split(".") if (m := _RANGE.fullmatch(component))]
    return all(
        int(r[1]) <= int(number) <= int(r[2]) for r, number in zip(ranges, numbers, strict=True)
    )


def _nearest(pattern: str, names: Sequence[str]) -> str:
    """The names most like a pattern, for an error message."""
    last = pattern.rpartition(".")[2]
    alike = difflib.get_close_matches(pattern, names, n=3, cutoff=0.5)
    alike += [name for name in names if name.rpartition(".")[2] == last]
    alike = list(dict.fromkeys(alike))[:4] or list(names)[:4]
    return f"; the nearest names are {', '.join(alike)}" if alike else ""


def selection(part: Part, name: str, axes: Sequence[str], ndim: int) -> tuple[Index, ...]:
    """Index of each axis of a value, for a part of it.

    Raises:
        InputError: If the value has no such axis.
    """
    if len(part.by_place) > ndim:
        raise InputError(f"[{part.text}] has more places than {name} has axes ({ndim})")
    chosen: list[Index] = [slice(None)] * ndim
    chosen[: len(part.by_place)] = part.by_place
    for axis, index in part.by_axis:
        if axis not in axes:
            known = (
                f"its axes are {', '.join(axes)}" if axes else "its axes have no names: use [:, -1]"
            )
            raise InputError(f"{name} has no axis {axis!r} ({known})")
        chosen[axes.index(axis)] = index
    return tuple(chosen)


def check_selection(chosen: Sequence[Index], value: Tensor, address: str) -> None:
    """Refuse places that the value does not have.

    Raises:
        InputError: If an index lies outside of its axis.
    """
    for size, index in zip(value.shape, chosen, strict=True):
        for place in (
            (index,) if isinstance(index, int) else index if isinstance(index, tuple) else ()
        ):
            if not -size <= place < size:
                raise InputError(
                    f"{address} asks for place {place} of an axis of length {size} "
                    f"(the value has shape {tuple(value.shape)})"
                )


def read_part(value: Tensor, chosen: Sequence[Index]) -> Tensor:
    """The selected part: integers drop their axis, everything else keeps it.

    Several lists select their grid, axis by axis, not pairs as in numpy.
    """
    for axis, index in reversed(list(enumerate(chosen))):
        if isinstance(index, int):
            value = value.select(axis, index)
        elif isinstance(index, tuple):
            places = torch.tensor(_positive(index, value.shape[axis]), device=value.device)
            value = value.index_select(axis, places)
        elif index != slice(None):
            value = value[(slice(None),) * axis + (index,)]
    return value


def write_part(value: Tensor, chosen: Sequence[Index], new: Tensor) -> Tensor:
    """A copy of a value with the selected part replaced; `new` may broadcast to it."""
    copy = value.clone()
    new = new.to(copy.dtype)
    if not any(isinstance(index, tuple) for index in chosen):
        copy[tuple(chosen)] = new
        return copy
    new = new.expand(read_part(value, chosen).shape)
    places = []
    for axis, (size, index) in enumerate(zip(value.shape, chosen, strict=True)):
        if isinstance(index, int):
            new = new.unsqueeze(axis)
        along = torch.arange(size, device=value.device)[
            [index]
            if isinstance(index, int)
            else list(index)
            if isinstance(index, tuple)
            else index
        ]
        places.append(along.view(*(-1 if i == axis else 1 for i in range(value.ndim))))
    copy[tuple(places)] = new
    return copy


def part_mask(value: Tensor, chosen: Sequence[Index]) -> Tensor:
    """Where a part lies in its value, as booleans of the value's shape."""
    mask = torch.ones(value.shape, dtype=torch.bool, device=value.device)
    for axis, index in enumerate(chosen):
        size = value.shape[axis]
        along = torch.zeros(size, dtype=torch.bool, device=value.device)
        if isinstance(index, tuple):
            along[list(index)] = True
        else:
            along[index] = True
        mask &= along.view(*(size if i == axis else 1 for i in range(value.ndim)))
    return mask


def _positive(index: tuple[int, ...], size: int) -> list[int]:
    return [place % size for place in index]
