"""Where each latent is active: tokens and activations, latent by latent.

Codes come row by row and are asked for column by column. One pass over the values keeps what is not
zero, sorted by latent, in twelve bytes an entry; everything about a latent is then a slice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int32, Int64
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder


@runtime_checkable
class SparseCoder(Protocol):
    """A dictionary that knows its active latents without making all others first."""

    def encode_sparse(
        self, values: Float[Tensor, "batch d_in"]
    ) -> tuple[Float[Tensor, "batch k"], Int[Tensor, "batch k"]]:
        """Activations of the active latents of each row, and their numbers; some may be zero."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LatentEntries:
    """Active tokens of some latents, in order of tokens."""

    latents: Int64[np.ndarray, " latent"]
    """Which latents these are, in rising order."""
    offsets: Int64[np.ndarray, " ends"]
    """Where each latent's entries begin, and the end."""
    tokens: Int32[np.ndarray, " entry"]
    """Row of the values."""
    activations: Float32[np.ndarray, " entry"]
    """Always positive."""
    num_tokens: int
    """Rows that were looked at."""

    def of(
        self, latent: int
    ) -> tuple[Int32[np.ndarray, " active"], Float32[np.ndarray, " active"]]:
        """The tokens on which a latent is active, and how much.

        Raises:
            InputError: If it is not among those collected.
        """
        place = int(np.searchsorted(self.latents, latent))
        if place == len(self.latents) or self.latents[place] != latent:
            raise InputError(f"latent {latent} was not collected")
        part = slice(self.offsets[place], self.offsets[place + 1])
        return self.tokens[part], self.activations[part]

    @property
    def density(self) -> Float[np.ndarray, " latent"]:
        """Share of tokens on which each latent is active."""
        return np.diff(self.offsets) / self.num_tokens


@torch.no_grad()
def collect_entries(
    coder: Coder,
    values: Float[Tensor, "token d_in"],
    *,
    latents: Sequence[int] | None = None,
    batch_rows: int = 8192,
) -> LatentEntries:
    """Encode rows and keep what is active.

    Args:
        coder: The dictionary; one with `encode_sparse` is asked for active latents only.
        values: In memory or mapped from a file.
        latents: Those to keep; None: all.
        batch_rows: Rows that are encoded together.

    Raises:
        InputError: If there are no rows, or a latent is not there.
    """
    if not len(values):
        raise InputError("there are no values to encode; harvest some")
    wanted = np.arange(coder.num_latents) if latents is None else np.unique(latents)
    if len(wanted) and (wanted[0] < 0 or wanted[-1] >= coder.num_latents):
        raise InputError(
            f"the dictionary has latents 0 to {coder.num_latents - 1}, not all of those asked for"
        )
    place = torch.full((coder.num_latents,), -1, dtype=torch.int32)
    place[torch.as_tensor(wanted)] = torch.arange(len(wanted), dtype=torch.int32)
    parts = [[part.cpu() for part in batch] for batch in _active(coder, values, place, batch_rows)]
    column, token, activation = (torch.cat(part) for part in zip(*parts, strict=True))
    # Tokens come in order, and a stable sort by latent keeps them so.
    short = column.short() if len(wanted) < 1 << 15 else column
    order = short.argsort(stable=True)
    counts = torch.bincount(column, minlength=len(wanted))
    return LatentEntries(
        latents=wanted,
        offsets=np.concatenate([[0], counts.cumsum(0).numpy()]),
        tokens=token[order].numpy(),
        activations=activation[order].numpy(),
        num_tokens=len(values),
    )


def _active(
    coder: Coder, values: Tensor, place: Tensor, batch_rows: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Place of the latent, token and activation of every entry that is kept, batch by batch."""
    for start in range(0, len(values), batch_rows):
        rows = values[start : start + batch_rows].float()
        if isinstance(coder, SparseCoder):
            codes, indices = coder.encode_sparse(rows)
            column = place.to(indices.device)[indices]
            row, slot = ((codes > 0) & (column >= 0)).nonzero(as_tuple=True)
            column, activation = column[row, slot], codes[row, slot]
        else:
            codes = coder.encode(rows)
            row, latent = (codes > 0).nonzero(as_tuple=True)
            column = place.to(latent.device)[latent]
            kept = column >= 0
            activation = codes[row, latent][kept]
            row, column = row[kept], column[kept]
        yield column, (row + start).int(), activation.float()
