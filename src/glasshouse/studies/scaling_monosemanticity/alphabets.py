"""Latents that stand for one thing in two alphabets (claim 10)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from glasshouse.interpret.activations import harvest_all
from glasshouse.interpret.dictionaries import Dictionary
from glasshouse.interpret.dictionaries.metrics import measure_rebuilding
from glasshouse.models import LanguageModel
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.scaling_monosemanticity.claims import BILINGUAL
from glasshouse.studies.scaling_monosemanticity.config import ScalingConfig
from glasshouse.studies.scaling_monosemanticity.evidence import control_of, over_units, untested
from glasshouse.studies.scaling_monosemanticity.grow import NAME, Grown, Tick, grow
from glasshouse.studies.scaling_monosemanticity.learning import Recipe, train_side_by_side
from glasshouse.studies.scaling_monosemanticity.neighbourhood import topical
from glasshouse.world.bilingual import Bridge, Spelling
from glasshouse.world.streams import stream

BRIDGES: tuple[Bridge, ...] = ("true", "shuffled")
"""What ties the alphabets together in the texts of each model; the second is the control."""

ALPHABETS: tuple[Spelling, ...] = ("first", "second")
"""Each is read by itself: no text that is measured on has both."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Alphabets:
    """What latents of one model stand for in either alphabet."""

    bridge: Bridge
    """What its mixed texts said in the second alphabet."""
    grown: Grown
    """The model."""
    topics: Int[np.ndarray, "alphabet latent"]
    """The topic of each latent in each alphabet; -1: none."""
    permuted: float
    """Share of latents of either alphabet with the same topic in both, if topics of the second are
    permuted: the mean over permutations."""
    l0: float
    """Active latents of a row."""
    explained: float
    """Share of variance rebuilt."""

    @property
    def both(self) -> Float[np.ndarray, " latent"]:
        """For each latent that stands for a topic in either alphabet, 1: the same in both."""
        first, second = self.topics
        either = (first >= 0) | (second >= 0)
        return ((first == second) & (first >= 0))[either].astype(float)


def measure(config: ScalingConfig, *, seed: int, tick: Tick) -> list[Alphabets]:
    """Grow a model for each bridge, and read a dictionary of it in either alphabet."""
    return [_measure(config, bridge, seed, tick) for bridge in BRIDGES]


def _measure(config: ScalingConfig, bridge: Bridge, seed: int, tick: Tick) -> Alphabets:
    own, world = config.bilingual, config.alphabets
    name = f"alphabets, bridge {bridge}"
    grown = grow(
        own.grow,
        lambda count, rng: world.corpus(count, rng, bridge),
        world.vocabulary,
        world.meanings.length + 1,
        name=name,
        seed=seed,
        device=config.device,
        tick=tick,
    )
    learn = world.corpus(own.texts, stream(seed, NAME, name, "learn"), bridge)
    rows = harvest_all(grown.model, learn.tolist(), own.grow.value, skip=1)[own.grow.value]
    dictionary = train_side_by_side(
        rows,
        [Recipe(latents=own.latents, steps=own.steps, lr=3e-3)],
        penalty=config.learn.penalty,
        batch=config.learn.batch,
        name=name,
        seed=seed,
        tick=tick,
        value=own.grow.value,
    )[0]
    topics = np.stack([_topics(config, grown.model, dictionary, one, seed) for one in ALPHABETS])
    seen = measure_rebuilding(dictionary, rows[:20_000])
    rng = stream(seed, NAME, name, "permuted lexicon")
    return Alphabets(
        bridge=bridge,
        grown=grown,
        topics=topics,
        permuted=permuted_share(topics, world.meanings.topics, rng),
        l0=seen.l0,
        explained=seen.explained_variance,
    )


def _topics(
    config: ScalingConfig,
    model: LanguageModel,
    dictionary: Dictionary,
    spelling: Spelling,
    seed: int,
) -> Int[np.ndarray, " latent"]:
    """The topic of each latent, read in texts of one alphabet."""
    own, world = config.bilingual, config.alphabets
    texts = world.sample(
        own.held_texts, stream(seed, NAME, "alphabets", "held", spelling), spelling
    )
    rows = harvest_all(model, texts.ids.tolist(), own.grow.value, skip=1)[own.grow.value]
    codes = dictionary.encode(rows).cpu().numpy()
    return topical(codes, texts.topic[:, 1:].ravel(), world.meanings.topics)


def permuted_share(
    topics: Int[np.ndarray, "2 latent"], count: int, rng: np.random.Generator, draws: int = 200
) -> float:
    """Share of latents with the same topic in both alphabets under permuted lexicons, on average.

    Words of the second alphabet get the meanings of another topic, all of one topic the same.
    """
    first, second = topics
    either = (first >= 0) | (second >= 0)
    both = (first >= 0) & (second >= 0)
    if not either.any():
        return 0.0
    same = [
        (first[both] == rng.permutation(count)[second[both]]).sum() / either.sum()
        for _ in range(draws)
    ]
    return float(np.mean(same))


def claims(seen: list[Alphabets], seed: int) -> list[ClaimResult]:
    """Judge the share of latents that speak both alphabets."""
    bridged, shuffled = seen
    if len(bridged.both) < 10:
        return [untested(BILINGUAL, f"only {len(bridged.both)} latents stand for a topic")]
    return [
        over_units(
            BILINGUAL,
            bridged.both.tolist(),
            seed=seed,
            text=f"{bridged.both.mean():.2f} of {len(bridged.both)} latents that stand for a topic "
            f"in either alphabet (analogue); a permuted lexicon gives {bridged.permuted:.2f}",
            control=control_of(
                BILINGUAL,
                shuffled.both.tolist(),
                seed=seed,
                text="a model whose mixed texts say unrelated things",
            ),
        )
    ]
