"""Policy training as an iterator: draw replies, score them, update, and tell what happened."""

import copy
import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glasshouse.align.divergence import k1, k3
from glasshouse.align.judge import PreferenceModel
from glasshouse.align.policies.config import PolicyConfig
from glasshouse.align.policies.reading import Reading, ReplyRows, read_all, rows_of
from glasshouse.align.policies.replies import Reply, Reward, Watch
from glasshouse.align.policies.rewards import JudgeReward
from glasshouse.align.policies.sampling import sample_replies, settled
from glasshouse.align.policies.step import PolicyStep, Stop
from glasshouse.align.policies.update import Judged, Learner, advantages_of, update
from glasshouse.align.policies.values import make_values
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.training.optimizer import make_optimizer, set_learning_rate
from glasshouse.training.schedule import learning_rate


class RewardScale(NamedTuple):
    """What rewards were before training."""

    mean: float
    spread: float


def train_policy(
    policy: LanguageModel,
    prompts: Sequence[Sequence[int]],
    reward: Reward,
    config: PolicyConfig,
    *,
    reference: LanguageModel | None = None,
    watch: Watch | None = None,
    stop: Stop | Sequence[Stop] | None = None,
    values_from: PreferenceModel | None = None,
) -> Generator[PolicyStep, None, None]:
    """Train a policy in place on its own replies; stopping early is `break`.

    Args:
        policy: What is trained.
        prompts: Token ids up to where replies begin; a step takes the next of them, and goes round
            all of them in a new order each time.
        reward: What is maximised.
        config: The run.
        reference: What the policy is held near to; None: the policy as it is now.
        watch: What is measured at every step.
        stop: One rule or several that end training early.
        values_from: ppo only: a judge that the values begin as.

    Raises:
        InputError: If there are not enough prompts, one does not fit, the judge reads other tokens,
            or a reward, a loss or the divergence is out of hand: with the step.
    """
    job = _start(policy, prompts, reward, config, reference, watch, stop, values_from)
    return _train(job)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """What every part of the loop reads."""

    policy: LanguageModel
    reference: LanguageModel
    prompts: Sequence[Sequence[int]]
    reward: Reward
    config: PolicyConfig
    watch: Watch | None
    stops: Sequence[Stop]
    learner: Learner
    stop_ids: tuple[int, ...]


def _start(
    policy: LanguageModel,
    prompts: Sequence[Sequence[int]],
    reward: Reward,
    config: PolicyConfig,
    reference: LanguageModel | None,
    watch: Watch | None,
    stop: Stop | Sequence[Stop] | None,
    values_from: PreferenceModel | None,
) -> _Job:
    if len(prompts) < config.prompts_per_step:
        raise InputError(
            f"{len(prompts)} prompts are fewer than the prompts_per_step={config.prompts_per_step} "
            "of a step; give more, or lower it"
        )
    if isinstance(reward, JudgeReward):
        reward.check(policy)
    policy.network.eval()  # no dropout: it would make old and new log-probabilities differ
    if reference is None:
        frozen = copy.deepcopy(policy.network).requires_grad_(False)
        reference = LanguageModel(frozen, policy.tokenizer, policy.origin)
    reference.network.eval()
    device = next(policy.network.parameters()).device
    values = make_values(policy, config, values_from)
    learner = Learner(
        network=policy.network,
        optimizer=make_optimizer(policy.network, config.optimizer),
        values=values,
        value_optimizer=None if values is None else make_optimizer(values, config.optimizer),
        precision=settled(config.precision, device),
    )
    stops = [] if stop is None else [stop] if callable(stop) else list(stop)
    return _Job(
        policy=policy,
        reference=reference,
        prompts=prompts,
        reward=reward,
        config=config,
        watch=watch,
        stops=stops,
        learner=learner,
        stop_ids=stop_ids_of(policy, config),
    )


def stop_ids_of(policy: LanguageModel, config: PolicyConfig) -> tuple[int, ...]:
    """Tokens that end a reply.

    Raises:
        InputError: If the config names none and the tokenizer has none.
    """
    if config.stop_ids is not None:
        return config.stop_ids
    if policy.tokenizer.end_id is not None:
        return (policy.tokenizer.end_id,)
    known = [policy.tokenizer.core.token_to_id(token) for token in ("<end>", "<eoc>")]
    found = tuple(token for token in known if token is not None)
    if not found:
        raise InputError(
            "the tokenizer has no end token; name the tokens that end a reply in "
            "stop_ids, or none of them with stop_ids=()"
        )
    return found


def _train(job: _Job) -> Generator[PolicyStep, None, None]:
    scale = _measure(job)
    history: list[PolicyStep] = []
    for number in range(job.config.steps):
        try:
            found = _advance(job, scale, number)
        except InputError as error:
            raise InputError(f"step {number + 1}: {error}") from error
        history.append(replace(found, replies=(), scores=()))
        reason = next((said for rule in job.stops if (said := rule(history))), "")
        yield replace(found, stopped=reason)
        if reason:
            return


def _measure(job: _Job) -> RewardScale:
    """Mean and spread of the untrained policy's rewards, fixed before the first step."""
    rules = job.config.rewards
    if rules.normalise == "none" and rules.truncated == "leave-out":
        return RewardScale(0.0, 1.0)
    replies = _sample(job, 0, purpose=1)
    scores = _scores(job, replies)
    is_whole = _is_whole(job, replies)
    if not bool(is_whole.any()):
        raise InputError(
            f"no reply of the untrained policy ends within max_new_tokens="
            f"{job.config.max_new_tokens}; allow more, or say with stop_ids=() that none need to"
        )
    whole = scores[is_whole]
    spread = float(whole.std(correction=0)) if len(whole) > 1 else 0.0
    return RewardScale(float(whole.mean()), spread if spread > 0 else 1.0)


def _sample(job: _Job, number: int, *, purpose: int = 0) -> list[Reply]:
    config = job.config
    chosen = prompts_of_step(len(job.prompts), config, number)
    seed = np.random.SeedSequence([config.seed, number, purpose, 0x5A]).generate_state(1)[0]
    return sample_replies(
        job.policy,
        [job.prompts[place] for place in chosen for _ in range(config.replies_per_prompt)],
        max_new_tokens=config.max_new_tokens,
        temperature=config.temperature,
        stop_ids=job.stop_ids,
        seed=int(seed),
        precision=job.learner.precision,
    )


def prompts_of_step(count: int, config: PolicyConfig, number: int) -> list[int]:
    """Places of a step's prompts: all in turn, in an order of its own each time round."""
    size = config.prompts_per_step
    found: list[int] = []
    for place in range(number * size, (number + 1) * size):
        turn, within = divmod(place, count)
        order = _order(count, config.seed, turn)
        found.append(int(order[within]))
    return found


def _order(count: int, seed: int, turn: int) -> np.ndarray:
    return np.random.default_rng([seed, turn, 0x0D]).permutation(count)


def _scores(job: _Job, replies: Sequence[Reply]) -> Float[Tensor, " reply"]:
    scores = job.reward(replies).detach().float().cpu()
    if scores.shape != (len(replies),):
        raise InputError(
            f"the reward is of shape {tuple(scores.shape)}, not one number for each of "
            f"{len(replies)} replies"
        )
    wrong = (~scores.isfinite()).nonzero()[:, 0].tolist()
    if wrong:
        raise InputError(
            f"the reward of {len(wrong)} of {len(replies)} replies is no finite number, the first "
            f"{scores[wrong[0]].item()} for reply {wrong[0] + 1}"
        )
    return scores


def _is_whole(job: _Job, replies: Sequence[Reply]) -> Bool[Tensor, " reply"]:
    return torch.tensor([reply.ended or not job.stop_ids for reply in replies])


def _advance(job: _Job, scale: RewardScale, number: int) -> PolicyStep:
    began = time.perf_counter()
    config, learner = job.config, job.learner
    replies = _sample(job, number)
    scores = _scores(job, replies)
    watched = {} if job.watch is None else dict(job.watch(replies))
    is_whole = _is_whole(job, replies)
    counted_as = ruled(scores, is_whole, scale, config)
    device = next(learner.network.parameters()).device
    rows = rows_of(replies, device)
    old, reference = _readings(job, rows)
    nats = k1(old.logprobs, reference, rows.is_reply)
    nats_k3 = k3(old.logprobs, reference, rows.is_reply)
    _refuse_explosion(float(nats_k3.mean()), config)
    is_counted = rows.is_reply
    if config.rewards.truncated == "leave-out":
        is_counted = is_counted & is_whole.to(device)[:, None]
    advantages, targets = advantages_of(
        normalised(counted_as, scale, config).to(device),
        old,
        reference,
        is_counted,
        rows.is_reply,
        config,
    )
    lr = learning_rate(config.schedule, number, config.steps)
    set_learning_rate(learner.optimizer, lr)
    if learner.value_optimizer is not None:
        set_learning_rate(learner.value_optimizer, lr * config.values.lr_scale)
    judged = Judged(rows, old, reference, is_counted, advantages, targets)
    done = update(learner, judged, config, step=number)
    drawn = [len(reply.ids) for reply in replies]
    tokens = sum(drawn)
    return PolicyStep(
        step=number + 1,
        reward=float(counted_as.mean()),
        kl=float(nats.mean()),
        kl_k3=float(nats_k3.mean()),
        entropy=float(old.entropy.sum()) / tokens,
        length=tokens / len(replies),
        ended=sum(reply.ended for reply in replies) / len(replies),
        clip_share=done.clip_share,
        drift=_drift(replies, old.logprobs, rows.is_reply),
        loss=done.loss,
        value_loss=done.value_loss,
        grad_norm=done.grad_norm,
        lr=lr,
        seconds=time.perf_counter() - began,
        watched=watched,
        scores=scores.tolist(),
        replies=replies,
    )


def _readings(job: _Job, rows: ReplyRows) -> tuple[Reading, Float[Tensor, "reply token"]]:
    """What policy and reference make of the replies, and for ppo what was expected."""
    config, learner = job.config, job.learner
    values = learner.values
    shared = values.head if values is not None and values.network is None else None
    how = {"temperature": config.temperature, "precision": learner.precision}
    old = read_all(learner.network, rows, head=shared, **how)
    if values is not None and values.network is not None:
        own = read_all(values.network, rows, head=values.head, **how)
        old = old._replace(values=own.values)
    return old, read_all(job.reference.network, rows, **how).logprobs


def ruled(
    scores: Float[Tensor, " reply"],
    is_whole: Bool[Tensor, " reply"],
    scale: RewardScale,
    config: PolicyConfig,
) -> Float[Tensor, " reply"]:
    """Scores with those of replies that were cut off as the rules have them.

    Left out of the loss, such a reply stands at the mean of its prompt's whole ones, so that it
    moves nobody else's comparison.
    """
    rules = config.rewards
    if rules.truncated == "fixed":
        fixed = scale.mean + rules.truncated_value * scale.spread
        return torch.where(is_whole, scores, fixed)
    if rules.truncated == "subtract":
        return torch.where(is_whole, scores, scores + rules.truncated_value * scale.spread)
    groups = scores.view(-1, config.replies_per_prompt)
    whole = is_whole.view_as(groups)
    counts = whole.sum(dim=1, keepdim=True)
    overall = scores[is_whole].mean() if bool(is_whole.any()) else scores.mean()
    means = torch.where(counts > 0, (groups * whole).sum(dim=1, keepdim=True) / counts, overall)
    return torch.where(whole, groups, means).flatten()


def normalised(
    rewards: Float[Tensor, " reply"], scale: RewardScale, config: PolicyConfig
) -> Float[Tensor, " reply"]:
    """Rewards in the units of training."""
    if config.rewards.normalise == "none":
        return rewards
    centred = rewards - scale.mean
    return centred if config.rewards.normalise == "centre" else centred / scale.spread


def _refuse_explosion(nats: float, config: PolicyConfig) -> None:
    if not nats <= config.rewards.kl_limit or math.isnan(nats):
        raise InputError(
            f"the divergence from the reference has exploded to {nats:.3g} nats a reply; lower "
            f"schedule.peak_lr={config.schedule.peak_lr:g} or raise kl_weight={config.kl_weight:g}"
        )


def _drift(
    replies: Sequence[Reply],
    logprobs: Float[Tensor, "reply token"],
    is_reply: Bool[Tensor, "reply token"],
) -> float:
    drawn = torch.tensor([value for reply in replies for value in reply.logprobs])
    return float((logprobs[is_reply].cpu() - drawn).abs().mean())
