"""What attention remembers while a text grows: keys and values in slots of a fixed number."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.models.config import TransformerConfig

if TYPE_CHECKING:
    Count = int
else:
    Count = int | torch.SymInt
"""A number of tokens, which is a symbol while a graph is captured."""


@dataclass(slots=True)
class KeyValueCache:
    """Keys and values of every layer, in tensors whose shapes never change.

    Rows are padded on the left, so all rows write the same slots and end together; row r begins at
    slot `starts[r]`, and its token in slot s has position s - starts[r].
    """

    pairs: Float[Tensor, "layer batch kv_head 2 slot d_head"]
    """Keys as attention uses them (smeared and rotated already), then values."""
    last_key: Float[Tensor, "layer batch 1 kv_head d_head"] | None
    """Smeared keys only: the newest key before smearing and rotation, which the next one needs."""
    starts: Int[Tensor, " batch"] | None
    """First slot of each row that holds a real token; None: no row is padded."""
    used: Count = 0
    """Slots written so far."""

    @property
    def keys(self) -> Float[Tensor, "layer batch kv_head slot d_head"]:
        """The keys."""
        return self.pairs[:, :, :, 0]

    @property
    def values(self) -> Float[Tensor, "layer batch kv_head slot d_head"]:
        """The values."""
        return self.pairs[:, :, :, 1]

    @property
    def num_slots(self) -> Count:
        """Slots in all."""
        return self.pairs.shape[4]

    def take_slots(self, count: Count) -> None:
        """Count slots as used.

        Raises:
            InputError: If there are not that many left.
        """
        if self.used + count > self.num_slots:
            raise InputError(
                f"the cache has {self.num_slots} slots, {self.used} are used and {count} more are "
                f"needed; make it with num_slots={self.used + count} or more"
            )
        self.used += count


def empty_cache(
    config: TransformerConfig,
    *,
    batch: int,
    num_slots: int,
    starts: Int[Tensor, " batch"] | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> KeyValueCache:
    """Make a cache for rows of up to `num_slots` tokens, padding included."""
    layers, heads, width = config.num_layers, config.num_kv_heads, config.d_head
    smeared = config.attention.smeared_keys
    return KeyValueCache(
        pairs=torch.empty(layers, batch, heads, 2, num_slots, width, dtype=dtype, device=device),
        last_key=torch.zeros(layers, batch, 1, heads, width, dtype=dtype, device=device)
        if smeared
        else None,
        starts=starts,
    )


def row_shares(cache: KeyValueCache, num_rows: int) -> list[KeyValueCache]:
    """Views of an empty cache for `num_rows` rows each; who fills them counts their slots here."""
    shares = []
    for first in range(0, cache.pairs.shape[1], num_rows):
        rows = slice(first, first + num_rows)
        last_key = None if cache.last_key is None else cache.last_key[:, rows]
        starts = None if cache.starts is None else cache.starts[rows]
        shares.append(KeyValueCache(pairs=cache.pairs[:, rows], last_key=last_key, starts=starts))
    return shares


def rows_of_cache(cache: KeyValueCache, rows: Int[Tensor, " row"]) -> KeyValueCache:
    """A copy that holds some rows only."""
    return KeyValueCache(
        pairs=cache.pairs[:, rows],
        last_key=None if cache.last_key is None else cache.last_key[:, rows],
        starts=None if cache.starts is None else cache.starts[rows],
        used=cache.used,
    )
