"""Who is looked into: a LanguageModel, a bare network, or a graph that was captured already."""

import re
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Int
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer
from glasshouse.models.huggingface.as_is import AsIs
from glasshouse.models.language_model import Prompt

Subject = LanguageModel | Transformer | Graph
"""Every function of this room takes any of them. A Graph saves capturing anew; weights that change
are seen by the next call whichever is given."""

Texts = Prompt | Sequence[Prompt] | Tensor
"""One prompt or several of one length, as text (a LanguageModel's only) or token ids."""

Head = tuple[int, int]
"""(layer, head), both from 0."""


def graph_of(subject: Subject) -> Graph:
    """The subject as a graph of named values.

    A LanguageModel keeps its graph; of bare networks, the graphs of the last eight are kept.
    """
    if isinstance(subject, Graph):
        return subject
    return subject.graph() if isinstance(subject, LanguageModel) else _captured(subject)


@lru_cache(maxsize=8)
def _captured(network: Transformer) -> Graph:
    device = network.embed.weight.device
    length = min(4, network.config.context)
    return Graph.capture(network, torch.zeros(2, length, dtype=torch.long, device=device))


def network_of(subject: Subject, *, why: str) -> Transformer:
    """The Transformer behind a subject, for who reads weights.

    Args:
        subject: Who is looked into.
        why: What needs the weights, for the error message.

    Raises:
        InputError: If a graph was captured from another class of module.
    """
    module = subject.network if isinstance(subject, LanguageModel) else subject
    module = module.module if isinstance(module, Graph) else module
    if not isinstance(module, Transformer):
        raise InputError(
            f"{why} reads the weights of a glasshouse Transformer, not of {type(module).__name__}; "
            "LanguageModel.load makes one of every family that it knows"
        )
    return module


def num_layers(graph: Graph) -> int:
    """How many blocks a graph has.

    Raises:
        InputError: If its values do not have the names that all language models share.
    """
    found = {int(m[1]) for name in graph.names if (m := re.match(r"blocks\.(\d+)\.", name))}
    if not found and "final_norm" not in graph.names:
        raise InputError(
            f"this needs values under the names that language models share (blocks.0.resid_pre, "
            f"...), but the graph has those of {type(graph.module).__name__}'s own modules; "
            "LanguageModel.load gives every family that it knows the shared names"
        )
    return len(found)


def num_heads(graph: Graph) -> int:
    """How many (query) heads each layer has.

    Raises:
        InputError: If it has no attention under its shared name.
    """
    if not num_layers(graph) or "blocks.0.attn.z" not in graph.names:
        raise InputError("the model has no attention heads (no value blocks.0.attn.z)")
    return int(graph.value("blocks.0.attn.z").shape[2])


def check_heads(graph: Graph, heads: Sequence[Head]) -> None:
    """Refuse heads that the model has not.

    Raises:
        InputError: If one lies outside.
    """
    layers, width = num_layers(graph), num_heads(graph)
    for layer, head in heads:
        if not (0 <= layer < layers and 0 <= head < width):
            raise InputError(
                f"there is no head ({layer}, {head}); the model has {layers} layers of {width} "
                "heads, both counted from 0"
            )


def token_ids(subject: Subject, texts: Texts) -> Int[Tensor, "batch seq"]:
    """Token ids of prompts, one row each, where the model's weights are.

    Raises:
        InputError: If they are of different lengths, empty or longer than the context, or are text
            and the subject has no tokenizer.
    """
    if not isinstance(texts, Tensor):
        texts = _encoded(subject, texts)
    ids = texts[None] if texts.ndim == 1 else texts
    module = graph_of(subject).module
    network = subject.network if isinstance(subject, LanguageModel) else module
    limit = network.config.context if isinstance(network, Transformer | AsIs) else None
    if ids.ndim != 2 or not ids.numel():
        raise InputError(f"token ids of shape {tuple(ids.shape)}; give batch seq, neither of it 0")
    if limit is not None and ids.shape[1] > limit:
        raise InputError(
            f"{ids.shape[1]} tokens do not fit the model's context of {limit}; shorten the text"
        )
    weight = next(module.parameters(), None)
    return ids if weight is None else ids.to(weight.device)


def _encoded(subject: Subject, texts: Prompt | Sequence[Prompt]) -> Tensor:
    if isinstance(texts, str) or (texts and isinstance(texts[0], int)):
        texts = [texts]  # type: ignore[list-item]
    if any(isinstance(text, str) for text in texts) and not isinstance(subject, LanguageModel):
        raise InputError("a text needs a LanguageModel, which has a tokenizer; give token ids")
    rows = [
        subject.encode(text) if isinstance(subject, LanguageModel) else list(text)  # type: ignore[arg-type]
        for text in texts
    ]
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise InputError(
            f"the prompts have {' and '.join(map(str, lengths[:3]))} tokens; rows of one run must "
            "be equally long, or positions would not mean the same: reword them or run them apart"
        )
    return torch.tensor(rows, dtype=torch.long)
