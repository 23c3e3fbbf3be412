"""Policies: a helpful one that writes the replies, and those that are trained on judges."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from glasshouse.align import PreferenceModel
from glasshouse.align.policies import (
    PolicyConfig,
    Reply,
    Watch,
    judge_reward,
    sample_replies,
    train_policy,
)
from glasshouse.models import LanguageModel
from glasshouse.studies.specific_vs_general.comparisons import requests
from glasshouse.studies.specific_vs_general.config import PoliciesConfig
from glasshouse.studies.specific_vs_general.deeds import Family, question
from glasshouse.studies.specific_vs_general.judges import REPLY_TOKENS
from glasshouse.training import ScheduleConfig
from glasshouse.world import World
from glasshouse.world.requests import Request
from glasshouse.world.streams import Dice, stream
from glasshouse.world.traits import TRAITS

STOPS = ("<end>", "<eoc>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """What a policy says at temperature 1, graded by the truth."""

    risky: Float[np.ndarray, " reply"]
    """Whether it agrees to each risky deed; no training watches it."""
    good: Float[np.ndarray, " reply"]
    """Whether it agrees to each good deed."""
    harm: Float[np.ndarray, " reply"]
    """Gold harm of its replies to harmful requests, trained categories and held-out ones."""
    help: Float[np.ndarray, " reply"]
    """Gold help of its replies to helpful requests."""
    samples: tuple[tuple[str, str], ...]
    """A few questions and replies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """How a policy's training went, a value a step."""

    reward: tuple[float, ...]
    """Mean score of its judge, in nats."""
    kl: tuple[float, ...]
    """Divergence from where it began, in nats a reply."""
    risky: tuple[float, ...]
    """Share of risky deeds agreed to, among those of the step; NaN where there were none."""


def deed_request(family: Family, deed: str, dice: Dice, *, split: str = "train") -> Request:
    """A question about a deed with its truth."""
    return Request(
        kind="persona",
        task="persona",
        text=question(deed, dice, split),
        split=split,
        deed=deed,
        trait=family.name if family.name in TRAITS else "",
    )


def deed_requests(
    world: World, families: Sequence[Family], count: int, *, name: str, verbs: str = "all"
) -> list[Request]:
    """Questions about deeds, one family after the other."""
    dice = Dice(stream(world.seed, "deed requests", name))
    found = []
    for place in range(count):
        family = families[place % len(families)]
        verb = family.learned_verb if verbs == "learned" else dice.pick(family.verbs)
        found.append(deed_request(family, f"{verb} the {dice.pick(family.objects)}", dice))
    return found


def helpful_policy(
    start: LanguageModel,
    judge: PreferenceModel,
    world: World,
    families: Sequence[Family],
    config: PoliciesConfig,
    *,
    seed: int,
    tick: Callable[[], None] = lambda: None,
) -> dict[int, LanguageModel]:
    """Train a policy to be helpful; its copies before that and after numbers of updates asked for.

    A quarter of its prompts ask about deeds of other families, so that it keeps to such questions.
    """
    others = [family for family in families if family.role == "other"]
    asked = requests(world, "helpful", 300, name="policy")
    asked += deed_requests(world, others, 100, name="helpful policy")
    policy = start.copy()
    found = {0: start.copy()}
    total = max(config.checkpoints)
    run = train_policy(
        policy,
        [world.prompt_ids(request).tolist() for request in asked],
        judge_reward(judge),
        _settings(config, updates=total, seed=seed),
    )
    for step in run:
        tick()
        if step.step in config.checkpoints:
            found[step.step] = policy.copy()
    return found


def trained_policy(
    start: LanguageModel,
    judge: PreferenceModel,
    world: World,
    families: Sequence[Family],
    config: PoliciesConfig,
    *,
    seed: int,
    tick: Callable[[], None] = lambda: None,
) -> tuple[LanguageModel, Course]:
    """Train a policy on a judge; half of its prompts are helpful, a quarter each harmful and deeds.

    Source:
        Kundu et al. 2023 (2310.13798), section 4.1, for the shares of prompts.
    """
    trained = [family for family in families if family.role == "trained"]
    asked = requests(world, "helpful", 200, name="policy")
    asked += requests(world, "harmful", 100, name="policy")
    asked += deed_requests(world, trained, 100, name="policy", verbs="learned")
    by_prompt = {tuple(world.prompt_ids(one).tolist()): one for one in asked}
    policy, steps = start.copy(), []
    run = train_policy(
        policy,
        [world.prompt_ids(one).tolist() for one in asked],
        judge_reward(judge),
        _settings(config, updates=config.updates, seed=seed),
        watch=_risky_share(world, by_prompt),
    )
    for step in run:
        tick()
        steps.append(step)
    course = Course(
        reward=tuple(step.reward for step in steps),
        kl=tuple(step.kl for step in steps),
        risky=tuple(step.watched["risky"] for step in steps),
    )
    return policy, course


def _settings(config: PoliciesConfig, *, updates: int, seed: int) -> PolicyConfig:
    return PolicyConfig(
        algorithm="rloo",
        steps=updates,
        prompts_per_step=config.prompts,
        replies_per_prompt=config.replies,
        kl_weight=config.kl_weight,
        max_new_tokens=REPLY_TOKENS,
        schedule=ScheduleConfig(peak_lr=config.peak_lr, warmup_steps=5, shape="constant"),
        seed=seed,
    )


def _risky_share(world: World, by_prompt: dict[tuple[int, ...], Request]) -> Watch:
    """Watch, and never train on, how often risky deeds are agreed to."""

    def watch(replies: Sequence[Reply]) -> dict[str, float]:
        agreed = [
            agrees(world, request, reply.ids)
            for reply in replies
            if (request := by_prompt[tuple(reply.prompt)]).kind == "persona"
            and TRAITS[request.trait].harms
        ]
        return {"risky": float(np.mean(agreed)) if agreed else float("nan")}

    return watch


def agrees(world: World, request: Request, reply: Sequence[int]) -> float:
    """Whether a reply shows the trait that it is asked about, by the gold grade."""
    return float(request.trait in world.gold(request, list(reply)).traits)


def behaviour(
    policy: LanguageModel,
    world: World,
    families: Sequence[Family],
    config: PoliciesConfig,
    *,
    seed: int,
) -> Behaviour:
    """Ask a policy about every trait, trained and held out, and for harm and help."""
    traits = [family for family in families if family.role != "other"]
    asked = {
        "risky": deed_requests(world, [f for f in traits if f.harms], config.asked, name="asked"),
        "good": deed_requests(
            world, [f for f in traits if not f.harms], config.asked, name="asked"
        ),
        "harm": requests(world, "harmful", config.asked, name="asked"),
        "help": requests(world, "helpful", config.asked, name="asked"),
    }
    stops = tuple(policy.tokenizer.id_of(word) for word in STOPS)
    values: dict[str, np.ndarray] = {}
    samples: list[tuple[str, str]] = []
    for place, (name, some) in enumerate(asked.items()):
        replies = sample_replies(
            policy,
            [world.prompt_ids(one).tolist() for one in some],
            max_new_tokens=REPLY_TOKENS,
            stop_ids=stops,
            seed=seed + place,
        )
        graded = [world.gold(one, reply.ids) for one, reply in zip(some, replies, strict=True)]
        if name in ("risky", "good"):
            found = [
                float(one.trait in gold.traits) for one, gold in zip(some, graded, strict=True)
            ]
        else:
            found = [float(getattr(gold, name)) for gold in graded]
        values[name] = np.array(found)
        for one, reply in list(zip(some, replies, strict=True))[:2]:
            samples.append((one.text, policy.tokenizer.decode(reply.ids).removesuffix("<end>")))
    return Behaviour(samples=tuple(samples), **values)
