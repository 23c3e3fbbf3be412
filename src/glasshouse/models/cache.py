"""What attention remembers while a text grows: keys and values in slots of a fixed number."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.models.config import TransformerConfig


@dataclass(slots=True)
class KeyValueCache:
    """Keys and values of every layer, in tensors whose shapes never change.

    Rows are padded on the left, so all rows write the same slots and end together; row r begins at
    slot `starts[r]`, and its token in slot s has position s - starts[r].
    """

    keys: Float[Tensor, "layer batch kv_head slot d_head"]
    """Keys as attention uses them: smeared and rotated already."""
    values: Float[Tensor, "layer batch kv_head slot d_head"]
    """Values."""
    last_key: Float[Tensor, "layer batch 1 kv_head d_head"] | None
    """Smeared keys only: the newest key before smearing and rotation, which the next one needs."""
    starts: Int[Tensor, " batch"] | None
    """First slot of each row that holds a real token; None: no row is padded."""
    used: int = 0
    """Slots written so far."""

    @property
    def num_slots(self) -> int:
        """Slots in all."""
        return self.keys.shape[3]

    def take_slots(self, count: int) -> None:
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
    shape = (layers, batch, heads, num_slots, width)
    smeared = config.attention.smeared_keys
    return KeyValueCache(
        keys=torch.empty(shape, dtype=dtype, device=device),
        values=torch.empty(shape, dtype=dtype, device=device),
        last_key=torch.zeros(layers, batch, 1, heads, width, dtype=dtype, device=device)
        if smeared
        else None,
        starts=starts,
    )
