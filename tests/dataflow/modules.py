"""Small modules whose values are easy to see by hooks."""

import torch
from torch import Tensor, nn

from glasshouse.dataflow import named


class Attention(nn.Module):
    """Two heads of width 4."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (2, 4)) for part in self.qkv(x).chunk(3, dim=-1))
        q = named("q", q, "batch pos head d_head").transpose(1, 2)
        k, v = k.transpose(1, 2), v.transpose(1, 2)
        z = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)
        z = named("z", z, "batch pos head d_head")
        return self.out(z.flatten(2))


class Block(nn.Module):
    """Attention, a rectified map, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.attn = Attention()
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = named("resid_pre", x, "batch pos d_model")
        x = x + self.attn(self.norm(x))
        x = x + self.drop(self.mlp(x))
        return named("resid_post", x, "batch pos d_model")


class Model(nn.Module):
    """Ids to logits over 11 tokens."""

    def __init__(self, num_blocks: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(11, 8)
        self.blocks = nn.ModuleList(Block() for _ in range(num_blocks))
        self.unembed = nn.Linear(8, 11, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return named("logits", self.unembed(x), "batch pos vocab")


def make_ids(batch: int = 3, length: int = 7, seed: int = 0) -> Tensor:
    """Random token ids."""
    return torch.randint(11, (batch, length), generator=torch.Generator().manual_seed(seed))


def seen_by_hooks(module: nn.Module, *inputs: Tensor) -> dict[str, Tensor]:
    """What every module returns, by path, as plain forward hooks see it."""
    seen: dict[str, Tensor] = {}
    handles = [
        part.register_forward_hook(lambda part, args, out, path=path: seen.update({path: out}))
        for path, part in module.named_modules()
    ]
    with torch.no_grad():
        module(*inputs)
    for handle in handles:
        handle.remove()
    return {path: out for path, out in seen.items() if isinstance(out, Tensor)}
