"""Claim 3: are directions found that were planted, more of them than there are dimensions?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.interpret.dictionaries import (
    Coder,
    Dictionary,
    DictionaryConfig,
    DictionaryTrainingConfig,
    ReLU,
    fit_baseline,
    train_dictionary,
)
from glasshouse.interpret.dictionaries.metrics import Recovery, recovery
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.sparse_autoencoders.claims import RECOVERY, RECOVERY_GAIN
from glasshouse.studies.sparse_autoencoders.config import ToyConfig
from glasshouse.studies.sparse_autoencoders.evidence import over_units
from glasshouse.studies.sparse_autoencoders.learning import Quality, quality
from glasshouse.world.streams import stream

TIED, NORM, MIXED = "tied", "decoder norms", "tied, rows mixed"
"""The paper's dictionary; an untied one; the paper's on rows whose coordinates are mixed up."""
BASELINES = ("pca", "ica", "nmf", "random", "axes")
_HELD_OUT, _FIT = 8_192, 10_000


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Planted:
    """Rows that are known sums of directions."""

    directions: Float[Tensor, "feature d"]
    """Unit vectors."""
    density: Float[Tensor, " feature"]
    """Share of rows in which each is active."""

    def sample(
        self, count: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "row d"], Float[Tensor, "row feature"]]:
        """Rows, and how active each feature is: between 0 and 1 where it is at all."""
        shape = (count, len(self.density))
        is_active = torch.rand(shape, generator=generator) < self.density
        magnitudes = is_active * torch.rand(shape, generator=generator)
        return magnitudes @ self.directions, magnitudes


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Toy:
    """One set of directions and what was found of them, by name of the coder."""

    recoveries: dict[str, Recovery]
    """How near the directions come."""
    qualities: dict[str, Quality]
    """L0, unexplained variance and dead latents."""
    true_l0: float
    """Active features of a row."""

    @property
    def best(self) -> str:
        """The baseline that comes nearest."""
        return max(BASELINES, key=lambda name: self.recoveries[name].mean_max_cosine)

    def gain(self, name: str) -> float:
        """How much nearer a coder comes than the best baseline."""
        return self.recoveries[name].mean_max_cosine - self.recoveries[self.best].mean_max_cosine


def planted(config: ToyConfig, rng: np.random.Generator) -> Planted:
    """Draw directions, and frequencies by Zipf's law in an order that is drawn too."""
    directions = rng.normal(size=(config.features, config.d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    density = np.arange(1, config.features + 1) ** -config.zipf
    density *= config.mean_density / density.mean()
    return Planted(
        directions=torch.from_numpy(directions).float(),
        density=torch.from_numpy(rng.permutation(density)).float().clamp(max=1.0),
    )


def measure(config: ToyConfig, *, seed: int, number: int, device: str) -> Toy:
    """Plant directions, learn dictionaries of their sums, and compare."""
    # Each draw has a name of its own: random directions from the stream of the truth would be it.
    names = ("sparse-autoencoders", "toy", number)
    truth = planted(config, stream(seed, *names, "truth"))
    held, magnitudes = truth.sample(_HELD_OUT, _generator(seed, *names, "held out"))
    fit, _ = truth.sample(_FIT, _generator(seed, *names, "fit"))
    coders: dict[str, Coder] = {}
    for name, kind, steps in (
        (TIED, ReLU(penalty=config.penalty, decoder="tied"), config.steps),
        (MIXED, ReLU(penalty=config.penalty, decoder="tied"), config.steps),
        (NORM, ReLU(penalty=config.norm_penalty), config.norm_steps),
    ):
        rows = _rows(config, truth, _generator(seed, *names, name, "rows"), name == MIXED)
        start = _generator(seed, *names, name, "start")
        shape = DictionaryConfig(d_in=config.d, num_latents=config.latents, kind=kind)
        dictionary = Dictionary(shape, generator=start).to(device)
        dictionary.fit_scale(fit.to(device))
        training = DictionaryTrainingConfig(steps=steps, lr=config.lr)
        for _ in train_dictionary(dictionary, rows, training):
            pass
        coders[name] = dictionary.eval().requires_grad_(False).cpu()
    chance = int(stream(seed, *names, "baselines").integers(1 << 31))
    for name in BASELINES:
        coders[name] = fit_baseline(name, fit, config.latents, seed=chance)
    return Toy(
        recoveries={
            name: recovery(coder, held, directions=truth.directions, magnitudes=magnitudes)
            for name, coder in coders.items()
        },
        qualities={name: quality(coder, held) for name, coder in coders.items()},
        true_l0=float((magnitudes > 0).float().sum(dim=1).mean()),
    )


def _rows(
    config: ToyConfig, truth: Planted, generator: torch.Generator, is_mixed: bool
) -> Iterator[Float[Tensor, "row d"]]:
    """Fresh rows for ever; mixed ones keep what each coordinate is, and lose what goes together."""
    while True:
        rows, _ = truth.sample(config.rows, generator)
        if is_mixed:
            order = torch.rand(rows.shape, generator=generator).argsort(dim=0)
            rows = rows.gather(0, order)
        yield rows


def _generator(seed: int, *names: str | int) -> torch.Generator:
    return torch.Generator().manual_seed(int(stream(seed, *names).integers(1 << 62)))


def claims(found: Sequence[Toy], *, seed: int) -> list[ClaimResult]:
    """Judge claim 3."""
    tied = [one.recoveries[TIED] for one in found]
    control = "the same dictionary on rows whose coordinates are mixed up"
    best = np.mean([one.recoveries[one.best].mean_max_cosine for one in found])
    found_share = np.mean([one.found_share for one in tied])
    said = "; ".join(one.qualities[TIED].said for one in found)
    return [
        over_units(
            RECOVERY,
            [one.mean_max_cosine for one in tied],
            seed=seed,
            text=f"mean largest cosine; {found_share:.0%} of directions met at over 0.9 ({said}; "
            f"true L0 {np.mean([one.true_l0 for one in found]):.1f})",
            control=[one.recoveries[MIXED].mean_max_cosine for one in found],
            control_text=control,
        ),
        over_units(
            RECOVERY_GAIN,
            [one.gain(TIED) for one in found],
            seed=seed,
            text=f"above {best:.2f} of the best baseline "
            f"({', '.join(sorted({one.best for one in found}))})",
            control=[one.gain(MIXED) for one in found],
            control_text=control,
        ),
    ]
