"""How predictable a skill is from scale: how abruptly it comes, why, and whether one could tell.

A loss falls smoothly with scale while a task on it may jump. Part of a jump can be the metric's: an
answer of several tokens that counts only as a whole is right about as often as the product of its
tokens, and a product of what rises evenly rises abruptly. So the same answers are scored both ways
(`metrics_of`), curves are compared by `sharpness`, and `share_left` says how much of a jump stays
when tokens are credited one by one: near 0 the metric made it, near 1 the skill did. `foretell`
predicts each size from the smaller ones by a smooth law, `foretell_whole` by a law of the tokens.

Source:
    Ganguli et al. 2022 (2202.07785), section 2: smooth loss and abrupt tasks. Schaeffer et al. 2023
    (2304.15004), sections 2 and 3: abruptness by choice of metric. The measures are our own.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit

from glasshouse.errors import InputError

Values = Sequence[float] | np.ndarray
"""One number a size."""

LEAST_FITTED = 3
"""Sizes that a smooth law is fitted to before it predicts the next."""
_LEAST_LOSS = 1e-6
"""Nats a token; less is rounding."""
_REFINED = 4
"""Grids of the logistic's fit, each ten times as fine as the one before."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TokenOutcomes:
    """What a model made of the right answers of a task, token by token, each after the right ones.

    Raises:
        InputError: If the arrays disagree, are empty, or a log-probability is above 0.
    """

    logprobs: Float[np.ndarray, "answer token"]
    """Log-probability of each token of the right answer, in nats."""
    is_top: Bool[np.ndarray, "answer token"]
    """Whether it is the likeliest token: all of them are, exactly if greedy writing is right."""

    def __post_init__(self) -> None:
        if self.logprobs.shape != self.is_top.shape or self.logprobs.size == 0:
            raise InputError(
                f"logprobs {self.logprobs.shape} and is_top {self.is_top.shape} must be of one "
                "shape and not empty"
            )
        if (self.logprobs > 1e-4).any():
            raise InputError("log-probabilities must not exceed 0")

    @property
    def length(self) -> int:
        """Tokens of an answer."""
        return self.logprobs.shape[1]


METRICS: Mapping[str, Callable[[TokenOutcomes], Float[np.ndarray, " answer"]]] = MappingProxyType(
    {
        "exact_match": lambda one: one.is_top.all(axis=1).astype(float),
        "exact_probability": lambda one: np.exp(one.logprobs.sum(axis=1)),
        "token_accuracy": lambda one: one.is_top.mean(axis=1),
        "token_probability": lambda one: np.exp(one.logprobs).mean(axis=1),
        "token_logprob": lambda one: one.logprobs.mean(axis=1),
    }
)
"""What an answer is worth; more is better. The first two ask for the whole answer, the others
credit its tokens; the last, in nats, is minus the loss of a token."""

WHOLE: tuple[str, ...] = ("exact_match", "exact_probability")
"""Metrics that ask for the whole answer."""


def metrics_of(outcomes: TokenOutcomes) -> dict[str, float]:
    """Mean worth of the same answers under every metric."""
    return {name: float(measure(outcomes).mean()) for name, measure in METRICS.items()}


def minus_log_loss(token_logprobs: Values) -> Float[np.ndarray, " size"]:
    """Minus the logarithm of the loss of a token: the scale on which a power law is straight.

    A log-probability itself ends at 0, so that a smooth law which comes near looks like a jump
    followed by rest.

    Args:
        token_logprobs: `token_logprob` at each size, in nats.

    Raises:
        InputError: If one is positive or no number.
    """
    losses = -np.asarray(token_logprobs, dtype=float)
    if not (losses >= -1e-4).all():
        raise InputError("log-probabilities must be numbers not above 0")
    return -np.log(losses.clip(min=_LEAST_LOSS))


def sharpness(scale: Values, values: Values) -> float:
    """How abruptly a curve rises: its steepest slope over log scale, over its mean slope.

    1 is a straight climb over log scale. The most is what one step between the nearest two sizes
    gives, for n evenly spaced sizes n - 1. Neither the unit of the metric nor that of the scale
    counts. A noisy curve that does not rise at all is sharp as well: look at its range first.

    Args:
        scale: Size, data or compute, rising.
        values: What is measured there, rising on the whole (a loss: with a minus).

    Returns:
        The sharpness; NaN if the last value is not above the first.

    Raises:
        InputError: If there are fewer than three sizes, or scale does not rise.
    """
    x, y = _curve(scale, values)
    if y[-1] <= y[0]:
        return math.nan
    rise = float(y.max() - y.min())
    return float((np.diff(y) / np.diff(x)).max()) * float(x[-1] - x[0]) / rise


def rise_factor(scale: Values, values: Values, *, low: float = 0.1, high: float = 0.9) -> float:
    """The factor of scale over which a curve rises from 10% to 90% of its range.

    Between sizes it is taken to be straight over log scale, and it may not fall again: a value
    below an earlier one counts as that.

    Returns:
        The factor, at least 1; NaN if the last value is not above the first.

    Raises:
        InputError: As `sharpness`, or if the shares do not rise between 0 and 1.
    """
    if not 0 < low < high < 1:
        raise InputError(f"low={low} and high={high} must rise and lie between 0 and 1")
    x, y = _curve(scale, values)
    if y[-1] <= y[0]:
        return math.nan
    risen = np.maximum.accumulate(y)
    share = (risen - risen[0]) / (risen[-1] - risen[0])
    return math.exp(_first_reach(x, share, high) - _first_reach(x, share, low))


def share_left(scale: Values, whole: Values, by_token: Values) -> float:
    """How much of a jump is left when tokens are credited one by one.

    Both sharpnesses are counted from 1, that of a straight climb.

    Args:
        scale: As in `sharpness`.
        whole: A metric of the whole answer at each size.
        by_token: A metric of its tokens; `minus_log_loss` where the loss may follow a law.

    Returns:
        Near 0 where the metric makes the jump, near 1 where the skill comes in one step; above 1
        where tokens jump more. NaN where the whole answer does not jump, or a curve does not rise.

    Raises:
        InputError: As `sharpness`.
    """
    excess = sharpness(scale, whole) - 1
    if not excess > 0.25:  # a climb that is nearly straight has no jump to be shared out
        return math.nan
    return (sharpness(scale, by_token) - 1) / excess


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Foretold:
    """Predictions of each size from all smaller ones."""

    form: str
    """Which law."""
    places: Int[np.ndarray, " predicted"]
    """Numbers of the sizes that were predicted, from 0."""
    predicted: Float[np.ndarray, " predicted"]
    """By the law fitted to the smaller sizes."""
    measured: Float[np.ndarray, " predicted"]
    """What came."""

    @property
    def surprise(self) -> float:
        """The largest error, in the metric's unit."""
        return float(np.abs(self.predicted - self.measured).max())


def foretell(
    scale: Values,
    values: Values,
    *,
    floor: float = 0.0,
    ceiling: float = 1.0,
    least: int = LEAST_FITTED,
) -> tuple[Foretold, ...]:
    """Predict each size from those before it, by a straight line and by a logistic in log scale.

    Nobody knows beforehand which form is right, so that who wants to show a surprise should take
    the smaller one.

    Args:
        scale: As in `sharpness`.
        values: A metric between floor and ceiling.
        floor: What a model without the skill gets.
        ceiling: The best.
        least: Sizes in the first fit.

    Raises:
        InputError: As `sharpness`, or if no size is left to predict or the bounds do not rise.
    """
    x, y = _curve(scale, values)
    if not 2 <= least < len(x):
        raise InputError(f"least={least} must be at least 2 and leave one of {len(x)} sizes over")
    if not floor < ceiling:
        raise InputError(f"floor={floor} must lie below ceiling={ceiling}")
    places = np.arange(least, len(x))
    forms = {"line": _line, "logistic": _logistic}
    return tuple(
        Foretold(
            form=form,
            places=places,
            predicted=np.array([law(x[:n], y[:n], x[n], floor, ceiling) for n in places]),
            measured=y[places],
        )
        for form, law in forms.items()
    )


def foretell_loss(scale: Values, losses: Values, *, least: int = LEAST_FITTED) -> Foretold:
    """Predict the loss of each size from those before it by a power law without a constant.

    Raises:
        InputError: As `foretell`, or if a loss is not positive.
    """
    x, y = _curve(scale, losses)
    if (y <= 0).any():
        raise InputError("losses must be positive")
    if not 2 <= least < len(x):
        raise InputError(f"least={least} must be at least 2 and leave one of {len(x)} sizes over")
    places = np.arange(least, len(x))
    logs = np.log(y)
    predicted = [np.polyval(np.polyfit(x[:n], logs[:n], 1), x[n]) for n in places]
    return Foretold(
        form="power law", places=places, predicted=np.exp(predicted), measured=y[places]
    )


def foretell_whole(
    scale: Values,
    token_losses: Values,
    whole: Values,
    *,
    length: int,
    least: int = LEAST_FITTED,
) -> Foretold:
    """Predict whole answers from a power law of the loss of their tokens.

    A whole answer has the probability exp(-length · loss) where its tokens are all about as hard;
    where some are much harder than others it has more.

    Args:
        scale: As in `sharpness`.
        token_losses: Mean loss of a token, in nats, at each size.
        whole: Share of whole answers that are right.
        length: Tokens of an answer.
        least: Sizes in the first fit.

    Raises:
        InputError: As `foretell_loss`, or if an answer has no token.
    """
    if length < 1:
        raise InputError(f"length={length} must be at least 1")
    by_token = foretell_loss(scale, token_losses, least=least)
    _, y = _curve(scale, whole)
    return Foretold(
        form="product of tokens",
        places=by_token.places,
        predicted=np.exp(-length * by_token.predicted),
        measured=y[by_token.places],
    )


def log_fit_r2(scale: Values, losses: Values) -> float:
    """Share of the variance of log loss that a straight line over log scale explains.

    Raises:
        InputError: As `foretell_loss`.
    """
    x, y = _curve(scale, losses)
    if (y <= 0).any():
        raise InputError("losses must be positive")
    if np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, np.log(y))[0, 1] ** 2)


def _curve(scale: Values, values: Values) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of scale, and values."""
    x, y = np.asarray(scale, dtype=float), np.asarray(values, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 3:
        raise InputError(
            f"{x.size} sizes and {y.size} values: a curve needs as many of both, at least 3"
        )
    if not np.isfinite(y).all():
        raise InputError("a value of the curve is not finite; leave its size out")
    if (x <= 0).any() or (np.diff(x) <= 0).any():
        raise InputError("scale must be positive and rise from size to size")
    return np.log(x), y


def _first_reach(x: np.ndarray, share: np.ndarray, goal: float) -> float:
    """Where a curve that never falls first reaches a share, straight lines between sizes."""
    after = int(np.argmax(share >= goal))
    before = after - 1
    part = (goal - share[before]) / (share[after] - share[before])
    return float(x[before] + part * (x[after] - x[before]))


def _line(x: np.ndarray, y: np.ndarray, at: float, floor: float, ceiling: float) -> float:
    return float(np.clip(np.polyval(np.polyfit(x, y, 1), at), floor, ceiling))


def _logistic(x: np.ndarray, y: np.ndarray, at: float, floor: float, ceiling: float) -> float:
    """Least squares over slope and middle, on a grid that is refined around its best cell."""
    span = x[-1] - x[0]
    steepness = np.log(np.geomspace(0.3, 60.0, 25) / span)
    middles = np.linspace(x[0] - 2 * span, x[-1] + 3 * span, 61)
    best = (0.0, 0.0)
    for _ in range(_REFINED):
        slope, middle = np.exp(steepness)[:, None], middles[None, :]
        said = floor + (ceiling - floor) * expit(slope[..., None] * (x - middle[..., None]))
        place = np.unravel_index(
            ((said - y) ** 2).sum(axis=2).argmin(), (len(steepness), len(middles))
        )
        best = float(steepness[place[0]]), float(middles[place[1]])
        steepness = _around(best[0], float(steepness[1] - steepness[0]))
        middles = _around(best[1], float(middles[1] - middles[0]))
    return float(floor + (ceiling - floor) * expit(np.exp(best[0]) * (at - best[1])))


def _around(middle: float, step: float) -> np.ndarray:
    """A finer grid over the cells beside a point."""
    return middle + step * np.linspace(-1, 1, 21)
