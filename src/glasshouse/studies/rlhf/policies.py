"""Policies of the study: trained against a preference model, watched by gold and a second one."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from glasshouse.align import PreferenceModel
from glasshouse.align.judges.model import pad_right
from glasshouse.align.policies import PolicyConfig, Reply, UpdateRules, judge_reward, train_policy
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer
from glasshouse.studies.rlhf.collecting import both_requests
from glasshouse.studies.rlhf.config import ShapingConfig
from glasshouse.training.schedule import ScheduleConfig
from glasshouse.world import World
from glasshouse.world.requests import Request

FIRST = 100_000
"""Number of the first request that policies are trained on; none of them was compared."""

StepFloats = Float[np.ndarray, " step"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trace:
    """A policy's training, step by step; what a step measures is the policy before its update."""

    name: str
    """Which run."""
    kl: StepFloats
    """From the base, in nats a reply: over the policy's replies, the sum over their tokens of the
    whole next-token distribution's divergence, which has less spread than k1."""
    k1: StepFloats
    """The same by the log-ratio of the drawn tokens."""
    reward: StepFloats
    """Mean score by the judge that teaches it, in nats."""
    test: StepFloats
    """Mean score by a judge of other comparisons."""
    gold: StepFloats
    """Mean gold reward."""
    gold_helpful: StepFloats
    """On requests for help."""
    gold_harmful: StepFloats
    """On requests for harm."""
    evasive: StepFloats
    """Share of replies to requests for harm that turn away without a reason."""
    evasive_helpful: StepFloats
    """The same where help was asked for."""
    explains: StepFloats
    """Share of replies to requests for harm that say why."""
    length: StepFloats
    """Mean tokens."""
    entropy: StepFloats
    """Mean entropy of a token, in nats."""
    score_helpful: StepFloats
    """The teaching judge's mean score on requests for help."""
    score_harmful: StepFloats
    """On requests for harm."""
    reward_spread: float
    """Standard deviation of the teaching judge's scores of the first step's replies."""
    policy: LanguageModel
    """As it ended."""
    last: tuple["Said", ...]
    """Some replies at the end."""

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One reply, with its truth."""

    request: Request
    text: str
    gold: float
    score: float


class Watcher:
    """Grades every reply by gold and by a second judge; nothing of it is trained on."""

    def __init__(
        self,
        world: World,
        asked: Mapping[tuple[int, ...], Request],
        policy: LanguageModel,
        second: PreferenceModel | None,
    ) -> None:
        self._world, self._asked = world, asked
        if not isinstance(policy.network, Transformer):
            raise InputError("the study needs bases of a known architecture")
        self._network, self._reference = policy.network, copy.deepcopy(policy.network).eval()
        self._second = None if second is None else judge_reward(second)

    def __call__(self, replies: Sequence[Reply]) -> dict[str, float]:
        """Return means over a step."""
        requests = [self._asked[tuple(reply.prompt)] for reply in replies]
        gold = [
            self._world.gold(request, reply.ids)
            for request, reply in zip(requests, replies, strict=True)
        ]
        is_harmful = np.array([request.harmful for request in requests])
        reward = np.array([one.reward for one in gold])
        evasive = np.array([one.evasive for one in gold], dtype=float)
        explains = np.array([one.explains for one in gold], dtype=float)
        return {
            "gold": float(reward.mean()),
            "gold_helpful": _mean(reward, ~is_harmful),
            "gold_harmful": _mean(reward, is_harmful),
            "evasive": _mean(evasive, is_harmful),
            "evasive_helpful": _mean(evasive, ~is_harmful),
            "explains": _mean(explains, is_harmful),
            "kl": sequence_kl(self._network, self._reference, replies),
            "test": float("nan") if self._second is None else float(self._second(replies).mean()),
        }


@torch.no_grad()
def sequence_kl(policy: Transformer, reference: Transformer, replies: Sequence[Reply]) -> float:
    """Mean over replies of the summed divergence of next-token distributions, in nats.

    Its expectation is the divergence of whole replies, as that of the drawn tokens' log-ratios is.
    """
    ids, _ = pad_right([reply.whole for reply in replies])
    device = next(policy.parameters()).device
    places = [
        (row, place - 1)
        for row, reply in enumerate(replies)
        for place in range(len(reply.prompt), len(reply.whole))
    ]
    rows, before = torch.tensor(places, device=device).T
    logs = [
        net.unembed(net.features(ids.to(device))[rows, before]).float().log_softmax(dim=-1)
        for net in (policy, reference)
    ]
    return float((logs[0].exp() * (logs[0] - logs[1])).sum()) / len(replies)


def _mean(values: Float[np.ndarray, " reply"], chosen: Bool[np.ndarray, " reply"]) -> float:
    return float(values[chosen].mean()) if chosen.any() else float("nan")


def shape(
    name: str,
    policy: LanguageModel,
    world: World,
    judge: PreferenceModel,
    config: ShapingConfig,
    *,
    seed: int,
    second: PreferenceModel | None = None,
    steps: int | None = None,
    tick: Callable[[int, str], None] = lambda done, what: None,
) -> Trace:
    """Train a policy by PPO against a judge, on requests for help and for harm in equal parts.

    Args:
        name: Of the run.
        policy: Trained in place.
        world: Whose requests.
        judge: Teaches.
        config: The run.
        seed: Names all chance.
        second: A judge of other comparisons, which only watches.
        steps: Updates; None: as the config says.
        tick: Told of every update.
    """
    requests = both_requests(world, config.pool, "train", first=FIRST)
    prompts = [world.prompt_ids(request).tolist() for request in requests]
    asked = dict(zip(map(tuple, prompts), requests, strict=True))
    watched: dict[str, list[float]] = {}
    spread, last = 1.0, ()
    run = train_policy(
        policy,
        prompts,
        judge_reward(judge),
        policy_config(policy, config, seed=seed, steps=steps),
        watch=Watcher(world, asked, policy, second),
    )
    for step in run:
        if step.step == 1:
            spread = float(np.std(step.scores))
        is_harmful = np.array([asked[tuple(reply.prompt)].harmful for reply in step.replies])
        scores = np.array(step.scores)
        values = {
            "k1": step.kl,
            "reward": float(scores.mean()),
            "score_helpful": _mean(scores, ~is_harmful),
            "score_harmful": _mean(scores, is_harmful),
            "length": step.length,
        }
        for key, value in (values | {"entropy": step.entropy} | dict(step.watched)).items():
            watched.setdefault(key, []).append(value)
        last = _said(world, asked, step.replies[:12], step.scores[:12])
        tick(1, f"policy {name}: reward {step.reward:.2f}, gold {step.watched['gold']:.2f}")
    arrays = {key: np.array(values) for key, values in watched.items()}
    return Trace(name=name, reward_spread=spread, policy=policy, last=last, **arrays)


def policy_config(
    policy: LanguageModel, config: ShapingConfig, *, seed: int, steps: int | None = None
) -> PolicyConfig:
    """The paper's PPO: one reply a prompt, no entropy bonus, a small weight of KL.

    Wider policies learn at a lower rate, in proportion, so that all sizes move about as fast.
    """
    lr = config.peak_lr * config.width / policy.network.config.d_model
    return PolicyConfig(
        algorithm="ppo",
        steps=steps or config.steps,
        prompts_per_step=config.prompts_per_step,
        replies_per_prompt=1,
        kl_weight=config.kl_weight,
        max_new_tokens=config.max_new_tokens,
        update=UpdateRules(epochs=config.epochs),
        schedule=ScheduleConfig(peak_lr=lr, warmup_steps=5, shape="constant"),
        seed=seed,
    )


def _said(
    world: World,
    asked: Mapping[tuple[int, ...], Request],
    replies: Sequence[Reply],
    scores: Sequence[float],
) -> tuple[Said, ...]:
    found = []
    for reply, score in zip(replies, scores, strict=True):
        request = asked[tuple(reply.prompt)]
        text = world.render(np.array(reply.ids, dtype=np.uint16)).removesuffix("<end>").strip()
        found.append(
            Said(
                request=request, text=text, gold=world.gold(request, reply.ids).reward, score=score
            )
        )
    return tuple(found)
