"""The power law of data transferred, and the law that foretells losses from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glasshouse.errors import InputError
from glasshouse.scaling import (
    LAWS,
    FitConfig,
    ScalingRun,
    fit_law,
    fit_transfer,
    unified_loss,
    without_constant,
)
from glasshouse.scaling.estimates import Estimate, estimate_of, unit_weights, weighted_lines
from glasshouse.studies.transfer_scaling.sweep import Learned
from glasshouse.studies.transfer_scaling.worth import Worth

UNKNOWNS = ("k", "alpha", "beta")
_FEW_DRAWS = 20


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PowerLaw:
    """D_T = k · D_F^alpha · N^beta, fitted to cells."""

    cells: list[Worth]
    """What it was fitted to."""
    estimates: dict[str, Estimate]
    """k, alpha and beta with their intervals."""
    r2: Estimate
    """Share of the variance of log D_T that it explains."""

    def transferred(self, characters: float, params: float) -> float:
        """D_T in characters."""
        k, alpha, beta = (self.estimates[name].value for name in UNKNOWNS)
        return k * characters**alpha * params**beta

    def __str__(self) -> str:
        return ", ".join(f"{name} {self.estimates[name]}" for name in UNKNOWNS)


def power_law(cells: Sequence[Worth], config: FitConfig) -> PowerLaw:
    """Fit the cells that have a logarithm and lie in the low-data regime.

    Raises:
        InputError: If these are too few, or do not vary enough.
    """
    kept = [one for one in cells if one.is_fitted]
    estimates = fit_transfer(
        np.array([one.transferred for one in kept]),
        np.array([one.characters for one in kept], dtype=float),
        np.array([one.params for one in kept], dtype=float),
        config,
    )
    design, target = _logs(kept)
    weights = _weights(len(kept), config)
    r2 = weighted_r2(design, target, weights)
    return PowerLaw(
        cells=kept,
        estimates=estimates,
        r2=estimate_of(float(r2[0]), r2[1:], confidence=config.confidence),
    )


def weighted_r2(
    design: Float64[np.ndarray, "cell unknown"],
    target: Float64[np.ndarray, " cell"],
    weights: Float64[np.ndarray, "draw cell"],
) -> Float64[np.ndarray, " draw"]:
    """Share of the variance explained by least squares, under each weighting."""
    left = target - weighted_lines(design, target, weights) @ design.T
    middle = (weights * target).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
    whole = (weights * (target - middle) ** 2).sum(axis=1)
    return 1 - (weights * left**2).sum(axis=1) / whole


def chance_r2(cells: Sequence[Worth], rng: np.random.Generator) -> float:
    """Mean R² where the same D_T are dealt to the cells at random."""
    design, target = _logs(cells)
    even = np.ones((1, len(cells)))
    dealt = [weighted_r2(design, rng.permutation(target), even)[0] for _ in range(200)]
    return float(np.mean(dealt))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Compared:
    """How the law after nearer texts differs from that after prose, on the same cells."""

    count: int
    """Cells that both arms could be fitted to."""
    log_k: Estimate
    """Logarithm of the ratio of k."""
    alpha: Estimate
    """Difference of alpha."""
    beta: Estimate
    """Difference of beta."""
    beta_draws: Float64[np.ndarray, " draw"]
    """The same of every resample."""
    ratios: Float64[np.ndarray, " cell"]
    """D_T of each cell over that after prose."""


def compare_arms(near: Sequence[Worth], prose: Sequence[Worth], config: FitConfig) -> Compared:
    """Fit both arms to the cells they share, resampled together.

    Raises:
        InputError: If they share fewer than five.
    """
    others = {(one.width, one.characters): one for one in prose if one.is_fitted}
    shared = [one for one in near if one.is_fitted and (one.width, one.characters) in others]
    if len(shared) < 5:
        raise InputError(f"both arms share {len(shared)} cells with a D_T, and 5 are needed")
    weights = _weights(len(shared), config)
    pairs = [others[one.width, one.characters] for one in shared]
    found = [weighted_lines(*_logs(cells), weights) for cells in (shared, pairs)]
    difference = found[0] - found[1]  # draw unknown

    def read(column: int) -> Estimate:
        values = difference[:, column]
        return estimate_of(float(values[0]), values[1:], confidence=config.confidence)

    return Compared(
        count=len(shared),
        log_k=read(0),
        alpha=read(1),
        beta=read(2),
        beta_draws=difference[1:, 2],
        ratios=np.array(
            [one.transferred / two.transferred for one, two in zip(shared, pairs, strict=True)]
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Foretold:
    """A pretrained model's loss, foretold from other sizes."""

    cell: Worth
    """What was measured."""
    loss: float
    """What the unified law says."""
    without: float
    """What L(N, D) says where nothing is transferred: D is D_F."""

    @property
    def error(self) -> float:
        """Relative error of the unified law."""
        return abs(self.loss / self.cell.loss - 1)

    @property
    def error_without(self) -> float:
        """Relative error where nothing is transferred."""
        return abs(self.without / self.cell.loss - 1)


def foretell_sizes(learned: Learned, cells: Sequence[Worth], config: FitConfig) -> list[Foretold]:
    """Hold out each size in turn, and foretell its pretrained models in the low-data regime.

    Raises:
        InputError: If what is left cannot be fitted.
    """
    few = FitConfig(draws=_FEW_DRAWS, seed=config.seed)
    law = without_constant(LAWS["ND-kaplan"])
    found = []
    for held_out in learned.config.widths:
        rest = [width for width in learned.config.widths if width != held_out]
        scratch = fit_law(
            law, [run for width in rest for run in _scratch_runs(learned, width)], few
        )
        told = {name: one.value for name, one in scratch.estimates.items()}
        constants = (told["alpha_N"], told["N_c"], told["alpha_D"], told["D_c"])
        transfer = power_law([one for one in cells if one.width != held_out], few).estimates
        k, alpha, beta = (transfer[name].value for name in UNKNOWNS)
        for cell in cells:
            if cell.width != held_out or not cell.is_low_data:
                continue
            size, data = float(cell.params), float(cell.characters)
            found.append(
                Foretold(
                    cell=cell,
                    loss=unified_loss(
                        params=size, data=data, transfer=(k, alpha, beta), scratch=constants
                    ),
                    without=unified_loss(
                        params=size, data=data, transfer=(1.0, 1.0, 0.0), scratch=constants
                    ),
                )
            )
    return found


def _scratch_runs(learned: Learned, width: int) -> list[ScalingRun]:
    amounts, losses = learned.scratch_curve(width)
    return [
        ScalingRun(
            name=f"{width} on {amount:.0f}",
            params=float(learned.params(width)),
            tokens=float(amount),
            loss=float(loss),
        )
        for amount, loss in zip(amounts, losses, strict=True)
    ]


def _logs(
    cells: Sequence[Worth],
) -> tuple[Float64[np.ndarray, "cell unknown"], Float64[np.ndarray, " cell"]]:
    """Design of the power law in logarithms, and log D_T."""
    data = np.log([one.characters for one in cells])
    size = np.log([one.params for one in cells])
    design = np.stack([np.ones(len(cells)), data, size], axis=1)
    return design, np.log(np.array([one.transferred for one in cells]))


def _weights(cells: int, config: FitConfig) -> Float64[np.ndarray, "draw cell"]:
    """Even weights first, then those of every resample."""
    rng = np.random.default_rng([0x7A45, config.seed])
    drawn = unit_weights(cells, unknowns=len(UNKNOWNS), draws=config.draws, rng=rng)
    return np.concatenate([np.ones((1, cells)), drawn])
