"""What to feed while a text grows: changes of a value, and when they are made.

    model.generate(prompts, feed={"blocks.2.resid_post": from_token(20, add(vector))})

A change is any function from a value to what stands there instead; `add`, `clamp` and `set_to` make
the usual ones. While texts grow it sees the values of new tokens only: those of whole prompts
first, then of one token a row at every step. `from_token`, `from_new_token`, `during` and `on_rows`
limit a change to some tokens or prompts and may be put inside each other; what depends on the place
in other ways is a function of the value and its `Moment`, wrapped in `timed`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glasshouse.dataflow.feeds import Change
from glasshouse.errors import InputError


@dataclass(frozen=True)
class Moment:
    """Which tokens a value belongs to, in one call of the network while texts grow.

    Rows are padded on the left and stand in common slots, as in a `KeyValueCache`.
    """

    first: int
    """Slot of the first of these tokens."""
    count: int
    """How many tokens of each row."""
    prompt_slots: int
    """Slots that prompts take: new tokens stand in the slots from here on."""
    starts: Int[Tensor, " batch"] | None
    """First slot of each row's text; None: no row is padded."""
    padding: tuple[int, int]
    """Smallest and largest number of slots that padding takes in a row."""
    rows: Int[Tensor, " batch"]
    """Number of each row's prompt in what `generate` was given."""
    token_axis: int = 1
    """Which axis of the value counts tokens; its first one counts rows."""

    @cached_property
    def positions(self) -> Int[Tensor, "row token"]:
        """Position of each token in its own text, from 0; negative: padding."""
        slots = torch.arange(self.first, self.first + self.count, device=self.rows.device)
        return slots[None] if self.starts is None else slots - self.starts[:, None]

    @cached_property
    def new(self) -> Int[Tensor, "1 token"]:
        """Number of each token among the new ones, from 0; negative: it belongs to the prompt."""
        slots = torch.arange(self.first, self.first + self.count, device=self.rows.device)
        return (slots - self.prompt_slots)[None]

    def spread(self, which: Tensor, value: Tensor) -> Tensor:
        """Give what is known of every row and token the axes of a value."""
        shape = [1] * value.ndim
        num_tokens = value.shape[self.token_axis]  # logits are computed for the last token only
        which = which[:, -num_tokens:]
        shape[0], shape[self.token_axis] = which.shape
        return which.reshape(shape)


@dataclass(frozen=True, slots=True)
class Timed:
    """A change that depends on the moment; made by `timed`, `from_token` and their like."""

    change: Callable[[Tensor, Moment], Tensor]
    """From a value and its moment to what stands there instead."""


Steering = Mapping[str, Tensor | Change | Timed]
"""What is fed while texts grow, by address."""
Which = bool | Bool[Tensor, "row token"]
"""True: every token; False: none."""


def timed(change: Callable[[Tensor, Moment], Tensor]) -> Timed:
    """Make a change of a function of the value and its `Moment`.

    `moment.spread(moment.positions, value)` has the positions of tokens along the value's axes.
    """
    return Timed(change)


def apply_change(change: Tensor | Change | Timed, value: Tensor, moment: Moment) -> Tensor:
    """What stands in a value's place at a moment."""
    if isinstance(change, Timed):
        return change.change(value, moment)
    return (set_to(change) if isinstance(change, Tensor) else change)(value)


def add(vector: Float[Tensor, " d"], scale: float = 1.0) -> Change:
    """Add a multiple of a vector along the last axis."""
    shift = scale * vector

    def change(value: Tensor) -> Tensor:
        _check_width(shift, value)
        return value + shift.to(value)

    return change


def clamp(direction: Float[Tensor, " d"], to: float) -> Change:
    """Set the component along a direction, and leave what is orthogonal to it.

    Args:
        direction: Along the last axis; only where it points counts.
        to: What the component will be, in units of the value. 0 removes it.

    Raises:
        InputError: If the direction is zero.
    """
    length = direction.norm()
    if not length > 0:
        raise InputError("the direction to clamp is zero, or not a number, and points nowhere")
    unit = direction / length

    def change(value: Tensor) -> Tensor:
        _check_width(unit, value)
        along = unit.to(value)
        return value + (to - value @ along)[..., None] * along

    return change


def _check_width(vector: Float[Tensor, " d"], value: Tensor) -> None:
    if vector.shape[-1] != value.shape[-1]:
        raise InputError(
            f"a vector of length {vector.shape[-1]} cannot steer a value of shape "
            f"{tuple(value.shape)}, whose last axis is {value.shape[-1]}"
        )


def set_to(given: Tensor | float) -> Change:
    """Put a number, or a tensor that broadcasts over rows and tokens, in a value's place."""

    def change(value: Tensor) -> Tensor:
        new = torch.as_tensor(given).to(value)
        try:
            return new.expand_as(value)
        except RuntimeError as error:
            raise InputError(
                f"a tensor of shape {tuple(new.shape)} is fed while texts grow, where values of "
                f"shape {tuple(value.shape)} (rows and new tokens first) belong; give one that "
                "broadcasts, or a function"
            ) from error

    return change


def from_token(position: int, change: Tensor | Change | Timed) -> Timed:
    """Make a change at every token whose position in its own text is `position` or more."""
    return during(position, None, change)


def during(first: int, end: int | None, change: Tensor | Change | Timed) -> Timed:
    """Make a change at positions first, ..., end - 1 of each text; None: to its last token.

    Raises:
        InputError: If there is no such position.
    """
    if first < 0 or (end is not None and end <= first):
        raise InputError(f"no token stands at positions {first} to {end}; positions begin at 0")

    def which(moment: Moment) -> Which:
        least = moment.first - moment.padding[1]
        most = moment.first + moment.count - 1 - moment.padding[0]
        if most < first or (end is not None and least >= end):
            return False
        if least >= first and (end is None or most < end):
            return True
        inside = moment.positions >= first
        return inside if end is None else inside & (moment.positions < end)

    return _where(which, change)


def from_new_token(number: int, change: Tensor | Change | Timed) -> Timed:
    """Make a change from a new token on, which counts from 0; 0 leaves the prompt alone."""
    if number < 0:
        raise InputError(f"number={number} must be 0 or more; prompts count by position: during")

    def which(moment: Moment) -> Which:
        begin = moment.prompt_slots + number
        if moment.first >= begin:
            return True
        return False if moment.first + moment.count <= begin else moment.new >= number

    return _where(which, change)


def on_rows(prompts: Collection[int], change: Tensor | Change | Timed) -> Timed:
    """Make a change for some prompts only, by their number in what `generate` is given."""
    chosen = torch.tensor(sorted(prompts), dtype=torch.long)

    def which(moment: Moment) -> Which:
        return torch.isin(moment.rows, chosen.to(moment.rows.device))[:, None].expand(
            -1, moment.count
        )

    return _where(which, change)


def _where(which: Callable[[Moment], Which], change: Tensor | Change | Timed) -> Timed:
    def limited(value: Tensor, moment: Moment) -> Tensor:
        chosen = which(moment)
        if chosen is False:
            return value
        new = apply_change(change, value, moment)
        return new if chosen is True else torch.where(moment.spread(chosen, value), new, value)

    return Timed(limited)


def whole_text(
    change: Tensor | Change | Timed,
    *,
    num_tokens: int,
    prompt_slots: int,
    starts: Int[Tensor, " batch"] | None = None,
    rows: Int[Tensor, " batch"] | None = None,
    token_axis: int = 1,
) -> Change:
    """The same change for a run that sees whole texts at once, such as `graph.run`.

    Args:
        change: Any change.
        num_tokens: Tokens in every row, padding included.
        prompt_slots: How many of them count as prompt.
        starts: First real token of each row; None: no padding.
        rows: Number of each row's prompt; None: 0, 1, ...
        token_axis: Which axis of the value counts tokens: 1, or 2 in scores and patterns.
    """

    def changed(value: Tensor) -> Tensor:
        numbers = torch.arange(value.shape[0], device=value.device) if rows is None else rows
        moment = moment_of(0, num_tokens, prompt_slots, starts, numbers)
        return apply_change(change, value, replace(moment, token_axis=token_axis))

    return changed


def moment_of(
    first: int,
    count: int,
    prompt_slots: int,
    starts: Int[Tensor, " batch"] | None,
    rows: Int[Tensor, " batch"],
) -> Moment:
    """The moment of tokens in the slots from `first` on."""
    padding = (0, 0) if starts is None else (int(starts.min()), int(starts.max()))
    return Moment(first, count, prompt_slots, starts, padding, rows)
