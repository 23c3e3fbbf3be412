"""Grow one small model and look at it as it grows: losses by place, and what its heads do."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.interpret.heads import prefix_matching, previous_token
from glasshouse.models import Transformer
from glasshouse.studies.induction_heads.config import InductionConfig, Kind
from glasshouse.studies.induction_heads.texts import (
    generator,
    held_out_texts,
    stream,
    training_texts,
)
from glasshouse.training import OptimizerConfig, ScheduleConfig, TrainConfig, train
from glasshouse.training.steps import token_losses
from glasshouse.world.blocks import BlockTexts, BlockWorld

HEAD_TEXTS = 10
"""Texts on which heads are measured, as in the paper."""

ROWS = 256
"""Texts in one forward pass of a measurement."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Course:
    """What was seen of one model while it trained."""

    kind: Kind
    """What kind of model it is."""
    steps: np.ndarray
    """Steps taken at each look."""
    losses: np.ndarray
    """Mean loss in nats of each place of a text, `look place`."""
    single: np.ndarray
    """Loss on one token of each held-out text, `look text`; the same tokens at every look."""
    matching: np.ndarray
    """Prefix matching, `look layer head`."""
    previous: np.ndarray
    """Attention to the previous token, `look layer head`."""
    weights: dict[str, Tensor]
    """The trained model's weights."""

    @property
    def best_matching(self) -> np.ndarray:
        """Prefix matching of the best head, by look."""
        return self.matching.max(axis=(1, 2))

    @property
    def loss(self) -> np.ndarray:
        """Mean loss in nats, by look."""
        return self.losses.mean(axis=1)


class Probe:
    """One architecture as a graph, into which models of that kind are put to be looked at.

    Capturing a graph takes a second or two, so all models of a kind share one; the lock is for
    those who train side by side.
    """

    def __init__(self, kind: Kind, config: InductionConfig) -> None:
        self.world = config.world(kind)
        self.network = Transformer(kind.architecture(self.world, config.context))
        self.network.to(config.device).eval().requires_grad_(False)
        example = torch.zeros(2, 4, dtype=torch.long, device=config.device)
        self.graph = Graph.capture(self.network, example)
        self.lock = Lock()

    def holding(self, weights: dict[str, Tensor]) -> Graph:
        """The graph with a model's weights in it; hold `lock` while others may ask as well."""
        self.network.load_state_dict(weights)
        return self.graph


def grow(
    name: str,
    number: int,
    probe: Probe,
    config: InductionConfig,
    *,
    seed: int,
    tick: Callable[[], None] = lambda: None,
) -> Course:
    """Train model `number` of the kind called `name`, looking at it every few steps.

    Models of one number see the same texts, whatever their kind (where the words are the same).

    Args:
        name: The kind's name in the config.
        number: Which model of that kind.
        probe: That kind's graph.
        config: The study's.
        seed: The study's.
        tick: Called after every step.
    """
    kind: Kind = getattr(config, name)
    network = Transformer(
        kind.architecture(probe.world, config.context),
        generator=generator(seed, "weights", name, str(number)),
    ).to(config.device)
    shared = int(stream(seed, "texts", str(number)).integers(1 << 62))
    texts = held_out_texts(probe.world, config.context, config.texts, seed=shared)
    looks = [(0, *_look(network, probe, texts, config))]
    data = training_texts(probe.world, config.context, seed=shared)
    for step in train(network, data, _training(kind, config)):
        tick()
        if step.step % config.look_every == 0 or step.step == kind.steps:
            looks.append((step.step, *_look(network, probe, texts, config)))
    steps, losses, single, matching, previous = (
        np.array(part) for part in zip(*looks, strict=True)
    )
    return Course(
        kind=kind,
        steps=steps,
        losses=losses,
        single=single,
        matching=matching,
        previous=previous,
        weights={key: value.cpu() for key, value in network.state_dict().items()},
    )


def _training(kind: Kind, config: InductionConfig) -> TrainConfig:
    on_cpu = config.device == "cpu"
    return TrainConfig(
        steps=kind.steps,
        batch_size=kind.batch,
        accumulate=kind.accumulate,
        precision="fp32" if on_cpu else "auto",
        compile="no" if on_cpu else "auto",
        threads=1 if on_cpu else None,
        evaluate_every=0,
        schedule=ScheduleConfig(peak_lr=kind.peak_lr, warmup_steps=50, shape="constant"),
        optimizer=OptimizerConfig(),
    )


def _look(
    network: Transformer, probe: Probe, texts: BlockTexts, config: InductionConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Losses by place, losses on single tokens, prefix matching, previous-token scores."""
    losses = losses_on(network, texts.ids)
    chosen = stream(0, "single tokens").integers(config.context, size=len(losses))
    with probe.lock:
        graph = probe.holding(network.state_dict())
        matching = match_prefixes(graph, probe.world, config)
        previous = previous_token(graph, torch.from_numpy(texts.ids[:HEAD_TEXTS, :-1]))
    return (
        losses.mean(axis=0),
        losses[np.arange(len(losses)), chosen],
        matching,
        previous.cpu().numpy(),
    )


def match_prefixes(graph: Graph, world: BlockWorld, config: InductionConfig) -> np.ndarray:
    """Prefix matching of every head on the same random tokens at every look, `layer head`."""
    scores = prefix_matching(
        graph,
        length=config.matched,
        repeats=4,
        num_sequences=HEAD_TEXTS,
        tokens=torch.arange(world.start),
        start=world.start,
        generator=torch.Generator().manual_seed(25),
    )
    return scores.cpu().numpy()


@torch.no_grad()
def losses_on(
    reader: Callable[[Tensor], Tensor], ids: np.ndarray, *, device: str | torch.device = "cpu"
) -> np.ndarray:
    """Loss of every token after the first, `text place`, in nats.

    Args:
        reader: Token ids to logits.
        ids: Texts, start token first.
        device: Where the reader reads.
    """
    if isinstance(reader, Transformer):
        device = reader.embed.weight.device
    rows = []
    for first in range(0, len(ids), ROWS):
        some = torch.from_numpy(ids[first : first + ROWS]).to(device)
        rows.append(token_losses(reader(some[:, :-1]).float(), some[:, 1:]).cpu().numpy())
    return np.concatenate(rows)
