"""Models that read documents of examples."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from glasshouse.models import LanguageModel, Transformer
from glasshouse.models.transformer import initialise
from glasshouse.studies.few_shot.config import FewShotStudyConfig
from glasshouse.studies.few_shot.kinds import NAME
from glasshouse.studies.few_shot.texts import LETTERWISE, Documents, Script
from glasshouse.world.streams import stream

_BETAS = (0.9, 0.98)
_CLIP = 1.0


def fresh(config: FewShotStudyConfig, width: int, *, seed: int) -> Transformer:
    """A network of a width that has read nothing."""
    start = int(stream(seed, NAME, "start", width).integers(2**31))
    network = Transformer(config.architecture(width))
    initialise(network, torch.Generator().manual_seed(start))
    return network


def train(
    network: Transformer,
    documents: Documents,
    *,
    rows: int,
    lr: float,
    warmup_steps: int,
    tick: Callable[[], None],
) -> None:
    """Read documents once, in order, in place; the rate falls to nothing along a cosine.

    Args:
        network: Who reads.
        documents: As many as steps times `rows`.
        rows: Documents a step.
        lr: Peak learning rate.
        warmup_steps: Steps of rise.
        tick: Is called after each step.
    """
    steps = len(documents.ids) // rows
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=lr, betas=_BETAS, weight_decay=0.0, fused=True
    )
    network.train()
    for step in range(steps):
        fall = 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, (step + 1) / max(1, warmup_steps)) * fall
        some = slice(step * rows, (step + 1) * rows)
        ids, counts = documents.ids[some], documents.counts[some, 1:]
        loss = F.cross_entropy(network(ids[:, :-1])[counts], ids[:, 1:][counts])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimizer.step()
        tick()
    network.eval()


def as_model(network: Transformer, *, script: Script = LETTERWISE) -> LanguageModel:
    """A network with what reads its documents."""
    return LanguageModel(network.eval(), script.tokenizer(), "made here")
