"""Dictionaries of many sizes and lengths of training: what more compute buys (claims 1 and 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.interpret.dictionaries import Dictionary
from glasshouse.interpret.dictionaries.metrics import Rebuilding, measure_rebuilding
from glasshouse.studies.claims import ClaimResult, Evidence, judge_control
from glasshouse.studies.intervals import bootstrap_interval
from glasshouse.studies.scaling_monosemanticity.claims import OPTIMA, POWER_LAW
from glasshouse.studies.scaling_monosemanticity.evidence import percentiles
from glasshouse.studies.scaling_monosemanticity.grow import NAME, Tick
from glasshouse.studies.scaling_monosemanticity.learning import (
    Recipe,
    flops,
    loss_by_text,
    train_side_by_side,
)
from glasshouse.studies.scaling_monosemanticity.reading import Subject
from glasshouse.world.streams import stream

_RESAMPLES = 1_000

_GAIN = 0.05
"""Share of the range of losses by which a run must be better to count."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Run:
    """One dictionary of the grid."""

    latents: int
    """Its size."""
    steps: int
    """How long it learned."""
    compute: float
    """Floating-point operations of its training."""
    losses: Float[np.ndarray, " text"]
    """Loss of each held-out text."""

    @property
    def loss(self) -> float:
        """Mean over texts."""
        return float(self.losses.mean())


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fit:
    """What the frontier of a grid says; exponents are slopes in log against log."""

    front: Int[np.ndarray, " place"]
    """Runs that no cheaper run beats, cheapest first."""
    exponent: float
    """Of the loss."""
    r2: float
    """Share of the variance of log loss that the line explains."""
    size: float
    """Exponent of the number of latents."""
    steps: float
    """Exponent of the number of steps."""
    samples: Float[np.ndarray, "sample 4"]
    """The same four numbers, resampled over texts and over points of the frontier."""

    def interval(self, which: int) -> tuple[float, float]:
        """95% of the samples of exponent, R², size or steps, in this order."""
        return percentiles(self.samples[:, which])


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLaw:
    """The learning rate as a power of compute, through the best rates of two corners."""

    tried: tuple[tuple[int, int], ...]
    """Latents and steps of each corner."""
    losses: tuple[dict[float, float], ...]
    """Loss by rate, at each."""
    compute: tuple[float, float]
    """Of each."""
    unit: float
    """Compute of one latent in one step."""

    @property
    def best(self) -> tuple[float, float]:
        """The best rate at each corner."""
        return best_rate(self.losses[0]), best_rate(self.losses[1])

    @property
    def exponent(self) -> float:
        """Of the rate, as a power of compute."""
        first, last = self.best
        return float(np.log(last / first) / np.log(self.compute[1] / self.compute[0]))

    def recipe(self, latents: int, steps: int) -> Recipe:
        """A training with the rate that the law gives it."""
        share = self.unit * latents * steps / self.compute[0]
        return Recipe(latents=latents, steps=steps, lr=float(self.best[0] * share**self.exponent))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Grid:
    """All runs, and the control's."""

    rates: RateLaw
    """What learning rate a training of some compute gets."""
    runs: list[Run]
    """Every size at every number of steps."""
    fit: Fit
    """Of the runs."""
    longest: dict[int, Dictionary]
    """By size, the dictionary that learned longest, in canonical form."""
    rebuilding: dict[int, Rebuilding]
    """Of these, on held-out rows."""
    planted: list[Run]
    """The same grid on values that few directions make."""
    planted_fit: Fit
    """Of these."""
    shuffled_r2: list[float]
    """R² of frontiers when losses are dealt to runs at random."""


def measure(subject: Subject, tick: Tick) -> Grid:
    """Choose learning rates, train the grid, fit its frontier; the same on planted values."""
    config = subject.config
    rates = sweep(subject, tick)
    held = len(subject.texts)

    def grid(
        learn: Tensor, test: Tensor, steps: Sequence[int], name: str
    ) -> tuple[list[Run], list[Dictionary]]:
        recipes = [rates.recipe(size, many) for many, size in product(steps, config.grid.sizes)]
        made = _train(subject, learn, recipes, name, tick)
        return [_run(subject, r, d, test, held) for r, d in zip(recipes, made, strict=True)], made

    runs, made = grid(subject.learn, subject.held, config.grid.steps, "topics")
    longest = dict(zip(config.grid.sizes, made[-len(config.grid.sizes) :], strict=True))
    planted, _ = grid(*planted_values(subject), config.grid.planted_steps, "planted directions")
    rng = stream(subject.seed, NAME, "grid", "dealt")
    dealt = [
        fit_frontier(
            *_axes(runs), rng.permutation(np.stack([run.losses for run in runs])), rng, resamples=0
        ).r2
        for _ in range(200)
    ]
    return Grid(
        rates=rates,
        runs=runs,
        fit=_fit(runs, subject.seed, "topics"),
        longest=longest,
        rebuilding={size: measure_rebuilding(d, subject.held) for size, d in longest.items()},
        planted=planted,
        planted_fit=_fit(planted, subject.seed, "planted"),
        shuffled_r2=[one for one in dealt if np.isfinite(one)],
    )


def planted_values(subject: Subject) -> tuple[Tensor, Tensor]:
    """Rows that lie along one of a few directions each, to learn from and to test on.

    A dictionary of more latents than these has nothing more to find. Sums of directions would not
    do: a penalty on activations makes latents for pairs worth their while.
    """
    rng = stream(subject.seed, NAME, "grid", "planted")
    count, width = subject.config.grid.planted, subject.learn.shape[1]
    directions = rng.standard_normal((count, width)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)

    def rows(like: Tensor) -> Tensor:
        sizes = 0.5 + rng.random((len(like), 1), dtype=np.float32)
        return torch.from_numpy(sizes * directions[rng.integers(count, size=len(like))]).to(like)

    return rows(subject.learn), rows(subject.held)


def frontier(
    compute: Float[np.ndarray, " run"], loss: Float[np.ndarray, " run"]
) -> Int[np.ndarray, " place"]:
    """Runs that are clearly better than every run that cost as much or less, cheapest first.

    Clearly: by a twentieth of the range of all losses. Without that, a run that is better in the
    fourth decimal would count as the best use of its compute.
    """
    least = _GAIN * np.ptp(loss)
    found: list[int] = []
    for place in np.lexsort((loss, compute)).tolist():
        if not found or loss[place] < loss[found[-1]] - least:
            found.append(place)
    return np.array(found)


def power_law(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]
) -> tuple[float, float]:
    """Exponent and R² of y = a x^b, by least squares of logs; NaN where x does not vary."""
    log_x, log_y = np.log(x), np.log(y)
    if np.ptp(log_x) == 0 or len(log_x) < 3:
        return float("nan"), float("nan")
    if np.ptp(log_y) == 0:
        return 0.0, float("nan")
    slope, offset = np.polyfit(log_x, log_y, 1)
    spread = np.square(log_y - log_y.mean()).sum()
    missed = np.square(log_y - slope * log_x - offset).sum()
    return float(slope), float(1 - missed / spread) if spread > 0 else float("nan")


def fit_frontier(
    compute: Float[np.ndarray, " run"],
    latents: Float[np.ndarray, " run"],
    steps: Float[np.ndarray, " run"],
    losses: Float[np.ndarray, "run text"],
    rng: np.random.Generator,
    *,
    resamples: int = _RESAMPLES,
) -> Fit:
    """Fit the three power laws of a frontier, with resamples of texts and of its points."""

    def laws(front: np.ndarray, loss: np.ndarray) -> tuple[float, float, float, float]:
        exponent, r2 = power_law(compute[front], loss[front])
        size, _ = power_law(compute[front], latents[front])
        return exponent, r2, size, power_law(compute[front], steps[front])[0]

    mean = losses.mean(axis=1)
    front = frontier(compute, mean)
    exponent, r2, size, step = laws(front, mean)
    samples, texts = np.full((resamples, 4), np.nan), losses.shape[1]
    for place in range(resamples):
        weights = rng.multinomial(texts, np.full(texts, 1 / texts))
        again = losses @ weights / texts
        samples[place] = laws(_resampled(frontier(compute, again), rng), again)
    return Fit(front=front, exponent=exponent, r2=r2, size=size, steps=step, samples=samples)


def _resampled(
    points: Int[np.ndarray, " place"], rng: np.random.Generator
) -> Int[np.ndarray, " place"]:
    """Points of a frontier drawn with replacement, at least two of them distinct."""
    drawn = rng.choice(points, len(points))
    while len(points) > 1 and len(np.unique(drawn)) < 2:
        drawn = rng.choice(points, len(points))
    return drawn


def claims(grid: Grid, seed: int) -> list[ClaimResult]:
    """Judge the power law of the loss, and those of size and steps."""
    fit, planted = grid.fit, grid.planted_fit
    low, high = fit.interval(0)
    dealt = np.array(grid.shuffled_r2)
    law = Evidence(
        measured=fit.r2,
        interval=fit.interval(1),
        text=f"R² {fit.r2:.3f} over {len(fit.front)} runs; the loss falls with compute to the "
        f"power {fit.exponent:.4f} (95%: {low:.4f} to {high:.4f})",
        control=judge_control(
            POWER_LAW,
            float(dealt.mean()),
            text=f"losses dealt to runs at random: R² {dealt.mean():.2f} on average over "
            f"{len(dealt)} deals, as high as measured in {(dealt >= fit.r2).mean():.0%}",
            interval=bootstrap_interval(dealt, rng=stream(seed, NAME, POWER_LAW.id, "control")),
        ),
    )
    which = 2 if fit.size < fit.steps else 3
    other = min(planted.size, planted.steps)
    optima = Evidence(
        measured=min(fit.size, fit.steps),
        interval=fit.interval(which),
        text=f"latents grow with compute to the power {fit.size:.2f}, steps {fit.steps:.2f}",
        control=judge_control(
            OPTIMA,
            other,
            text=f"values of {len(grid.planted)} runs on planted directions that the smallest "
            f"dictionary can hold: latents {planted.size:.2f}, steps {planted.steps:.2f}",
            interval=planted.interval(2 if planted.size < planted.steps else 3),
        ),
    )
    return [
        ClaimResult(claim=POWER_LAW, evidence=law),
        ClaimResult(claim=OPTIMA, evidence=optima),
    ]


def _axes(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.array([run.compute for run in runs]),
        np.array([run.latents for run in runs], dtype=float),
        np.array([run.steps for run in runs], dtype=float),
    )


def _fit(runs: Sequence[Run], seed: int, name: str) -> Fit:
    losses = np.stack([run.losses for run in runs])
    return fit_frontier(*_axes(runs), losses, stream(seed, NAME, "grid", "resampled", name))


def sweep(subject: Subject, tick: Tick) -> RateLaw:
    """Try rates at two corners of the grid, on texts that serve nothing else."""
    grid = subject.config.grid
    recipes = [
        Recipe(latents=size, steps=steps, lr=lr)
        for (size, steps), lr in product(grid.swept, grid.rates)
    ]
    made = _train(subject, subject.learn, recipes, "topics", tick)
    texts = len(subject.tune) // (len(subject.held) // len(subject.texts))
    runs = [
        _run(subject, recipe, dictionary, subject.tune, texts)
        for recipe, dictionary in zip(recipes, made, strict=True)
    ]
    many = len(grid.rates)
    sides = (runs[:many], runs[many:])
    return RateLaw(
        tried=tuple((runs[0].latents, runs[0].steps) for runs in sides),
        losses=tuple(
            {lr: run.loss for lr, run in zip(grid.rates, side, strict=True)} for side in sides
        ),
        compute=(sides[0][0].compute, sides[1][0].compute),
        unit=sides[0][0].compute / (sides[0][0].latents * sides[0][0].steps),
    )


def best_rate(losses: dict[float, float]) -> float:
    """The rate of least loss: the lowest point of a parabola through the best and its neighbours.

    At an end of what was tried, the best rate itself.
    """
    rates = sorted(losses)
    place = min(range(len(rates)), key=lambda i: losses[rates[i]])
    if place in (0, len(rates) - 1):
        return rates[place]
    near = rates[place - 1 : place + 2]
    bend, slope, _ = np.polyfit(np.log(near), [losses[lr] for lr in near], 2)
    return float(np.exp(-slope / (2 * bend)))


def _train(
    subject: Subject, learn: Tensor, recipes: Sequence[Recipe], name: str, tick: Tick
) -> list[Dictionary]:
    return train_side_by_side(
        learn,
        recipes,
        penalty=subject.config.learn.penalty,
        batch=subject.config.learn.batch,
        name=name,
        seed=subject.seed,
        tick=tick,
        value=subject.value if name == "topics" else "",
    )


def _run(subject: Subject, recipe: Recipe, dictionary: Dictionary, test: Tensor, texts: int) -> Run:
    learn = subject.config.learn
    return Run(
        latents=recipe.latents,
        steps=recipe.steps,
        compute=flops(recipe.latents, test.shape[1], recipe.steps, learn.batch),
        losses=loss_by_text(dictionary, test, texts, penalty=learn.penalty),
    )
