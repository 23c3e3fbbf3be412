"""What a step of policy training tells, and rules that stop training by it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from glasshouse.align.policies.replies import Reply
from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyStep:
    """One step: replies of the policy as it was before its update, and what the update was like."""

    step: int
    """Steps done, this one included."""
    reward: float
    """Mean reward of a reply as the judge gives it; a reply that was cut off counts as the config
    says. Without what the divergence costs."""
    kl: float
    """Divergence from the reference in nats a reply (k1: unbiased, may be negative)."""
    kl_k3: float
    """The same by the estimator with less spread, never negative."""
    entropy: float
    """Mean entropy of the next token, in nats."""
    length: float
    """Mean tokens of a reply."""
    ended: float
    """Share of replies that ended by themselves."""
    clip_share: float
    """Share of tokens whose gain was cut off by the clip, over all updates of the step."""
    drift: float
    """Mean distance between the sampler's log-probability of a token and the trainer's, in nats;
    it is rounding, and much of it means that the two compute different models."""
    loss: float
    """Mean policy loss, the divergence's with it where it is in the loss."""
    value_loss: float | None
    """Mean value loss, in squared rewards; None without values."""
    grad_norm: float
    """Norm of the policy's gradient before clipping; the mean over updates."""
    lr: float
    """Learning rate."""
    seconds: float
    """What the step took: the only field that time changes, besides `watched`'s own."""
    watched: Mapping[str, float] = field(default_factory=dict)
    """What was measured and not trained on."""
    stopped: str = ""
    """Why training ends with this step, if a rule said so."""
    scores: Sequence[float] = field(default=(), repr=False)
    """The reward function's answer for each reply."""
    replies: Sequence[Reply] = field(default=(), repr=False)
    """What the policy wrote."""


Stop = Callable[[Sequence[PolicyStep]], str]
"""Given all steps so far, without replies: why training should end here, or an empty string."""


@dataclass(frozen=True, slots=True)
class GoldPeak:
    """Stop once something watched has not risen for a while: over-optimisation has begun."""

    patience: int
    """Steps without a new best."""
    of: str = "gold"
    """Name of what is watched, or `reward`."""
    smooth: int = 5
    """Steps over which it is averaged before it is compared, as one step's mean is noisy."""

    def __post_init__(self) -> None:
        if self.patience < 1 or self.smooth < 1:
            raise InputError(
                f"patience={self.patience} and smooth={self.smooth} must be at least 1"
            )

    def __call__(self, steps: Sequence[PolicyStep]) -> str:
        """Compare the newest mean with the best so far.

        Raises:
            InputError: If nothing of that name is watched.
        """
        values = [self._value(step) for step in steps]
        means = [
            sum(values[place - self.smooth : place]) / self.smooth
            for place in range(self.smooth, len(values) + 1)
        ]
        if not means:
            return ""
        best = max(range(len(means)), key=means.__getitem__)
        if len(means) - 1 - best < self.patience:
            return ""
        return (
            f"{self.of} peaked at {means[best]:.3g} about step {steps[best + self.smooth - 1].step}"
        )

    def _value(self, step: PolicyStep) -> float:
        if self.of == "reward":
            return step.reward
        if self.of not in step.watched:
            known = ", ".join(step.watched) or "nothing"
            raise InputError(f"GoldPeak waits for {self.of!r}, and {known} is watched")
        return step.watched[self.of]


@dataclass(frozen=True, slots=True)
class KlBudget:
    """Stop once the policy has moved so many nats a reply from its reference."""

    nats: float
    """The budget."""

    def __post_init__(self) -> None:
        if not 0 < self.nats < math.inf:
            raise InputError(f"nats={self.nats} must be positive")

    def __call__(self, steps: Sequence[PolicyStep]) -> str:
        """Compare the newest divergence with the budget."""
        if not steps or steps[-1].kl < self.nats:
            return ""
        return f"the divergence is {steps[-1].kl:.2f} nats, and {self.nats:g} were allowed"
