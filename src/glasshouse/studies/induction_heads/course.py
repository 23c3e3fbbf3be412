"""Grow one small model and look at it as it grows: losses by place, and what its heads do."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.interpret.heads import attention_patterns, prefix_matching, previous_token
from glasshouse.models import Transformer
from glasshouse.models.config import TransformerConfig
from glasshouse.studies.induction_heads.config import InductionConfig, Kind
from glasshouse.studies.induction_heads.texts import (
    generator,
    held_out_texts,
    stream,
    training_texts,
)
from glasshouse.training import OptimizerConfig, ScheduleConfig, TrainConfig, train
from glasshouse.training.steps import token_losses
from glasshouse.world.blocks import BlockWorld

HEAD_TEXTS = 10
"""Texts on which heads are measured, as in the paper."""

LOGITS = 1 << 26
"""Most logits of one forward pass of a measurement."""


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
    patterns: np.ndarray
    """Attention on the first held-out text, `look layer head query key`; empty if not watched."""
    text: np.ndarray
    """That text, start token first."""

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

    Capturing a graph takes a second or two, so all models of one architecture share one; the lock
    is for those who train side by side.
    """

    def __init__(self, architecture: TransformerConfig, *, device: str) -> None:
        self.network = Transformer(architecture).to(device).eval().requires_grad_(False)
        example = torch.zeros(2, 4, dtype=torch.long, device=device)
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
    watched: bool = False,
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
        watched: Whether attention on one text is kept from every look.
        tick: Called after every step.
    """
    kind: Kind = getattr(config.kinds, name)
    world = config.world(kind)
    network = _newborn(name, number, config, seed=seed).to(config.device)
    shared = int(stream(seed, "texts", str(number)).integers(1 << 62))
    texts = held_out_texts(world, config.looks.length, config.looks.texts, seed=shared)
    looks = [(0, *_look(network, probe, world, texts.ids, config, watched))]
    data = training_texts(world, config.texts.length, seed=shared)
    for step in train(network, data, _training(kind, config)):
        tick()
        if step.step % config.looks.every == 0 or step.step == kind.steps:
            looks.append((step.step, *_look(network, probe, world, texts.ids, config, watched)))
    steps, losses, single, matching, previous, patterns = (
        np.array(part) for part in zip(*looks, strict=True)
    )
    return Course(
        kind=kind,
        steps=steps,
        losses=losses,
        single=single,
        matching=matching,
        previous=previous,
        patterns=patterns,
        text=texts.ids[0],
        weights={key: value.cpu() for key, value in network.state_dict().items()},
    )


def first_weights(
    name: str, number: int, config: InductionConfig, *, seed: int
) -> dict[str, Tensor]:
    """The weights with which model `number` of a kind began."""
    return _newborn(name, number, config, seed=seed).state_dict()


def _newborn(name: str, number: int, config: InductionConfig, *, seed: int) -> Transformer:
    return Transformer(
        config.architecture(getattr(config.kinds, name)),
        generator=generator(seed, "weights", name, str(number)),
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
    network: Transformer,
    probe: Probe,
    world: BlockWorld,
    ids: np.ndarray,
    config: InductionConfig,
    watched: bool,
) -> tuple[np.ndarray, ...]:
    """Losses by place and on single tokens, prefix matching, previous-token scores, patterns."""
    losses = losses_on(network, ids, vocab_size=world.vocab_size, device=config.device)
    chosen = stream(0, "single tokens").integers(config.looks.length, size=len(losses))
    read = torch.from_numpy(ids[:HEAD_TEXTS, :-1])
    patterns = np.empty(0, dtype=np.float16)
    with probe.lock:
        graph = probe.holding(network.state_dict())
        matching = match_prefixes(graph, world, config)
        previous = previous_token(graph, read).cpu().numpy()
        if watched:
            patterns = attention_patterns(graph, read[:1])[:, 0].half().cpu().numpy()
    single = losses[np.arange(len(losses)), chosen]
    return losses.mean(axis=0), single, matching, previous, patterns


def match_prefixes(graph: Graph, world: BlockWorld, config: InductionConfig) -> np.ndarray:
    """Prefix matching of every head on the same random tokens at every look, `layer head`."""
    scores = prefix_matching(
        graph,
        length=config.looks.matched,
        repeats=4,
        num_sequences=HEAD_TEXTS,
        tokens=torch.arange(world.words),  # one written form of each word
        start=world.start,
        generator=torch.Generator().manual_seed(25),
    )
    return scores.cpu().numpy()


@torch.no_grad()
def losses_on(
    reader: Callable[[Tensor], Tensor], ids: np.ndarray, *, vocab_size: int, device: str
) -> np.ndarray:
    """Loss of every token after the first, `text place`, in nats.

    Args:
        reader: Token ids to logits.
        ids: Texts, start token first.
        vocab_size: How many logits a token has.
        device: Where the reader reads.
    """
    found = []
    rows = max(1, min(256, LOGITS // (vocab_size * ids.shape[1])))
    for first in range(0, len(ids), rows):
        some = torch.from_numpy(ids[first : first + rows]).to(device)
        found.append(token_losses(reader(some[:, :-1]).float(), some[:, 1:]).cpu().numpy())
    return np.concatenate(found)
