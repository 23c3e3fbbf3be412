"""Values of a running model, token by token: what dictionaries, probes and concepts are made from.

- `harvesting`: run a model over texts and hand on its values, with the token behind each row
- `shards`: values kept in memory-mapped files, so that a model runs once and many things learn
- `batches`: rows in random order, from memory, from shards, or from the model as it runs
"""

from glasshouse.interpret.activations.batches import shuffled_batches, streamed_batches
from glasshouse.interpret.activations.harvesting import Activations, harvest, harvest_all
from glasshouse.interpret.activations.shards import ActivationShards, write_activations

__all__ = [
    "ActivationShards",
    "Activations",
    "harvest",
    "harvest_all",
    "shuffled_batches",
    "streamed_batches",
    "write_activations",
]
