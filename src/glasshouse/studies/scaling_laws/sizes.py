"""What size does: one law, what counts as size, shape, and text of another kind."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glasshouse.scaling import (
    LAWS,
    Comparison,
    ScalingRun,
    Shape,
    column,
    compare_laws,
    why_no_constant,
    without_constant,
)
from glasshouse.scaling.estimates import unit_weights, weighted_lines
from glasshouse.studies.claims import ClaimResult, judge_control
from glasshouse.studies.scaling_laws.claims import COUNTING, SHAPES, SIZES, TRANSFER
from glasshouse.studies.scaling_laws.evidence import (
    dealt_r2,
    distance_interval,
    judged,
    log_line,
    middle_95,
    other_seeds,
    untested,
)
from glasshouse.studies.scaling_laws.sweeps import Swept
from glasshouse.studies.scaling_laws.texts import NAME
from glasshouse.world.streams import stream


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sizes:
    """What was measured."""

    longest: list[ScalingRun]
    """The longest run of each size."""
    forms: Comparison
    """L(N) with and without a constant, on these."""
    together: list[ScalingRun]
    """All shapes at one length."""
    whole: Float64[np.ndarray, " run"]
    """Their parameters with the embeddings."""
    alike: list[ScalingRun]
    """Shapes of about one N."""
    aspects: list[float]
    """Width over depth of each of these."""
    prose: Float64[np.ndarray, " size"]
    """Loss of the longest runs on prose."""


def measure(swept: Swept) -> Sizes:
    """Fit and gather."""
    config = swept.config
    longest = swept.longest
    together = [*swept.at_length(config.shapes.steps), *swept.others]
    shapes = {run.name: swept.shapes[run.name] for run in together}
    wanted = {(layers, width) for layers, width in config.shapes.alike}
    alike = [
        run for run in together if (shapes[run.name].num_layers, shapes[run.name].d_model) in wanted
    ]
    alike.sort(key=lambda run: shapes[run.name].num_layers)
    law = LAWS["N"]
    return Sizes(
        longest=longest,
        forms=compare_laws([law, without_constant(law)], longest, config.fitting(swept.seed)),
        together=together,
        whole=np.array([with_embeddings(shapes[run.name]) for run in together]),
        alike=alike,
        aspects=[shapes[run.name].d_model / shapes[run.name].num_layers for run in alike],
        prose=np.array([swept.prose[run.name] for run in longest]),
    )


def with_embeddings(shape: Shape) -> float:
    """Parameters with the tables of tokens, which are tied, and of positions."""
    return float(shape.params + (shape.vocab_size + shape.context) * shape.d_model)


def claims(sizes: Sizes, swept: Swept) -> list[ClaimResult]:
    """The law, counting, shape; the transfer comes last."""
    return [_law(sizes, swept), _counting(sizes, swept), _shapes(sizes, swept)]


def _law(sizes: Sizes, swept: Swept) -> ClaimResult:
    rng = stream(swept.seed, NAME, SIZES.id)
    x, loss = column(sizes.longest, "N"), column(sizes.longest, "loss")
    slope, r2 = (float(one[0]) for one in log_line(x, loss[None]))
    drawn, r2s = log_line(x, other_seeds(loss, swept.noise, swept.config.draws, rng))
    low, high = middle_95(-drawn)
    told = []
    for one in sizes.forms.candidates:
        constant = why_no_constant(one.fit)
        exponent = one.fit.estimates["alpha"]
        e = f", E {one.fit.estimates['E']}" if one.fit.law.has_constant else ""
        known = " (not identified)" if one.fit.law.has_constant and constant else ""
        told.append(f"{one.fit.law.title}: alpha {exponent}{e}{known}, weight {one.weight:.2f}")
    return judged(
        SIZES,
        r2,
        middle_95(r2s),
        text=f"R² {r2:.3f} over {len(x)} sizes; slope {-slope:.3f} ({low:.3f} to {high:.3f}); "
        + "; ".join(told),
        control=judge_control(
            SIZES, dealt_r2(x, loss, rng), text="losses dealt to sizes at random"
        ),
    )


def scatter_around_line(
    x: Float64[np.ndarray, " run"],
    y: Float64[np.ndarray, " run"],
    weights: Float64[np.ndarray, "draw run"],
) -> Float64[np.ndarray, " draw"]:
    """Root mean square distance from the best line, under each weighting."""
    design = np.stack([np.ones_like(x), x], axis=1)
    lines = weighted_lines(design, y, weights)
    left = y - lines @ design.T
    return np.sqrt((weights * left**2).sum(axis=1) / weights.sum(axis=1))


def _counting(sizes: Sizes, swept: Swept) -> ClaimResult:
    rng = stream(swept.seed, NAME, COUNTING.id)
    runs = sizes.together
    y = np.log(column(runs, "loss"))
    resampled = unit_weights(len(runs), unknowns=2, draws=swept.config.draws, rng=rng)
    weights = np.concatenate([np.ones((1, len(runs))), resampled])
    without = scatter_around_line(np.log(column(runs, "N")), y, weights)
    embedded = scatter_around_line(np.log(sizes.whole), y, weights)
    ratio = without / embedded
    return judged(
        COUNTING,
        float(ratio[0]),
        middle_95(ratio[1:]),
        text=f"{ratio[0]:.2f}: {len(runs)} models of 1 to "
        f"{max(swept.shapes[run.name].num_layers for run in runs)} layers scatter by "
        f"{without[0]:.1%} without embeddings, {embedded[0]:.1%} with them",
    )


def _shapes(sizes: Sizes, swept: Swept) -> ClaimResult:
    rng = stream(swept.seed, NAME, SHAPES.id)
    losses = column(sizes.alike, "loss")
    drawn = other_seeds(losses, swept.noise, swept.config.draws, rng)
    spread = float(losses.max() / losses.min() - 1)
    params = column(sizes.alike, "N")
    grid = swept.at_length(swept.config.shapes.steps)
    sized = column(grid, "N")
    near = int(np.abs(np.log(sized / params.mean())).argmin())
    quarter = int(np.abs(np.log(sized * 4 / sized[near])).argmin())
    other = float(grid[quarter].loss / grid[near].loss - 1)
    return judged(
        SHAPES,
        spread,
        middle_95(drawn.max(axis=1) / drawn.min(axis=1) - 1),
        text=f"{spread:.1%} over {len(losses)} shapes of {params.min():,.0f} to "
        f"{params.max():,.0f} parameters, width over depth {min(sizes.aspects):g} to "
        f"{max(sizes.aspects):g}",
        control=judge_control(
            SHAPES,
            other,
            text=f"one depth, {sized[near] / sized[quarter]:.1f} times fewer parameters",
        ),
    )


def transfer(sizes: Sizes, swept: Swept) -> ClaimResult:
    """Loss on prose against loss on code, across sizes."""
    rng = stream(swept.seed, NAME, TRANSFER.id)
    code = column(sizes.longest, "loss")
    if len(code) < 4:
        return untested(TRANSFER, f"{len(code)} sizes do not make a slope")
    resampled = unit_weights(len(code), unknowns=2, draws=swept.config.draws, rng=rng)
    weights = np.concatenate([np.ones((1, len(code))), resampled])
    design = np.stack([np.ones_like(code), code - code.mean()], axis=1)
    slopes = weighted_lines(design, sizes.prose, weights)[:, 1]
    low, high = middle_95(slopes[1:])
    dealt = [
        abs(float(np.polyfit(code, rng.permutation(sizes.prose), 1)[0]) - 1) for _ in range(200)
    ]
    offset = sizes.prose - code
    return judged(
        TRANSFER,
        abs(float(slopes[0]) - 1),
        distance_interval(low, high, 1.0),
        text=f"slope {slopes[0]:.2f} ({low:.2f} to {high:.2f}); prose is {offset.min():.2f} to "
        f"{offset.max():.2f} nats a character harder",
        control=judge_control(
            TRANSFER, float(np.mean(dealt)), text="losses on prose dealt to sizes at random"
        ),
    )
