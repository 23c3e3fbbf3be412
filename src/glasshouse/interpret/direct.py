"""Direct logit attribution: a logit as the sum of what each part of the model adds to it.

The residual stream is a sum, and behind it stands one norm. With the norm's scale held at what it
was on that text, everything from there to the logit is linear, so that the parts add up exactly.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glasshouse.errors import InputError
from glasshouse.interpret.metrics import TokenIds, chosen
from glasshouse.interpret.subject import Subject, Texts, graph_of, network_of, token_ids
from glasshouse.interpret.weights import blocks_of, centres, gains, unembedding_rows
from glasshouse.models import Transformer


@dataclass(frozen=True, slots=True, eq=False)
class LogitParts:
    """What each part of a model adds to a logit, or to a difference of two."""

    names: tuple[str, ...]
    """Addresses of the parts: `embed`, `blocks.3.attn.z[head=5]`, `blocks.3.mlp.out`; and of
    biases, `blocks.3.attn.out.bias`, `final_norm.bias`."""
    parts: Float[Tensor, "batch part"]
    """What each adds."""

    @property
    def total(self) -> Float[Tensor, " batch"]:
        """The logit (before it is capped, where a model caps its logits)."""
        return self.parts.sum(dim=-1)

    def of(self, name: str) -> Float[Tensor, " batch"]:
        """What one part adds."""
        return self.parts[:, self.names.index(name)]

    @property
    def heads(self) -> Float[Tensor, "layer head"]:
        """What each head adds, averaged over texts."""
        mean = self.parts.mean(dim=0)
        found: dict[str, list[Tensor]] = {}
        for name, part in zip(self.names, mean, strict=True):
            if "[head=" in name:
                found.setdefault(name.partition("[")[0], []).append(part)
        return torch.stack([torch.stack(layer) for layer in found.values()])


@torch.no_grad()
def direct_logit_attribution(
    subject: Subject,
    texts: Texts,
    token: TokenIds,
    wrong: TokenIds | None = None,
    *,
    pos: int = -1,
) -> LogitParts:
    """Split a logit, or a difference of two, into what each part of the model adds to it.

    A head's part holds the bias of its values, as attention passes it on whole.

    Args:
        subject: Who is looked into.
        texts: What it reads.
        token: Whose logit, one id for all texts or one for each.
        wrong: Whose logit is subtracted; None: nobody's.
        pos: The place that the logit is predicted from.

    Source:
        Elhage et al. 2021, "A mathematical framework for transformer circuits"; nostalgebraist
        2020 for the norm's frozen scale.
    """
    network = network_of(subject, why="direct logit attribution")
    graph, ids = graph_of(subject), token_ids(subject, texts)
    names = _summands(network)
    found = graph.run(ids, fetch=[f"{name}[pos={pos}]" for name in (*names, _end(network))])
    values = {address.partition("[")[0]: value for address, value in found.items()}
    readers = _rows(unembedding_rows(network), token, wrong, len(ids))
    readers = readers * scale(network.final_norm, values[_end(network)])
    parts: dict[str, Tensor] = {}
    for name in names:
        if name.endswith(".attn.z"):
            parts |= _of_attention(network, int(name.split(".")[1]), values[name], readers)
        else:
            parts[name] = (values[name] * readers).sum(dim=-1)
    bias = getattr(network.final_norm, "bias", None)
    if bias is not None:
        parts["final_norm.bias"] = _rows(network.unembed.weight, token, wrong, len(ids)) @ bias
    return LogitParts(tuple(parts), torch.stack(list(parts.values()), dim=1))


def _summands(network: Transformer) -> list[str]:
    """Values whose sum is the final residual stream (z stands for what attention makes of it)."""
    names = ["embed"]
    positions = network.config.positions
    if positions.kind == "learned" and positions.inject == "residual":
        names.append("pos_embed")
    for layer, block in enumerate(blocks_of(network)):
        names.append(f"blocks.{layer}.attn.z")
        names += [] if block.mlp is None else [f"blocks.{layer}.mlp.out"]
    return names


def _end(network: Transformer) -> str:
    """What the final norm reads."""
    if not len(network.blocks):
        raise InputError("a model without layers (num_layers=0) has no parts to attribute to")
    return f"blocks.{len(network.blocks) - 1}.resid_post"


def _of_attention(
    network: Transformer,
    layer: int,
    z: Float[Tensor, "batch head d_head"],
    readers: Float[Tensor, "batch d_model"],
) -> dict[str, Float[Tensor, " batch"]]:
    """What each head of a layer adds, and what the biases behind them do."""
    attention = blocks_of(network)[layer].attn
    biases = torch.zeros_like(readers[:, 0])
    post = attention.post_norm
    post_bias = getattr(post, "bias", None)
    if post_bias is not None:
        biases = biases + readers @ post_bias
    if post is not None:  # read through it as well: the reader of what it reads
        readers = readers * gains(post) * scale(post, attention.out(z.flatten(1)))
        readers = readers - readers.mean(dim=-1, keepdim=True) if centres(post) else readers
    if attention.out.bias is not None:
        biases = biases + readers @ attention.out.bias
    maps = attention.out.weight.unflatten(1, z.shape[1:])  # d_model head d_head
    by_head = torch.einsum("bhe,dhe,bd->hb", z, maps, readers)
    parts = {f"blocks.{layer}.attn.z[head={head}]": part for head, part in enumerate(by_head)}
    has_bias = attention.out.bias is not None or post_bias is not None
    return parts | ({f"blocks.{layer}.attn.out.bias": biases} if has_bias else {})


def scale(norm: nn.Module, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... 1"]:
    """What a norm multiplies a vector by, its gains apart."""
    x = x.float()
    x = x - x.mean(dim=-1, keepdim=True) if centres(norm) else x
    return (x.square().mean(dim=-1, keepdim=True) + float(norm.eps)).rsqrt()  # type: ignore[arg-type]


def _rows(
    weight: Float[Tensor, "vocab d_model"], token: TokenIds, wrong: TokenIds | None, batch: int
) -> Float[Tensor, "batch d_model"]:
    """Rows of a map to logits: one token's for each text, or the difference of two."""
    rows = chosen(weight.T[:, None].expand(-1, batch, -1), token).T
    return (
        rows if wrong is None else rows - chosen(weight.T[:, None].expand(-1, batch, -1), wrong).T
    )
