"""What data do: parts of the text read over and over, alone and together with size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from glasshouse.errors import InputError
from glasshouse.scaling import (
    LAWS,
    Comparison,
    FitConfig,
    FittedLaw,
    Law,
    ScalingRun,
    column,
    compare_laws,
    fit_law,
    without_constant,
)
from glasshouse.scaling.estimates import unit_weights, weighted_lines
from glasshouse.studies.claims import ClaimResult, judge_control
from glasshouse.studies.intervals import bootstrap_interval
from glasshouse.studies.scaling_laws.claims import DATA, JOINT, OVERFITTING
from glasshouse.studies.scaling_laws.evidence import (
    dealt_r2,
    judged,
    log_line,
    middle_95,
    other_seeds,
    untested,
)
from glasshouse.studies.scaling_laws.sweeps import Swept
from glasshouse.studies.scaling_laws.texts import NAME
from glasshouse.world.streams import stream

_LEAST_CELLS = 8
_FEW_DRAWS = 20
_FOLDS = 5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Parts:
    """What was measured."""

    largest: list[ScalingRun]
    """The largest size on every part, the smallest part first; D is the part."""
    forms: Comparison | None
    """L(D) with and without a constant, on these; None where neither can be fitted."""
    cells: list[ScalingRun]
    """Every size on every part that all sizes read."""
    joint: FittedLaw
    """The paper's law on all cells."""
    errors: dict[str, Float64[np.ndarray, " cell"]]
    """Error of each cell, from fits to other fifths, by the title of the law."""
    overfit: Float64[np.ndarray, " cell"]
    """Loss over that of the same size on the largest part, minus 1; 0 or less: none."""
    crowding: Float64[np.ndarray, " cell"]
    """N^(alpha_N/alpha_D) / D."""


def measure(swept: Swept) -> Parts:
    """Gather and fit."""
    data, fitting = swept.config.data, swept.config.fitting(swept.seed)
    most = swept.config.shape(*data.shapes[-1]).params
    largest = [_on_part(swept.parts[key], key[1]) for key in sorted(swept.parts) if key[0] == most]
    cells = [
        _on_part(run, part)
        for (_, part), run in sorted(swept.parts.items())
        if part != data.most_tokens
    ]
    law = LAWS["D"]
    paper = without_constant(LAWS["ND-kaplan"])
    joint = fit_law(paper, cells, fitting)
    few = replace(fitting, draws=_FEW_DRAWS)
    tried = (paper, LAWS["ND-kaplan"], without_constant(LAWS["N"]), without_constant(law))
    exponents = joint.estimates
    power = exponents["alpha_N"].value / exponents["alpha_D"].value
    size, amount = column(cells, "N"), column(cells, "D")
    return Parts(
        largest=largest,
        forms=_if_any([law, without_constant(law)], largest, fitting),
        cells=cells,
        joint=joint,
        errors={one.title: errors_left_out(one, cells, few) for one in tried},
        overfit=_overfit(cells),
        crowding=np.exp(power * np.log(size) - np.log(amount)),
    )


def errors_left_out(
    law: Law, cells: Sequence[ScalingRun], config: FitConfig
) -> Float64[np.ndarray, " cell"]:
    """|foretold / measured - 1| of each cell, from a fit to cells of other fifths.

    A fifth runs across the table, so that every size and every part stays in the fit.
    """
    sizes = sorted({cell.params for cell in cells})
    amounts = sorted({cell.tokens for cell in cells})
    fifths = np.array(
        [(sizes.index(cell.params) + amounts.index(cell.tokens)) % _FOLDS for cell in cells]
    )
    found = np.empty(len(cells))
    for fifth in np.unique(fifths):
        fitted = [cell for cell, one in zip(cells, fifths, strict=True) if one != fifth]
        left = [cell for cell, one in zip(cells, fifths, strict=True) if one == fifth]
        fit = fit_law(law, fitted, config)
        values = {name: column(left, name) for name in law.variables}
        found[fifths == fifth] = np.abs(fit.loss(values) / column(left, "loss") - 1)
    return found


def claims(parts: Parts, swept: Swept) -> list[ClaimResult]:
    """Data alone, data with size, overfitting."""
    return [_data(parts, swept), _joint(parts, swept), _overfitting(parts, swept)]


def _data(parts: Parts, swept: Swept) -> ClaimResult:
    rng = stream(swept.seed, NAME, DATA.id)
    amount, loss = column(parts.largest, "D"), column(parts.largest, "loss")
    drawn = other_seeds(loss, swept.noise, swept.config.draws, rng)
    slope, r2 = falling_r2(amount, loss[None])
    slopes, r2s = falling_r2(amount, drawn)
    low, high = middle_95(-slopes)
    falls = (
        "falls with every part" if np.all(np.diff(loss) < 0) else "does not fall with every part"
    )
    told = (
        ""
        if parts.forms is None
        else "; "
        + "; ".join(
            f"{one.fit.law.title}: alpha {one.fit.estimates['alpha']}, weight {one.weight:.2f}"
            for one in parts.forms.candidates
        )
    )
    return judged(
        DATA,
        float(r2[0]),
        middle_95(r2s),
        text=f"loss {falls} from {amount.min():,.0f} to {amount.max():,.0f} characters; R² "
        f"{log_line(amount, loss[None])[1][0]:.3f}; slope {-slope[0]:.3f} ({low:.3f} to "
        f"{high:.3f}){told}",
        control=judge_control(
            DATA, dealt_r2(amount, loss, rng), text="losses dealt to parts at random"
        ),
    )


def falling_r2(
    amount: Float64[np.ndarray, " run"], losses: Float64[np.ndarray, "draw run"]
) -> tuple[Float64[np.ndarray, " draw"], Float64[np.ndarray, " draw"]]:
    """Slope and R² of a line in logarithms; R² is 0 where the loss does not always fall."""
    slope, r2 = log_line(amount, losses)
    return slope, np.where((np.diff(losses, axis=1) < 0).all(axis=1), r2, 0.0)


def _joint(parts: Parts, swept: Swept) -> ClaimResult:
    rng = stream(swept.seed, NAME, JOINT.id)
    if len(parts.cells) < _LEAST_CELLS:
        return untested(JOINT, f"{len(parts.cells)} cells are too few to leave one out")
    (paper, errors), (_, constant), (_, by_size), (_, by_data) = parts.errors.items()
    alone = min(float(by_size.mean()), float(by_data.mean()))
    exponents = parts.joint.estimates
    return judged(
        JOINT,
        float(errors.mean()),
        bootstrap_interval(errors, rng=rng),
        text=f"{errors.mean():.1%} over {len(errors)} cells (worst {errors.max():.1%}) by {paper}, "
        f"alpha_N {exponents['alpha_N']}, alpha_D {exponents['alpha_D']}; with a constant "
        f"{constant.mean():.1%}; by size alone {by_size.mean():.1%}, by data alone "
        f"{by_data.mean():.1%}",
        control=judge_control(JOINT, alone, text="the better law of one variable"),
    )


def _overfitting(parts: Parts, swept: Swept) -> ClaimResult:
    rng = stream(swept.seed, NAME, OVERFITTING.id)
    is_over = parts.overfit > 0
    if is_over.sum() < _LEAST_CELLS:
        return untested(OVERFITTING, f"only {is_over.sum()} cells overfit")
    y = np.log(parts.overfit[is_over])
    crowding = np.log(parts.crowding[is_over])
    data = -np.log(column(parts.cells, "D"))[is_over]
    resampled = unit_weights(len(y), unknowns=3, draws=swept.config.draws, rng=rng)
    weights = np.concatenate([np.ones((1, len(y))), resampled])
    by_number, by_data = (scatter_around_curve(x, y, weights) for x in (crowding, data))
    ratio = by_number / by_data
    return judged(
        OVERFITTING,
        float(ratio[0]),
        middle_95(ratio[1:]),
        text=f"{ratio[0]:.2f}: {len(y)} cells scatter by {by_number[0]:.2f} (log of the share) "
        f"around one curve, by {by_data[0]:.2f} around one in D alone",
    )


def scatter_around_curve(
    x: Float64[np.ndarray, " cell"],
    y: Float64[np.ndarray, " cell"],
    weights: Float64[np.ndarray, "draw cell"],
) -> Float64[np.ndarray, " draw"]:
    """Root mean square distance from the best parabola, under each weighting."""
    middle = (x - x.mean()) / x.std()
    design = np.vander(middle, 3)
    left = y - weighted_lines(design, y, weights) @ design.T
    return np.sqrt((weights * left**2).sum(axis=1) / weights.sum(axis=1))


def _overfit(cells: Sequence[ScalingRun]) -> Float64[np.ndarray, " cell"]:
    """How far each cell's loss lies above that of its size on the largest part."""
    most = max(cell.tokens for cell in cells)
    best = {cell.params: cell.loss for cell in cells if cell.tokens == most}
    return np.array([cell.loss / best[cell.params] - 1 for cell in cells])


def _on_part(run: ScalingRun, tokens: int) -> ScalingRun:
    """The run with the part as its D."""
    return replace(run, tokens=float(tokens), flops=None, curve=())


def _if_any(
    laws: Sequence[Law], runs: Sequence[ScalingRun], config: FitConfig
) -> Comparison | None:
    try:
        return compare_laws(laws, runs, config)
    except InputError:
        return None
