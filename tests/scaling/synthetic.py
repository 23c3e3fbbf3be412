"""Runs drawn from a law that is known, so that a fit can be held against it."""

from collections.abc import Mapping

import numpy as np

from glasshouse.scaling import LAWS, CurvePoint, Law, ScalingRun

KAPLAN_N = {"alpha": 0.076, "N_c": 8.8e13}
"""L(N) of Kaplan et al. 2020 (2001.08361), table 5."""
KAPLAN_ND = {"alpha_N": 0.076, "alpha_D": 0.103, "N_c": 6.4e13, "D_c": 1.8e13}
"""L(N, D) of Kaplan et al. 2020, equation 1.5."""
KAPLAN_NS = {"alpha_N": 0.077, "alpha_S": 0.76, "N_c": 6.5e13, "S_c": 2.1e3}
"""L(N, S) of Kaplan et al. 2020, equation 1.6."""
CHINCHILLA = {
    "E": 1.69,
    "alpha_N": 0.34,
    "alpha_D": 0.28,
    "N_c": 406.4 ** (1 / 0.34),
    "D_c": 410.7 ** (1 / 0.28),
}
"""L(N, D) of Hoffmann et al. 2022 (2203.15556), equation 10."""
SMALL = {"E": 1.7, "alpha_N": 0.34, "alpha_D": 0.28, "N_c": 1e5, "D_c": 1e6}
"""A law as models of a laptop follow it."""


def drawn(
    law: Law,
    truth: Mapping[str, float],
    values: Mapping[str, np.ndarray],
    *,
    noise: float,
    seed: int,
) -> list[ScalingRun]:
    """Runs of a law, their losses off by a share of `noise`."""
    count = len(next(iter(values.values())))
    scatter = np.random.default_rng(seed).standard_normal(count)
    losses = law.loss_at(truth, values) * np.exp(noise * scatter)
    params, tokens = values.get("N", np.full(count, 1e6)), values.get("D", np.full(count, 1e9))
    return [
        ScalingRun(
            name=f"run {place}",
            params=float(params[place]),
            tokens=float(tokens[place]),
            loss=float(losses[place]),
            flops=float(values["C"][place]) if "C" in values else None,
            steps=float(values["S"][place]) if "S" in values else None,
        )
        for place in range(count)
    ]


def crossed(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of two ranges."""
    one, other = np.meshgrid(first, second)
    return one.ravel(), other.ravel()


def small_grid(*, noise: float = 0.003, seed: int = 0) -> list[ScalingRun]:
    """25 runs of SMALL: five sizes, five amounts of data."""
    params, tokens = crossed(np.geomspace(1e4, 1e6, 5), np.geomspace(1e6, 1e8, 5))
    return drawn(LAWS["ND"], SMALL, {"N": params, "D": tokens}, noise=noise, seed=seed)


def with_curves(*, sizes: int = 12, noise: float = 0.001, seed: int = 0) -> list[ScalingRun]:
    """Training curves of SMALL, each run off by a share of its own."""
    rng = np.random.default_rng(seed)
    runs = []
    for number, params in enumerate(np.geomspace(1e4, 1e6, sizes)):
        tokens = np.geomspace(1e5, 1e9, 40)
        values = {"N": np.full(40, params), "D": tokens}
        losses = LAWS["ND"].loss_at(SMALL, values) * np.exp(noise * rng.standard_normal())
        runs.append(
            ScalingRun(
                name=f"size {number}",
                params=float(params),
                tokens=1e9,
                loss=float(losses[-1]),
                curve=tuple(
                    CurvePoint(tokens=float(t), loss=float(one))
                    for t, one in zip(tokens, losses, strict=True)
                ),
            )
        )
    return runs
