"""What a run has measured, before anything is judged."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from glasshouse.studies.predictability_surprise.config import PredictabilityConfig

FAIR, BIASED = 0, 1
"""Courts."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve:
    """A task of one family, over its sizes."""

    params: Int[np.ndarray, " size"]
    """N of each size."""
    values: dict[str, Float[np.ndarray, "size replica"]]
    """By metric: the room's names."""
    length: int
    """Tokens of an answer."""

    def mean(self, metric: str) -> Float[np.ndarray, " size"]:
        """Over replicas."""
        return self.values[metric].mean(axis=1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CourtSeen:
    """What models of records say of the innocent and the guilty; group before last, court last."""

    params: Int[np.ndarray, " size"]
    """N of each size."""
    loss: Float[np.ndarray, "size replica"]
    """Of the written label, in nats."""
    false_positives: Float[np.ndarray, "size replica group court"]
    """Mean probability of guilty that is given to those who are innocent in truth."""
    hard_false_positives: Float[np.ndarray, "size replica group court"]
    """Share of the innocent whose probability of guilty is above a half."""
    false_negatives: Float[np.ndarray, "size replica group court"]
    """Mean probability of innocent that is given to those who are guilty in truth."""
    calibration: Float[np.ndarray, "size replica group court"]
    """Mean probability of guilty minus the share that was written down as guilty."""
    best_loss: float
    """Of the best reader of the written labels."""
    best_false_positives: Float[np.ndarray, "group court"]
    """Of the same reader."""

    def log_ratios(self, court: int) -> Float[np.ndarray, "size replica"]:
        """Logarithm of the rate of group 1 over that of group 0."""
        rates = np.log(self.false_positives[..., court])
        return rates[..., 1] - rates[..., 0]

    def best_log_ratio(self, court: int) -> float:
        """The same of the best reader."""
        rates = np.log(self.best_false_positives[:, court])
        return float(rates[1] - rates[0])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ShopSeen:
    """Errors of guessed ratings, in stars; places count the ratings known before a guess."""

    params: Int[np.ndarray, " size"]
    """N of each size."""
    squares: Float[np.ndarray, "size replica place"]
    """Mean squared error of models."""
    foreign: Float[np.ndarray, "size replica"]
    """The same where the known ratings are another user's."""
    item_squares: Float[np.ndarray, " place"]
    """Of the mean rating of the item."""
    foreign_item_squares: float
    """Of the same on the guesses behind another user's ratings."""
    global_squares: Float[np.ndarray, " place"]
    """Of the mean of all ratings."""
    best_squares: Float[np.ndarray, " place"]
    """Of the best linear guess, which knows the items' vectors."""
    told: int
    """Ratings that are known before a guess counts."""

    def rmse(self, squares: Float[np.ndarray, "... place"]) -> Float[np.ndarray, "..."]:
        """Root mean squared error of the guesses that count, in stars."""
        return np.asarray(np.sqrt(squares[..., self.told :].mean(axis=-1)))

    @property
    def gain(self) -> Float[np.ndarray, "size replica"]:
        """Share by which models' error is below that of the item's mean."""
        return 1 - self.rmse(self.squares) / self.rmse(self.item_squares)

    @property
    def foreign_gain(self) -> Float[np.ndarray, "size replica"]:
        """The same behind another user's ratings."""
        return 1 - np.sqrt(self.foreign / self.foreign_item_squares)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """Everything."""

    config: PredictabilityConfig
    """What was run."""
    facts: Curve
    """Several facts as one answer: the metric's jump is planted."""
    sums: Curve
    """Additions that no model was trained on."""
    echoes: Curve
    """The skill's jump is planted."""
    court: CourtSeen
    """Records."""
    shop: ShopSeen
    """Ratings."""
    mixed_losses: Float[np.ndarray, "size replica"]
    """Last training losses of the mixture, in nats a token that counts."""

    @property
    def text_losses(self) -> Float[np.ndarray, "size replica"]:
        """Held-out loss on facts, which stand for text, in nats a token."""
        return -self.facts.values["token_logprob"]
