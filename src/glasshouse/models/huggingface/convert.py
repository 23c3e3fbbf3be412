"""Weights under their names to weights under ours, and back."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from glasshouse.errors import RunError
from glasshouse.models.config import TransformerConfig
from glasshouse.models.huggingface.family import Family, known_name, pairs
from glasshouse.models.transformer import Transformer

UNEMBED = "unembed.weight"


def to_ours(
    family: Family, config: TransformerConfig, theirs: Mapping[str, Tensor], path: Path
) -> Transformer:
    """Build our Transformer from their weights; what needs no change is not copied.

    Args:
        family: Whose names the weights have.
        config: What config.json says.
        theirs: Tensors by their names.
        path: The checkpoint, for messages.

    Raises:
        RunError: If a weight is missing, unknown, or of another shape than the config says.
    """
    found = {}
    for name, tensor in theirs.items():
        known = known_name(family, name)
        if known is not None:
            found[known] = tensor
    network = Transformer(config, device="meta")
    wanted = network.state_dict()
    matches = [pair for pair in pairs(family, config, wanted) if not is_tied(pair.ours, config)]
    refuse_unknown(found, {pair.theirs for pair in matches}, family, config, path)
    ours: dict[str, Tensor] = {}
    for pair in matches:
        shapes = [wanted[name].shape for name in pair.ours]
        like = pair.layer.join([torch.empty(shape, device="meta") for shape in shapes], config)
        if found[pair.theirs].shape != like.shape:
            raise RunError(
                f"{path} does not fit its config.json: {pair.theirs!r} has shape "
                f"{tuple(found[pair.theirs].shape)}, not {tuple(like.shape)}"
            )
        tensors = pair.layer.split(found.pop(pair.theirs), config)
        ours |= dict(zip(pair.ours, tensors, strict=True))
    return with_weights(network, ours)


def with_weights(network: Transformer, weights: dict[str, Tensor]) -> Transformer:
    """Give a network that has none its weights, all in the precision of the embedding."""
    dtype = weights["embed.weight"].dtype
    if network.config.tied:
        weights[UNEMBED] = weights["embed.weight"]
    network.load_state_dict({name: w.to(dtype) for name, w in weights.items()}, assign=True)
    if network.config.tied:
        network.unembed.weight = network.embed.weight
    return network


def is_tied(names: tuple[str, ...], config: TransformerConfig) -> bool:
    """Whether a weight is only another name for the embedding."""
    return config.tied and names == (UNEMBED,)


def refuse_unknown(
    found: dict[str, Tensor],
    wanted: set[str],
    family: Family,
    config: TransformerConfig,
    path: Path,
) -> None:
    """Compare names; a copy of the embedding that a tied model was saved with is dropped.

    Raises:
        RunError: If a weight is missing or unknown; the message names it.
    """
    if config.tied:
        names = {layer.ours[0]: f"{layer.theirs}.weight" for layer in family.layers}
        head, embed = names["unembed"], names["embed"]
        if head in found and embed not in found:
            found[embed] = found[head]
        copy = found.pop(head, None)
        if copy is not None and embed in found and not torch.equal(copy, found[embed]):
            raise RunError(
                f"{path} says that embedding and unembedding are one, but holds {head!r} with "
                "other numbers; set tie_word_embeddings to false in its config.json"
            )
    for name in sorted(found.keys() ^ wanted):
        state = "lacks" if name in wanted else "has an unknown"
        raise RunError(f"{path} does not fit its config.json: it {state} weight {name!r}")


def to_theirs(family: Family, network: Transformer) -> dict[str, Tensor]:
    """Weights under their names, ready to be saved."""
    config, ours = network.config, network.state_dict()
    return {
        pair.theirs: pair.layer.join([ours[name] for name in pair.ours], config).contiguous()
        for pair in pairs(family, config, ours)
        if not is_tied(pair.ours, config)
    }
