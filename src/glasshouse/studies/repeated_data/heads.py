"""How much the heads of grown runs look where copying needs them to look, read off the graph."""

import torch

from glasshouse.interpret.heads import prefix_matching
from glasshouse.models import Transformer
from glasshouse.studies.repeated_data.config import RepeatedDataConfig
from glasshouse.training.population import Parameters, num_replicas

_REPEATS = 3
"""Passes over a block of tokens without meaning."""


def last_layer_matching(
    config: RepeatedDataConfig, width: int, parameters: Parameters
) -> list[tuple[float, ...]]:
    """Prefix matching of each head of the last layer, a tuple a run.

    Blocks are as long as the shortest said part of a document, so that they fit the context. One
    graph is captured; each run's weights are loaded below it in turn.
    """
    network = Transformer(config.architecture(width)).eval()
    length = min(config.least, (config.sequence - 1) // _REPEATS)
    found = []
    for place in range(num_replicas(parameters)):
        own = {name: value[place] for name, value in parameters.items()}
        network.load_state_dict(own)
        scores = prefix_matching(
            network,
            length=length,
            repeats=_REPEATS,
            num_sequences=20,
            tokens=torch.arange(config.symbols),
            start=config.symbols,
            generator=torch.Generator().manual_seed(0),
        )
        found.append(tuple(scores[-1].tolist()))
    return found
