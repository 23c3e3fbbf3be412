"""What is fed: a tensor in place of a value, a function of it, or either for a part of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from glasshouse.dataflow.address import (
    Address,
    Index,
    check_selection,
    read_part,
    write_part,
)
from glasshouse.dataflow.program import FeedKind
from glasshouse.errors import InputError

Change = Callable[[Tensor], Tensor]
"""From a value, or the part of it that is addressed, to what stands there instead."""
Feed = Mapping[str, Tensor | Change]
"""What is fed, by address."""


@dataclass(frozen=True, slots=True)
class FedPart:
    """One fed address, for one value."""

    address: Address
    """As it was asked for."""
    chosen: tuple[Index, ...] | None
    """The part, as an index of each axis; None: the whole value."""
    given: Tensor | Change
    """A tensor or a function."""


def kind_of(parts: Sequence[FedPart]) -> FeedKind:
    """Whether a value is replaced outright, by one whole tensor, or changed."""
    whole = len(parts) == 1 and parts[0].chosen is None
    return "tensor" if whole and isinstance(parts[0].given, Tensor) else "function"


def change_of(name: str, parts: Sequence[FedPart]) -> Change:
    """One function that makes every change to a value, in the order in which they were fed."""
    return partial(_changed, name, parts)


def _changed(name: str, parts: Sequence[FedPart], value: Tensor) -> Tensor:
    for part in parts:
        value = _applied(name, part, value)
    return value


def _applied(name: str, part: FedPart, value: Tensor) -> Tensor:
    if part.chosen is None:
        old = value
    else:
        check_selection(part.chosen, value, str(part.address))
        old = read_part(value, part.chosen)
    new = part.given if isinstance(part.given, Tensor) else part.given(old)
    check_fed(name, part, new, old)
    return new if part.chosen is None else write_part(value, part.chosen, new)


def check_fed(name: str, part: FedPart, new: object, old: Tensor) -> None:
    """Refuse what cannot stand where it is fed.

    Raises:
        InputError: If it is no tensor, or of another shape, dtype or device.
    """
    what = f"{part.address} (value {name})" if str(part.address) != name else name
    if not isinstance(new, Tensor):
        raise InputError(f"the function fed at {what} returned {type(new).__name__}, not a tensor")
    may_broadcast = part.chosen is not None
    if new.shape != old.shape and not (may_broadcast and _broadcasts(new, old)):
        raise InputError(
            f"a tensor of shape {tuple(new.shape)} is fed at {what}, where shape "
            f"{tuple(old.shape)} belongs"
        )
    if new.dtype != old.dtype:
        raise InputError(f"a tensor of {new.dtype} is fed at {what}, where {old.dtype} belongs")
    if new.device != old.device:
        raise InputError(
            f"a tensor on {new.device} is fed at {what}, which is on {old.device}; move it there"
        )


def _broadcasts(new: Tensor, old: Tensor) -> bool:
    if new.ndim > old.ndim:
        return False
    return all(n in (1, o) for n, o in zip(reversed(new.shape), reversed(old.shape), strict=False))
