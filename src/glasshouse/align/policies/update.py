"""From replies and their rewards to advantages, losses and new weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from glasshouse.align.policies.advantages import (
    generalised_advantages,
    group_advantages,
    leave_one_out_advantages,
    whitened,
)
from glasshouse.align.policies.config import PolicyConfig
from glasshouse.align.policies.objectives import clipped_policy_loss, clipped_value_loss
from glasshouse.align.policies.reading import (
    TOKENS_IN_A_GRAPH,
    Reading,
    ReplyRows,
    in_parts,
    read,
    read_values,
)
from glasshouse.align.policies.values import ValueModel
from glasshouse.errors import InputError
from glasshouse.training.steps import clip_gradients


class Judged(NamedTuple):
    """A batch of replies with all that its updates need."""

    rows: ReplyRows
    old: Reading
    """The policy's when the replies were drawn, computed by the trainer."""
    reference: Float[Tensor, "reply token"]
    """Log-probabilities under the reference."""
    is_counted: Bool[Tensor, "reply token"]
    """Tokens that the loss counts."""
    advantages: Float[Tensor, "reply token"]
    targets: Float[Tensor, "reply token"] | None
    """What values should have been."""


def advantages_of(
    rewards: Float[Tensor, " reply"],
    old: Reading,
    reference: Float[Tensor, "reply token"],
    is_counted: Bool[Tensor, "reply token"],
    is_reply: Bool[Tensor, "reply token"],
    config: PolicyConfig,
) -> tuple[Float[Tensor, "reply token"], Float[Tensor, "reply token"] | None]:
    """What each token was worth beyond what was to be expected, and what values should have been.

    Args:
        rewards: Of whole replies, as they are to be compared.
        old: Log-probabilities, and for ppo values, of the policy that drew the replies.
        reference: Log-probabilities under the reference.
        is_counted: Tokens that the loss counts.
        is_reply: Tokens of replies.
        config: The run.
    """
    drawn = is_reply.to(rewards.dtype)
    cost = torch.zeros_like(drawn)
    if config.rewards.kl == "reward":
        cost = config.kl_weight * (old.logprobs - reference) * drawn
    targets = None
    if config.algorithm == "ppo":
        assert old.values is not None
        # A reply's reward is given at its last token, and nowhere in the padding behind it.
        is_last = drawn.cumsum(dim=1) == drawn.sum(dim=1, keepdim=True)
        at_token = torch.where(is_last & is_reply, rewards[:, None], 0.0) - cost
        advantages = generalised_advantages(
            at_token,
            old.values,
            is_reply,
            discount=config.values.discount,
            trace=config.values.trace,
        )
        targets = advantages + old.values
    else:
        advantages = _compared(rewards - cost.sum(dim=1), config)[:, None] * drawn
    if config.whitens:
        advantages = whitened(advantages, is_counted)
    return advantages, targets


def _compared(rewards: Float[Tensor, " reply"], config: PolicyConfig) -> Float[Tensor, " reply"]:
    groups = rewards.view(config.prompts_per_step, config.replies_per_prompt)
    if config.algorithm == "grpo":
        return group_advantages(groups, divide=config.update.divide_by_spread).flatten()
    if config.algorithm == "rloo":
        return leave_one_out_advantages(groups).flatten()
    return leave_one_out_advantages(rewards[None]).flatten()


@dataclass(frozen=True, kw_only=True, slots=True)
class Learner:
    """What is trained, and by what."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    values: ValueModel | None
    value_optimizer: torch.optim.Optimizer | None
    precision: Literal["fp32", "bf16"]


class Updated(NamedTuple):
    """What the updates of a step were like, on average."""

    loss: float
    value_loss: float | None
    clip_share: float
    grad_norm: float


class _Losses(NamedTuple):
    """Sums over a part of a minibatch, which with the other parts' make its mean."""

    policy: Float[Tensor, ""]
    value: Float[Tensor, ""]
    clipped: Float[Tensor, ""]


def read_policy(learner: Learner, rows: ReplyRows, config: PolicyConfig) -> Reading:
    """What the policy makes of replies, and what is expected before each token."""
    return in_parts(rows, lambda part: _read_part(learner, part, config))


def _read_part(learner: Learner, rows: ReplyRows, config: PolicyConfig) -> Reading:
    values = learner.values
    found = read(
        learner.network,
        rows,
        temperature=config.temperature,
        precision=learner.precision,
        head=values.head if values is not None and values.network is None else None,
    )
    if values is None or values.network is None:
        return found
    own = read_values(values.network, rows, precision=learner.precision, head=values.head)
    return found._replace(values=own)


def read_once(learner: Learner, rows: ReplyRows, config: PolicyConfig) -> Reading | None:
    """The policy's reading with its gradients, if the step's only update can use it: then old and
    new log-probabilities are the same numbers, and are computed once. None if they are not.
    """
    is_only = config.update.epochs * config.update.minibatches == 1
    if not is_only or len(rows.parts(TOKENS_IN_A_GRAPH)) > 1:
        return None
    return read_policy(learner, rows, config)


@torch.no_grad()
def read_before(learner: Learner, rows: ReplyRows, config: PolicyConfig) -> Reading:
    """The same without gradients."""
    return read_policy(learner, rows, config)


def update(
    learner: Learner,
    judged: Judged,
    config: PolicyConfig,
    *,
    step: int,
    new: Reading | None = None,
) -> Updated:
    """Change the policy by one batch of replies: every minibatch of every epoch in turn.

    Args:
        learner: What is trained.
        judged: The batch.
        config: The run.
        step: Steps before this one, which name how replies are dealt out.
        new: What `read_once` gave.

    Raises:
        InputError: If a loss is no longer a number.
    """
    found: list[tuple[float, float, float, float]] = []
    for places in _minibatches(judged, config, step):
        counts = _counts(judged.is_counted[places], config)
        learner.optimizer.zero_grad(set_to_none=True)
        if learner.value_optimizer is not None:
            learner.value_optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(3)
        whole = judged.rows.of(places)
        for part in whole.parts(TOKENS_IN_A_GRAPH):
            own = [places[row] for row in part]
            found_now = new or read_policy(learner, judged.rows.of(own), config)
            losses = _losses(found_now, judged, own, counts, config)
            (losses.policy + config.values.weight * losses.value).backward()
            sums += torch.stack(losses).detach().cpu()
        loss, value_loss, clipped = sums.tolist()
        if not np.isfinite(loss + value_loss):
            raise InputError(
                f"the loss is {loss + value_loss}; lower schedule.peak_lr="
                f"{config.schedule.peak_lr:g}"
            )
        norm = _clip(learner, config)
        learner.optimizer.step()
        if learner.value_optimizer is not None:
            learner.value_optimizer.step()
        found.append((loss, value_loss, clipped, norm))
    loss, value_loss, clipped, norm = np.mean(found, axis=0).tolist()
    return Updated(loss, None if learner.values is None else value_loss, clipped, norm)


def _minibatches(judged: Judged, config: PolicyConfig, step: int) -> Iterator[list[int]]:
    """Places of replies, dealt out anew in every epoch: a prompt's together where there are prompts
    enough, as they share what is read of it.
    """
    count, parts = len(judged.rows.replies), config.update.minibatches
    each = config.replies_per_prompt if config.prompts_per_step >= parts else 1
    for epoch in range(config.update.epochs):
        if parts == 1:
            yield list(range(count))
            continue
        order = np.random.default_rng([config.seed, step, epoch, 0x3B]).permutation(count // each)
        for part in np.array_split(order, parts):
            yield [int(first) * each + within for first in part for within in range(each)]


class _Counts(NamedTuple):
    tokens: float
    replies: float


def _counts(is_counted: Bool[Tensor, "reply token"], config: PolicyConfig) -> _Counts:
    """What sums over a minibatch are divided by."""
    return _Counts(
        tokens=max(1.0, float(is_counted.sum())),
        replies=max(1.0, float(is_counted.any(dim=1).sum())),
    )


def _losses(
    new: Reading, judged: Judged, places: list[int], counts: _Counts, config: PolicyConfig
) -> _Losses:
    """The losses of some replies, as their share of the minibatch's mean."""
    width = new.logprobs.shape[1]

    def own(whole: Tensor) -> Tensor:
        return whole[places, :width]

    counted = own(judged.is_counted)
    old, advantages = own(judged.old.logprobs), own(judged.advantages)
    rules = config.update
    if rules.ratio == "token":
        losses = clipped_policy_loss(
            new.logprobs, old, advantages, clip=rules.clip, clip_above=rules.clip_above
        )
        clipped = _is_clipped(new.logprobs - old, advantages, config) & counted
    else:
        both = (
            (new.logprobs * counted).sum(dim=1, keepdim=True),
            (old * counted).sum(dim=1, keepdim=True),
        )
        worth = _mean_of(advantages, counted)
        whole = clipped_policy_loss(*both, worth, clip=rules.clip, clip_above=rules.clip_above)
        sizes = counted.sum(dim=1, keepdim=True).clamp(min=1)
        losses = whole / sizes  # a reply's tokens share its loss
        clipped = _is_clipped(both[0] - both[1], worth, config) & counted
    if config.rewards.kl == "loss" and config.kl_weight:
        log_ratio = torch.where(counted, own(judged.reference) - new.logprobs, 0.0)
        losses = losses + config.kl_weight * (log_ratio.expm1() - log_ratio)
    value = torch.zeros((), device=losses.device)
    if new.values is not None:
        assert judged.old.values is not None
        assert judged.targets is not None
        worst = clipped_value_loss(
            new.values, own(judged.old.values), own(judged.targets), clip=config.values.clip
        )
        value = (worst * counted).sum() / counts.tokens
    return _Losses(
        policy=_averaged(losses * counted, counted, counts, config),
        value=value,
        clipped=clipped.sum() / counts.tokens,
    )


def _averaged(
    losses: Float[Tensor, "reply token"],
    counted: Bool[Tensor, "reply token"],
    counts: _Counts,
    config: PolicyConfig,
) -> Float[Tensor, ""]:
    if config.update.ratio == "reply":
        return losses.sum() / counts.replies
    if config.average == "token":
        return losses.sum() / counts.tokens
    if config.average == "constant":
        return losses.sum() / (counts.replies * config.max_new_tokens)
    sizes = counted.sum(dim=1).clamp(min=1)
    return (losses.sum(dim=1) / sizes).sum() / counts.replies


def _mean_of(
    values: Float[Tensor, "reply token"], counted: Bool[Tensor, "reply token"]
) -> Float[Tensor, "reply 1"]:
    sizes = counted.sum(dim=1, keepdim=True).clamp(min=1)
    return (values * counted).sum(dim=1, keepdim=True) / sizes


@torch.no_grad()
def _is_clipped(
    log_ratio: Float[Tensor, "reply token"],
    advantages: Float[Tensor, "reply token"],
    config: PolicyConfig,
) -> Bool[Tensor, "reply token"]:
    """Where moving on would gain, and the clip says that it does not."""
    above = config.update.clip if config.update.clip_above is None else config.update.clip_above
    ratio = log_ratio.exp()
    return ((ratio > 1 + above) & (advantages > 0)) | (
        (ratio < 1 - config.update.clip) & (advantages < 0)
    )


def _clip(learner: Learner, config: PolicyConfig) -> float:
    """Clip the policy's gradient, and the values' own; returns the norm of the policy's."""
    trained = [p for p in learner.network.parameters() if p.requires_grad]
    norm = clip_gradients(trained, config.optimizer.clip_norm)
    if learner.values is not None:
        clip_gradients(list(learner.values.parameters()), config.optimizer.clip_norm)
    return float(norm)
