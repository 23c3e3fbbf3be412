"""Small models to look into, each captured once, and one whose attention is planned by hand."""

from dataclasses import replace
from functools import cache

import torch
from tests.models.variants import VARIANTS
from torch import Tensor, nn

from glasshouse.dataflow import Graph, named
from glasshouse.models import Transformer
from glasshouse.models.config import EndsConfig

FAMILIES = ("gpt", "gemma", "neox")
"""Between them: LayerNorm and RMSNorm, learned and rotary positions, shared keys, a wide head,
gates, parallel blocks, tied and own unembeddings."""


@cache
def network(variant: str) -> Transformer:
    return Transformer(VARIANTS[variant], generator=torch.Generator().manual_seed(1)).eval()


@cache
def graph(variant: str) -> Graph:
    return Graph.capture(network(variant), torch.zeros(2, 4, dtype=torch.long))


def token_ids(batch: int, length: int, *, seed: int = 0) -> Tensor:
    return torch.randint(23, (batch, length), generator=torch.Generator().manual_seed(seed))


class Planned(nn.Module):
    """Head 0 looks at what followed earlier copies, head 1 one back, head 2 at earlier copies."""

    def forward(self, ids: Tensor) -> Tensor:
        same = (ids[:, :, None] == ids[:, None, :]).tril(-1).float()
        after = torch.nn.functional.pad(same, (1, 0))[:, :, :-1]
        length = ids.shape[1]
        back = torch.ones(length, length).tril(-1) - torch.ones(length, length).tril(-2)
        heads = [after.tril(-1), back.expand_as(same), same]
        pattern = torch.stack([head / head.sum(-1, keepdim=True).clamp(min=1) for head in heads], 1)
        pattern = named("blocks.0.attn.pattern", pattern, "batch head query key")
        z = pattern.transpose(1, 2) @ torch.ones(length, 2)
        z = named("blocks.0.attn.z", z, "batch pos head d_head")
        return named("logits", z.flatten(2), "batch pos vocab")


@cache
def planned() -> Graph:
    return Graph.capture(Planned(), torch.zeros(2, 5, dtype=torch.long))


GEMMA_2 = replace(
    VARIANTS["gemma"], norm="rms_plus_one", post_norms=True, ends=EndsConfig(embed_scale=4.0)
)
CONFIGS = VARIANTS | {"post-normed": GEMMA_2}


@cache
def randomised(variant: str) -> Graph:
    """A model whose biases and gains are not 0 and 1, so that leaving one out is seen."""
    model = Transformer(CONFIGS[variant], generator=torch.Generator().manual_seed(1)).eval()
    return Graph.capture(with_noise(model), torch.zeros(2, 4, dtype=torch.long))


@torch.no_grad()
def with_noise(model: Transformer, *, biases: bool = True) -> Transformer:
    """The same model with gains, and perhaps biases, drawn at random."""
    generator = torch.Generator().manual_seed(2)
    for name, parameter in model.named_parameters():
        is_bias = name.endswith("bias")
        if parameter.ndim == 1 and (biases or not is_bias):
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_((0 if is_bias else 1) + 0.3 * noise)
    return model
