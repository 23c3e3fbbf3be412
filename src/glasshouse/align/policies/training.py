"""Policy training as an iterator: draw replies, score them, update, and tell what happened."""

import copy
import math
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glasshouse.align.judges.model import PreferenceModel
from glasshouse.align.policies.config import PolicyConfig
from glasshouse.align.policies.divergence import k1, k3
from glasshouse.align.policies.keeping import Keeper, Trained
from glasshouse.align.policies.reading import Reading, ReplyRows, in_parts, read, rows_of
from glasshouse.align.policies.replies import Reply, Reward, Watch
from glasshouse.align.policies.rewards import JudgeReward, end_ids
from glasshouse.align.policies.sampling import sample_replies, settled
from glasshouse.align.policies.scores import RewardScale, normalised, ruled, scale_of
from glasshouse.align.policies.step import PolicyStep, Stop
from glasshouse.align.policies.update import (
    Judged,
    Learner,
    advantages_of,
    read_before,
    read_once,
    update,
)
from glasshouse.align.policies.values import make_values
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.training.distributed import refuse_sharded
from glasshouse.training.loop import interrupts_held
from glasshouse.training.optimizer import make_optimizer, set_learning_rate
from glasshouse.training.schedule import learning_rate


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
    folder: Path | None = None,
) -> Generator[PolicyStep, None, None]:
    """Train a policy in place on its own replies; stopping early is `break`.

    With a folder, a run that was stopped goes on when it is called again with the same arguments,
    the policy as it was at first among them: `policies.keeping` says what is kept.

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
        folder: Where metrics and checkpoints are kept; a new one, or this run's.

    Raises:
        InputError: If there are not enough prompts, one does not fit, the judge reads other tokens,
            the folder is another run's, or a reward, a loss or the divergence is out of hand: with
            the step, whose replies are then kept in the folder.
        RunError: If what the folder holds is damaged, or the disk is full.
    """
    job = _start(policy, prompts, reward, config, reference, watch, stop, values_from, folder)
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
    keeper: Keeper


def _start(
    policy: LanguageModel,
    prompts: Sequence[Sequence[int]],
    reward: Reward,
    config: PolicyConfig,
    reference: LanguageModel | None,
    watch: Watch | None,
    stop: Stop | Sequence[Stop] | None,
    values_from: PreferenceModel | None,
    folder: Path | None,
) -> _Job:
    if len(prompts) < config.prompts_per_step:
        raise InputError(
            f"{len(prompts)} prompts are fewer than the prompts_per_step={config.prompts_per_step} "
            "of a step; give more, or lower it"
        )
    refuse_sharded("a policy that learns from its own replies")
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
        stop_ids=end_ids(policy.tokenizer) if config.stop_ids is None else config.stop_ids,
        keeper=Keeper(
            folder,
            Trained(
                policy=policy,
                optimizer=learner.optimizer,
                values=values,
                value_optimizer=learner.value_optimizer,
            ),
            prompts,
            config,
        ),
    )


def _train(job: _Job) -> Generator[PolicyStep, None, None]:
    keeper, last = job.keeper, job.config.steps
    history = keeper.resume()
    if history and history[-1].stopped:
        return
    scale = _measure(job) if keeper.scale is None else keeper.scale
    keeper.begin(scale)
    try:
        for number in range(len(history), last):
            with interrupts_held():
                found = _advance(job, scale, number)
                history.append(replace(found, replies=(), scores=()))
                reason = next((said for rule in job.stops if (said := rule(history))), "")
                found = replace(found, stopped=reason)
                keeper.remember(found)
                keeper.save_if_due(is_last=bool(reason) or found.step == last)
            yield found
            if reason:
                return
    except (KeyboardInterrupt, GeneratorExit):
        with interrupts_held():
            keeper.save()
        raise


def _measure(job: _Job) -> RewardScale:
    """Mean and spread of the untrained policy's rewards, fixed before the first step."""
    rules = job.config.rewards
    if rules.normalise == "none" and rules.truncated == "leave-out":
        return RewardScale(0.0, 1.0)
    replies = _sample(job, 0, purpose=1)
    scores = _scores(job, replies, 0)
    is_whole = _is_whole(job, replies)
    if not bool(is_whole.any()):
        raise InputError(
            f"no reply of the untrained policy ends within max_new_tokens="
            f"{job.config.max_new_tokens}; allow more, or say with stop_ids=() that none need to"
        )
    return scale_of(scores[is_whole])


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


def _scores(job: _Job, replies: Sequence[Reply], step: int) -> Float[Tensor, " reply"]:
    """The reward of each reply; a step is 0 before the first."""
    scores = job.reward(replies).detach().float().cpu()
    if scores.shape != (len(replies),):
        raise InputError(
            f"the reward is of shape {tuple(scores.shape)}, not one number for each of "
            f"{len(replies)} replies"
        )
    wrong = (~scores.isfinite()).nonzero()[:, 0].tolist()
    if wrong:
        kept = job.keeper.keep_offending([replies[at] for at in wrong], scores[wrong], step)
        raise InputError(
            f"step {step}: the reward of {len(wrong)} of {len(replies)} replies is no finite "
            f"number, the first {scores[wrong[0]].item()} for reply {wrong[0] + 1}{kept}"
        )
    return scores


def _is_whole(job: _Job, replies: Sequence[Reply]) -> Bool[Tensor, " reply"]:
    return torch.tensor([reply.ended or not job.stop_ids for reply in replies])


def _advance(job: _Job, scale: RewardScale, number: int) -> PolicyStep:
    began = time.perf_counter()
    config, learner = job.config, job.learner
    with _refusals(job, (), None, number + 1):
        replies = _sample(job, number)
    scores = _scores(job, replies, number + 1)
    watched = {} if job.watch is None else dict(job.watch(replies))
    is_whole = _is_whole(job, replies)
    counted_as = ruled(scores, is_whole, scale, config)
    device = next(learner.network.parameters()).device
    rows = rows_of(replies, device)
    new = read_once(learner, rows, config)
    old = read_before(learner, rows, config) if new is None else _detached(new)
    reference = _reference(job, rows)
    nats = k1(old.logprobs, reference, rows.is_reply)
    nats_k3 = k3(old.logprobs, reference, rows.is_reply)
    with _refusals(job, replies, scores, number + 1):
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
    with _refusals(job, replies, scores, number + 1):
        done = update(learner, judged, config, step=number, new=new)
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


@torch.no_grad()
def _reference(job: _Job, rows: ReplyRows) -> Float[Tensor, "reply token"]:
    """Log-probabilities under the reference, in the parts in which the policy is read."""

    def read_part(part: ReplyRows) -> Reading:
        return read(
            job.reference.network,
            part,
            temperature=job.config.temperature,
            precision=job.learner.precision,
        )

    return in_parts(rows, read_part).logprobs


def _detached(found: Reading) -> Reading:
    values = None if found.values is None else found.values.detach()
    return Reading(found.logprobs.detach(), found.entropy, values)


@contextmanager
def _refusals(
    job: _Job, replies: Sequence[Reply], scores: Float[Tensor, " reply"] | None, step: int
) -> Iterator[None]:
    """Name the step of what is refused, and keep its replies."""
    try:
        yield
    except InputError as error:
        kept = job.keeper.keep_offending(replies, scores, step) if replies else ""
        raise InputError(f"step {step}: {error}{kept}") from error


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
