"""What a family of checkpoints is: a config translated both ways, and two names for each weight."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.models.config import TransformerConfig
from glasshouse.models.huggingface.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One module of theirs, and which modules of ours hold its weight and bias."""

    theirs: str
    """Its path, with `{}` for the number of the block."""
    ours: tuple[str, ...]
    """Our modules, several where theirs computes queries, keys and values at once."""
    split: Callable[[Tensor, TransformerConfig], Sequence[Tensor]] = lambda tensor, _: (tensor,)
    """Their tensor to ours."""
    join: Callable[[Sequence[Tensor], TransformerConfig], Tensor] = lambda tensors, _: tensors[0]
    """Our tensors to theirs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """One architecture of transformers that our Transformer computes."""

    model_type: str
    """As config.json names it."""
    architecture: str
    """The class in transformers."""
    read: Callable[[Settings], TransformerConfig]
    """Their config to ours."""
    write: Callable[[TransformerConfig], dict[str, Any]]
    """Our config to theirs; what it cannot say is noticed by reading it again."""
    layers: tuple[Layer, ...]
    """All modules with weights."""
    renames: tuple[tuple[str, str], ...] = ()
    """Regular expressions and what replaces them: older names of weights to those in `layers`."""
    ignored: str = r"$."
    """Regular expression of what is no weight: masks and tables that older versions saved."""
    whole_heads: bool = False
    """Whether transformers wants a width that is a multiple of the heads, whatever `d_head` is."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One tensor of theirs and those of ours that hold the same numbers."""

    theirs: str
    ours: tuple[str, ...]
    layer: Layer


def pairs(
    family: Family, config: TransformerConfig, wanted: Mapping[str, Tensor]
) -> Iterator[Pair]:
    """Match their tensors to ours, for every weight that our Transformer has."""
    for layer in family.layers:
        numbers = range(config.num_layers) if "{}" in layer.theirs else range(1)
        for number in numbers:
            for kind in ("weight", "bias"):
                ours = tuple(f"{name.format(number)}.{kind}" for name in layer.ours)
                if ours[0] in wanted:
                    yield Pair(f"{layer.theirs.format(number)}.{kind}", ours, layer)


def known_name(family: Family, name: str) -> str | None:
    """The name that `layers` uses for a tensor; None if it is to be ignored."""
    for pattern, new in family.renames:
        name = re.sub(pattern, new, name)
    return None if re.search(family.ignored, name) else name


def transposed(theirs: str, *ours: str) -> Layer:
    """A map that they store input by output; several of ours follow each other in its outputs."""
    return Layer(
        theirs=theirs,
        ours=ours,
        split=lambda tensor, _: [part.contiguous() for part in turned(tensor).chunk(len(ours))],
        join=lambda tensors, _: turned(torch.cat(list(tensors))).contiguous(),
    )


def turned(tensor: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """A matrix, transposed; a bias as it is."""
    return tensor.t() if tensor.ndim == 2 else tensor


def by_head(theirs: str, *ours: str) -> Layer:
    """A map whose outputs are ordered by head first, then by which of ours they belong to."""
    return Layer(
        theirs=theirs,
        ours=ours,
        split=lambda tensor, config: [
            part.flatten(0, 1)
            for part in tensor.unflatten(
                0, (config.attention.num_heads, len(ours), config.d_head)
            ).unbind(1)
        ],
        join=lambda tensors, config: torch.stack(
            [part.unflatten(0, (config.attention.num_heads, config.d_head)) for part in tensors], 1
        ).flatten(0, 2),
    )


def same(**names: str) -> tuple[Layer, ...]:
    """Maps that differ in name only: ours (with `__` for a dot) = theirs, within a block."""
    return tuple(
        Layer(theirs=theirs, ours=(f"blocks.{{}}.{ours.replace('__', '.')}",))
        for ours, theirs in names.items()
    )
