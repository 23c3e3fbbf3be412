"""Where to begin fitting a law: constants and exponents on a grid, factors by least squares.

With the constant and the exponents given, every law of `laws` is linear in its factors (after the
root that a joint law takes), so a grid over the few numbers that bend it covers all of them.
"""

from itertools import product

import numpy as np
from jaxtyping import Float64
from scipy.optimize import nnls

from glasshouse.scaling.laws import Law

_EXPONENTS = (0.05, 0.1, 0.2, 0.35, 0.6, 1.0)
_CONSTANT_SHARES = (0.02, 0.3, 0.6, 0.8, 0.9, 0.96, 0.99)
"""Of the lowest loss."""
_LEAST_FACTOR = 1e-4
"""A factor that least squares sets to 0 begins at this share of the loss."""


def starts_of(
    law: Law, x: Float64[np.ndarray, "run variable"], log_loss: Float64[np.ndarray, " run"]
) -> Float64[np.ndarray, "start unknown"]:
    """Unknowns to begin from.

    Args:
        law: What is fitted.
        x: Logarithms of the variables, counted from the middle.
        log_loss: Logarithm of the loss of each run.
    """
    loss = np.exp(log_loss)
    shares = _CONSTANT_SHARES if law.has_constant else (0.0,)
    grid = product(shares, *[_EXPONENTS] * len(law.variables))
    return np.array([_start(law, x, loss, share, np.array(powers)) for share, *powers in grid])


def _start(
    law: Law,
    x: Float64[np.ndarray, "run variable"],
    loss: Float64[np.ndarray, " run"],
    share: float,
    exponents: Float64[np.ndarray, " variable"],
) -> Float64[np.ndarray, " unknown"]:
    """Factors that fit best, given the rest."""
    constant = share * loss.min()
    powers, bend = exponents, 1.0
    if law.is_joint:
        bend = float(exponents[1])
        powers = np.array([exponents[0] / bend, 1.0])
    target = (loss - constant) ** (1 / bend)
    # relative errors count, as they do in the fit
    factors, _ = nnls(np.exp(-powers * x) / target[:, None], np.ones_like(target))
    factors = np.maximum(factors, _LEAST_FACTOR * target.mean())
    ends = [np.log(constant)] if law.has_constant else []
    return np.array([*np.log(factors), *exponents, *ends])
