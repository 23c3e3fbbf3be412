"""From addresses to values: what a question asks for, and what is fed for it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from glasshouse.dataflow.address import (
    Address,
    Index,
    check_selection,
    matching_names,
    parse_address,
    read_part,
    selection,
)
from glasshouse.dataflow.feeds import FedPart, Feed
from glasshouse.dataflow.gradients import Grad
from glasshouse.dataflow.narrow import End, after_narrowing, ends_of
from glasshouse.dataflow.values import Value
from glasshouse.errors import InputError

Fetch = str | Grad | Sequence[str | Grad]
"""Addresses of values, gradients, or several of either."""


class Wanted(NamedTuple):
    """One value that an address asks for."""

    key: str
    """Under which the caller finds it: the address as written, with the name for the pattern."""
    name: str
    """The value."""
    address: Address
    """As it was asked for."""
    chosen: tuple[Index, ...] | None
    """The part, as an index of each axis; None: the whole value."""

    def read(self, value: Tensor) -> Tensor:
        """The part of the value; a copy, so that it does not hold the rest in memory."""
        if self.chosen is None:
            return value
        check_selection(self.chosen, value, str(self.address))
        return read_part(value, self.chosen).clone()


class WantedGrad(NamedTuple):
    """One gradient, with its addresses resolved."""

    grad: Grad
    """As it was asked for."""
    reads: tuple[Wanted, ...]
    """What the scalar is computed from."""
    wrt: tuple[str, ...]
    """Names of the values it is taken with respect to."""


class Question(NamedTuple):
    """Everything that one call of `run` or `plan` asks for."""

    wanted: tuple[Wanted, ...]
    """Values."""
    grads: tuple[WantedGrad, ...]
    """Gradients."""
    ends: dict[str, tuple[End, ...]]
    """Values of which only the first or last places of some axes are computed."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every value that must be computed, once."""
        wanted = [w.name for w in self.wanted]
        read = [name for g in self.grads for name in (*(w.name for w in g.reads), *g.wrt)]
        return tuple(dict.fromkeys([*wanted, *read]))


def resolve(values: Mapping[str, Value], asked: Sequence[str | Grad]) -> Question:
    """Find the values that addresses and gradients ask for.

    Raises:
        InputError: If an address finds nothing.
    """
    wanted = [w for text in asked if isinstance(text, str) for w in wants(values, text)]
    grads = [_wanted_grad(values, grad) for grad in asked if isinstance(grad, Grad)]
    ends = _common_ends(
        [*wanted, *(w for g in grads for w in g.reads)], {name for g in grads for name in g.wrt}
    )
    return Question(
        tuple(_narrowed(w, ends) for w in wanted),
        tuple(g._replace(reads=tuple(_narrowed(w, ends) for w in g.reads)) for g in grads),
        ends,
    )


def several(asked: Fetch) -> tuple[str | Grad, ...]:
    """One thing asked for, or many, as a tuple."""
    return (asked,) if isinstance(asked, str | Grad) else tuple(asked)


def wants(values: Mapping[str, Value], text: str) -> list[Wanted]:
    """The values that one address asks for."""
    address = parse_address(text)
    names = matching_names(address.pattern, tuple(values))
    return [
        Wanted(
            text if name == address.pattern else str(Address(name, address.part)),
            name,
            address,
            chosen_part(values, address, name),
        )
        for name in names
    ]


def fed_parts(values: Mapping[str, Value], feed: Feed) -> dict[str, list[FedPart]]:
    """What is fed at each value; a whole tensor takes the place of what was fed there before it.

    Raises:
        InputError: If an address finds nothing, or what is fed is no tensor and no function.
    """
    parts: dict[str, list[FedPart]] = {}
    for text, given in feed.items():
        if not (isinstance(given, Tensor) or callable(given)):
            raise InputError(
                f"{given!r} is fed at {text}; feed a tensor, or a function of what stands there"
            )
        address = parse_address(text)
        for name in matching_names(address.pattern, tuple(values)):
            part = FedPart(address, chosen_part(values, address, name), given)
            is_replaced = part.chosen is None and isinstance(given, Tensor)
            parts[name] = [part] if is_replaced else [*parts.get(name, ()), part]
    return parts


def chosen_part(
    values: Mapping[str, Value], address: Address, name: str
) -> tuple[Index, ...] | None:
    """The addressed part of a value, as an index of each axis."""
    if address.part is None:
        return None
    value = values[name]
    return selection(address.part, name, value.axes, len(value.shape))


def _wanted_grad(values: Mapping[str, Value], grad: Grad) -> WantedGrad:
    for text in grad.wrt:
        if parse_address(text).part is not None:
            raise InputError(
                f"a gradient is taken with respect to whole values, not to the part {text}; "
                "take the part of the gradient"
            )
    reads = tuple(w for text in grad.reads for w in wants(values, text))
    wrt = tuple(name for text in grad.wrt for name in matching_names(text, tuple(values)))
    return WantedGrad(grad, reads, wrt)


def _common_ends(wanted: Sequence[Wanted], whole: set[str]) -> dict[str, tuple[End, ...]]:
    """Values of which all that is asked lies at the same ends; `whole` ones are needed whole."""
    asked: dict[str, set[tuple[End, ...]]] = {}
    for want in wanted:
        asked.setdefault(want.name, set()).add(ends_of(want.chosen))
    alike = {name: kinds.pop() for name, kinds in asked.items() if len(kinds) == 1}
    return {name: ends for name, ends in alike.items() if ends and name not in whole}


def _narrowed(wanted: Wanted, ends: Mapping[str, tuple[End, ...]]) -> Wanted:
    if wanted.name not in ends or wanted.chosen is None:
        return wanted
    return wanted._replace(chosen=after_narrowing(wanted.chosen, ends[wanted.name]))
