"""What a run of policy training is. Groups hold what belongs together; each field is a detail that
papers and peers do differently, under its own name.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

from glasshouse.errors import InputError
from glasshouse.training.checkpoint import CheckpointConfig
from glasshouse.training.config import Precision
from glasshouse.training.optimizer import OptimizerConfig
from glasshouse.training.schedule import ScheduleConfig

Algorithm = Literal["ppo", "grpo", "rloo", "reinforce"]
"""What a reply is compared with: learned values; the mean and spread of its prompt's replies; the
mean of its prompt's other replies; the mean of all other replies of the step."""

Average = Literal["token", "reply", "constant"]
"""How the losses of tokens become one number. `token`: their mean over the batch. `reply`: the mean
of each reply's mean, in which tokens of long replies weigh less. `constant`: each reply's sum over
max_new_tokens, in which a reply is one action and no length is preferred."""

_AVERAGES: dict[Algorithm, Average] = {
    "ppo": "token",
    "grpo": "reply",
    "rloo": "constant",
    "reinforce": "constant",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardRules:
    """What is made of scores before anything is compared with them."""

    normalise: Literal["none", "centre", "scale"] = "centre"
    """By what the rewards of the untrained policy's replies were, measured before the first step
    and never again: less their mean (2009.01325), and over their spread too (1909.08593)."""
    truncated: Literal["fixed", "subtract", "leave-out"] = "fixed"
    """A reply that was cut off scores a fixed value, scores less than its judge says (who has not
    seen its end), or is left out of the loss (2503.14476). Nothing counts as cut off where
    stop_ids is empty."""
    truncated_value: float = -1.0
    """In spreads of the untrained policy's rewards: the fixed value, from their mean; or what is
    added to the score."""
    kl: Literal["reward", "loss"] = "reward"
    """Where the pull towards the reference is: each drawn token's log-ratio (k1) off its reward,
    or an estimate of the divergence (k3) in the loss."""
    kl_limit: float = 200.0
    """Nats a reply from which the divergence has exploded, and the run stops with an error."""

    def __post_init__(self) -> None:
        _check_choice("normalise", self.normalise, ("none", "centre", "scale"))
        _check_choice("truncated", self.truncated, ("fixed", "subtract", "leave-out"))
        _check_choice("kl", self.kl, ("reward", "loss"))
        if self.truncated_value > 0:
            raise InputError(
                f"truncated_value={self.truncated_value} would reward replies that are cut off; "
                "give 0 or less"
            )
        if not self.kl_limit > 0:
            raise InputError(f"kl_limit={self.kl_limit} must be positive")


@dataclass(frozen=True, kw_only=True, slots=True)
class UpdateRules:
    """What one batch of replies does to the policy."""

    epochs: int = 1
    """Times that a batch is gone through (K in 2204.05862: 1 to 4)."""
    minibatches: int = 1
    """Optimizer steps each time."""
    clip: float = 0.2
    """How far the ratio of new to old probability counts below 1."""
    clip_above: float | None = None
    """How far above; None: as far (2503.14476 lets it rise further)."""
    ratio: Literal["token", "reply"] = "token"
    """Whether each token has its ratio, or a reply has one, of its whole probability."""
    average: Average | None = None
    """How losses of tokens become one number. None: as the algorithm's paper has it, which is
    token for ppo, reply for grpo, constant for rloo and reinforce."""
    whiten: bool | None = None
    """Whether advantages get mean 0 and variance 1 over the tokens that count. None: in ppo."""
    divide_by_spread: bool = True
    """grpo only: whether a prompt's advantages are in units of its rewards' spread; without it
    easy and hard prompts are not weighed up (2503.20783)."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.minibatches < 1:
            raise InputError(
                f"epochs={self.epochs} and minibatches={self.minibatches} must be at least 1"
            )
        if not 0 < self.clip < 1 or (self.clip_above is not None and self.clip_above <= 0):
            raise InputError(
                f"clip={self.clip} must lie between 0 and 1 and clip_above={self.clip_above} "
                "above 0"
            )
        _check_choice("ratio", self.ratio, ("token", "reply"))
        if self.average is not None:
            _check_choice("average", self.average, get_args(Average))


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueRules:
    """ppo only: how what is to be expected is learned."""

    network: Literal["shared", "own"] = "shared"
    """Whether values are read off the policy's own features, or off a second network's, which
    costs as much again."""
    weight: float = 0.1
    """Of the value loss beside the policy loss; with a network of its own it only scales."""
    clip: float | None = 0.2
    """How far from its old value a new one counts; None: anywhere."""
    lr_scale: float = 10.0
    """How much faster than the policy values learn: a head that begins at zero has far to go."""
    discount: float = 1.0
    """Gamma; 1 in 2204.05862."""
    trace: float = 0.95
    """Lambda of generalised advantages."""

    def __post_init__(self) -> None:
        _check_choice("network", self.network, ("shared", "own"))
        if self.weight < 0 or (self.clip is not None and self.clip <= 0):
            raise InputError(
                f"weight={self.weight} must not be negative and clip={self.clip} positive or None"
            )
        if not (0 <= self.discount <= 1 and 0 <= self.trace <= 1):
            raise InputError(f"discount={self.discount} and trace={self.trace} must lie in [0, 1]")


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyConfig:
    """A run of policy training; with the same seed, prompts and machine it gives the same bits."""

    algorithm: Algorithm = "ppo"
    """What a reply is compared with."""
    steps: int = 100
    """Batches of replies in the whole run."""
    prompts_per_step: int = 32
    """Different prompts of a step."""
    replies_per_prompt: int = 8
    """Replies to each; grpo and rloo need two or more."""
    kl_weight: float = 0.01
    """Reward that a nat of divergence from the reference costs (beta; 0.001 in 2204.05862)."""
    max_new_tokens: int = 24
    """Most tokens of a reply."""
    temperature: float = 1.0
    """Of sampling, and of every log-probability that is computed."""
    stop_ids: tuple[int, ...] | None = None
    """Tokens that end a reply. None: the tokenizer's end token, or `<end>` and `<eoc>` where the
    vocabulary is the toy world's."""
    rewards: RewardRules = field(default_factory=RewardRules)
    """What is made of scores."""
    update: UpdateRules = field(default_factory=UpdateRules)
    """What a batch does to the policy."""
    values: ValueRules = field(default_factory=ValueRules)
    """How ppo expects."""
    schedule: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig(peak_lr=1e-4, warmup_steps=10, shape="constant")
    )
    """Learning rate, by step."""
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(weight_decay=0.0))
    """AdamW; without decay, which would pull away from the reference."""
    checkpoints: CheckpointConfig = field(default_factory=lambda: CheckpointConfig(every=20))
    """How often a run with a folder is saved."""
    precision: Precision = "auto"
    """Of training's forward passes; weights are float32. `auto`: bf16 where it is built in."""
    seed: int = 0
    """Orders prompts and names what is drawn."""

    def __post_init__(self) -> None:
        _check_choice("algorithm", self.algorithm, get_args(Algorithm))
        _check_choice("precision", self.precision, get_args(Precision))
        for name in ("steps", "prompts_per_step", "replies_per_prompt", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} must be at least 1")
        if self.algorithm in ("grpo", "rloo") and self.replies_per_prompt < 2:
            raise InputError(
                f"{self.algorithm} compares the replies to a prompt; replies_per_prompt="
                f"{self.replies_per_prompt} must be 2 or more"
            )
        if self.algorithm == "reinforce" and self.replies < 2:
            raise InputError("reinforce compares the replies of a step; it needs two or more")
        if not 0 < self.temperature < float("inf"):
            raise InputError(f"temperature={self.temperature} must be positive, 1 as a rule")
        if not 0 <= self.kl_weight < float("inf"):
            raise InputError(f"kl_weight={self.kl_weight} must be 0 or more")
        if self.seed < 0:
            raise InputError(f"seed={self.seed} must not be negative")
        if self.replies < self.update.minibatches:
            raise InputError(
                f"{self.update.minibatches} minibatches of {self.replies} replies would be empty; "
                "lower update.minibatches"
            )

    @property
    def replies(self) -> int:
        """Replies of a step."""
        return self.prompts_per_step * self.replies_per_prompt

    @property
    def average(self) -> Average:
        """How losses of tokens become one number."""
        return self.update.average or _AVERAGES[self.algorithm]

    @property
    def whitens(self) -> bool:
        """Whether advantages are whitened."""
        return self.algorithm == "ppo" if self.update.whiten is None else self.update.whiten


def _check_choice(name: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise InputError(f"{name}={value!r} must be one of {', '.join(options)}")
