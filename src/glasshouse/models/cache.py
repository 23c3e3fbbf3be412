"""What attention remembers while a text grows: keys and values in slots of a fixed number."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

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
    starts: Int[Tensor, " batch"]
    """First slot of each row that holds a real token."""
    used: int = 0
    """Slots written so far."""

    @property
    def num_slots(self) -> int:
        """Slots in all."""
        return self.keys.shape[3]


def empty_cache(
    config: TransformerConfig,
    *,
    starts: Int[Tensor, " batch"],
    num_slots: int,
    dtype: torch.dtype = torch.float32,
) -> KeyValueCache:
    """Make a cache for `len(starts)` rows of `num_slots` tokens, on the device of `starts`."""
    layers, heads, width = config.num_layers, config.num_kv_heads, config.d_head
    batch, device = len(starts), starts.device
    shape = (layers, batch, heads, num_slots, width)
    smeared = config.attention.smeared_keys
    return KeyValueCache(
        # Zeros, not empty memory: a slot not yet written is masked, and 0 · NaN would not be 0.
        keys=torch.zeros(shape, dtype=dtype, device=device),
        values=torch.zeros(shape, dtype=dtype, device=device),
        last_key=torch.zeros(layers, batch, 1, heads, width, dtype=dtype, device=device)
        if smeared
        else None,
        starts=starts,
    )
