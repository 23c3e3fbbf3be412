"""A model grown in seconds to finish "When A and B went to the P , B gave the O to" with A."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from glasshouse.models import LanguageModel, Transformer, gpt, word_tokenizer

NAMES = "Mary John Anna Paul Lucy Mark Rose Hugo".split()
PLACES, THINGS = "shop park school garden".split(), "book drink ring letter".split()
WORDS = [*NAMES, *PLACES, *THINGS, *"When and went to the , gave".split()]


def sentences(count: int, generator: torch.Generator) -> Tensor:
    """Token ids, the answer last; the giver is either of the two."""

    def draw(size: int) -> Tensor:
        return torch.randint(size, (count,), generator=generator)

    first, other = draw(8), draw(7)
    second = (first + 1 + other) % 8
    giver_is_second = draw(2).bool()
    giver = torch.where(giver_is_second, second, first)
    answer = torch.where(giver_is_second, first, second)
    word = {w: torch.full((count,), i) for i, w in enumerate(WORDS)}
    place, thing = 8 + draw(4), 12 + draw(4)
    row = [word["When"], first, word["and"], second, word["went"], word["to"], word["the"], place]
    row += [word[","], giver, word["gave"], word["the"], thing, word["to"], answer]
    return torch.stack(row, dim=1)


def grow(directory: Path, *, steps: int = 300) -> LanguageModel:
    """Train on the last word of such sentences, and save."""
    generator = torch.Generator().manual_seed(0)
    config = gpt(len(WORDS), context=16, num_layers=2, d_model=32, num_heads=4)
    network = Transformer(config, generator=generator)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01)
    for _ in range(steps):
        ids = sentences(64, generator)
        loss = F.cross_entropy(network(ids[:, :-1])[:, -1], ids[:, -1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model = LanguageModel(network.eval(), word_tokenizer(WORDS), "grown for the guide")
    model.save(directory)
    return model
