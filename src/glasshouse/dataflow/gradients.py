"""Gradients of any scalar with respect to any value, also through what is fed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from glasshouse.errors import InputError


@dataclass(frozen=True, slots=True)
class Grad:
    """A gradient to fetch; made by `grad`."""

    of: str | Callable[..., Tensor]
    """An address, or a function of the values that `reads` names."""
    wrt: tuple[str, ...]
    """Addresses of values."""
    reads: tuple[str, ...]
    """Addresses of the function's arguments."""

    @property
    def shape(self) -> tuple[object, ...]:
        """What a plan must know of it: everything but the function itself."""
        return ("gradient", self.wrt, self.reads)


def grad(
    of: str | Callable[..., Tensor],
    wrt: str | Sequence[str],
    *,
    reads: str | Sequence[str] = "logits",
) -> Grad:
    """Ask for the gradient of a scalar with respect to values.

    Args:
        of: An address, such as `logits[pos=-1, vocab=42]`, whose elements are summed (rows of a
            batch do not mix, so each row gets its own gradient); or a function from the values that
            `reads` names to a scalar.
        wrt: Names or patterns of values, such as `blocks.*.attn.z`.
        reads: Addresses of the arguments of `of`, if that is a function.
    """
    wrt = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    reads = (reads,) if isinstance(reads, str) else tuple(reads)
    return Grad(of, wrt, (of,) if isinstance(of, str) else reads)


def as_leaf(value: Tensor) -> Tensor:
    """Make a value one that gradients can be taken with respect to.

    A value that depends on an earlier such value stays connected to it.
    """
    return value if value.requires_grad else value.detach().requires_grad_()


def scalar(wanted: Grad, values: Sequence[Tensor]) -> Tensor:
    """The scalar whose gradient is asked for.

    Raises:
        InputError: If the function does not return one.
    """
    if isinstance(wanted.of, str):
        return values[0].sum()
    found = wanted.of(*values)
    if not isinstance(found, Tensor) or found.numel() != 1:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise InputError(f"the function to be differentiated returned {shape}, not one number")
    return found


def gradients(
    total: Tensor, names: Sequence[str], values: Sequence[Tensor], *, keep: bool
) -> dict[str, Tensor]:
    """Gradient of a scalar with respect to each value.

    Args:
        total: The scalar.
        names: Names of the values.
        values: The values, as the run computed them.
        keep: Whether another gradient of the same run follows.

    Raises:
        InputError: If the scalar does not depend on one of them, for instance because a feed cuts
            it off.
    """
    if not total.requires_grad:
        others = f", nor on {len(names) - 1} others" if len(names) > 1 else ""
        raise InputError(
            f"what is differentiated does not depend on {names[0]}{others}: it comes later, or a "
            "feed cuts it off"
        )
    found = torch.autograd.grad(total, values, retain_graph=keep, allow_unused=True)
    for name, value in zip(names, found, strict=True):
        if value is None:
            raise InputError(
                f"what is differentiated does not depend on {name}: it comes later, or a feed "
                "cuts it off"
            )
    return dict(zip(names, found, strict=True))
