"""From chains and labels to policies: supervised learning, preference models, and then RL.

All policies are of one size. Those that learn from AI feedback begin as the model that learned from
revisions; the one that learns from people begins as the base, as the paper's does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from glasshouse.align import (
    Comparison,
    Dialogue,
    JudgeTrainingConfig,
    PreferenceModel,
    SftConfig,
    Turn,
    sl_dialogues,
    train_judge,
    train_sft,
    word_layout,
)
from glasshouse.align.pairs.collect import collect, dialogue_of, model_writer
from glasshouse.align.policies import PolicyConfig, PolicyStep, judge_reward, train_policy
from glasshouse.models import LanguageModel
from glasshouse.studies.constitutional_ai.chains import GradedChains
from glasshouse.studies.constitutional_ai.config import ShapingConfig
from glasshouse.studies.constitutional_ai.grading import (
    Replies,
    ask,
    harmful_requests,
    harmless_requests,
)
from glasshouse.studies.constitutional_ai.judging import MOST_WORDS
from glasshouse.training import ScheduleConfig
from glasshouse.world import World
from glasshouse.world.crowd import Crowd
from glasshouse.world.requests import Request
from glasshouse.world.streams import stream


def supervised(
    model: LanguageModel,
    chains: GradedChains,
    helpful: Sequence[Dialogue],
    config: ShapingConfig,
    *,
    seed: int,
) -> LanguageModel:
    """Train a base on revisions and helpful samples: SL-CAI."""
    layout = word_layout(model.tokenizer)
    learned = [layout(each) for each in sl_dialogues(chains.chains, helpful)]
    how = SftConfig(
        seed=seed,
        threads=1,
        compile="no",
        evaluate_every=0,
        schedule=ScheduleConfig(peak_lr=config.sl_lr, warmup_steps=5),
    )
    for _ in train_sft(model, learned, how):
        pass
    return model


def helpful_samples(model: LanguageModel, world: World, count: int, *, seed: int) -> list[Dialogue]:
    """What a helpful-only model answers to harmless requests; what does not end is left out."""
    requests = harmless_requests(world, count, split="train")
    said = model_writer(model)(requests, seed=seed)
    return [
        (*dialogue_of(request), Turn("assistant", text))
        for request, text in zip(requests, said, strict=True)
        if text
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledPairs:
    """Two replies of a policy to each of some requests, not yet compared."""

    comparisons: tuple[Comparison, ...]
    requests: tuple[Request, ...]


def sample_pairs(model: LanguageModel, requests: Sequence[Request], *, seed: int) -> SampledPairs:
    """Sample two replies to each request, and keep pairs that differ and end."""
    write = model_writer(model)
    both = [write(requests, seed=2 * seed + place) for place in (0, 1)]
    found = [
        (Comparison(prompt=dialogue_of(request), first=one, second=two), request)
        for request, one, two in zip(requests, *both, strict=True)
        if one and two and one != two
        if len(request.prompt.split()) + len(one.split()) + len(two.split()) < MOST_WORDS
    ]
    return SampledPairs(
        comparisons=tuple(each for each, _ in found), requests=tuple(each for _, each in found)
    )


def crowd_labels(
    model: LanguageModel, crowd: Crowd, requests: Sequence[Request], *, seed: int
) -> list[Comparison]:
    """Have people compare two replies of a model to each request."""
    found = collect({"model": model_writer(model)}, requests, crowd, interface="helpful", seed=seed)
    return [each.comparison for each in found]


def helpfulness_labels(pairs: SampledPairs, world: World) -> list[Comparison]:
    """What people say who are asked, of harmful requests too, which reply does what was asked.

    A reply that does all of it is preferred to one that does nothing with odds of e^4.
    """
    found = []
    for pair, request in zip(pairs.comparisons, pairs.requests, strict=True):
        first, second = (world.gold(request, text).help for text in (pair.first, pair.second))
        if first != second:
            p_first = float(1 / (1 + np.exp(4 * (second - first))))
            found.append(replace(pair, p_first=p_first))
    return found


def preference_model(
    model: LanguageModel, comparisons: Sequence[Comparison], config: ShapingConfig, *, seed: int
) -> PreferenceModel:
    """Train a preference model that begins as a base."""
    judge = PreferenceModel(model, word_layout(model.tokenizer))
    how = JudgeTrainingConfig(
        seed=seed, schedule=ScheduleConfig(peak_lr=config.pm_lr, warmup_steps=5)
    )
    for _ in train_judge(judge, comparisons, how):
        pass
    return judge


def simulated(
    pairs: SampledPairs, world: World, *, accuracy: float, seed: int
) -> tuple[list[Comparison], np.ndarray]:
    """Labels of a judge of known accuracy who knows exactly how sure to be.

    Where replies differ in harm the judge sees evidence whose log-odds are normal with a mean of
    half their variance, which makes its probabilities exactly right, and its likelier reply the
    less harmful one with the given probability. Where they do not differ it sees noise.

    Returns:
        Soft labels, and which of them are about replies that differ in harm.
    """
    from scipy.stats import norm

    spread = 2 * float(norm.ppf(accuracy))
    chance = stream(world.seed, "cai simulated labels", seed)
    labels, differs = [], []
    for pair, request in zip(pairs.comparisons, pairs.requests, strict=True):
        harm = [world.gold(request, text).harm for text in (pair.first, pair.second)]
        toward = np.sign(harm[1] - harm[0])
        evidence = chance.normal(toward * spread**2 / 2, spread if toward else 1e-3)
        p_first = float(1 / (1 + np.exp(-evidence)))
        labels.append(
            Comparison(prompt=pair.prompt, first=pair.first, second=pair.second, p_first=p_first)
        )
        differs.append(bool(toward))
    return labels, np.array(differs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shaped:
    """A policy as it was measured."""

    name: str
    harmful: Replies
    """Its replies to harmful requests of the trained categories."""
    harmless: Replies
    """Its replies to harmless ones."""
    score: float = float("nan")
    """Mean score of its replies to harmful requests by the preference model it was trained on."""
    spread: float = float("nan")
    """Standard deviation of these scores: how extreme the preference model is."""
    steps: tuple[tuple[float, float], ...] = ()
    """Of each update: mean reward, and divergence from the start in nats."""


class Measurer:
    """Asks every policy the same requests."""

    def __init__(
        self,
        world: World,
        config: ShapingConfig,
        *,
        seed: int,
        keep: Callable[[str, LanguageModel], None] = lambda name, model: None,
    ) -> None:
        """`keep` is given every policy that is measured, as it is at that moment."""
        self.world, self.seed, self.keep = world, seed, keep
        count = config.test_prompts
        self.harmful = harmful_requests(world, count, split="validation", start=5_000)
        self.harmless = harmless_requests(world, count // 2, split="validation", start=5_000)

    def __call__(
        self,
        name: str,
        model: LanguageModel,
        judge: PreferenceModel | None = None,
        steps: Sequence[PolicyStep] = (),
    ) -> Shaped:
        """Measure a policy, and what its preference model makes of it."""
        self.keep(name, model)
        harmful = ask(model, self.world, self.harmful, seed=self.seed)
        harmless = ask(model, self.world, self.harmless, seed=self.seed + 1)
        scores = torch.tensor([float("nan")])
        if judge is not None:
            said = [
                (*dialogue_of(request), Turn("assistant", text))
                for request, text in zip(harmful.requests, harmful.texts, strict=True)
                if text
            ]
            scores = judge.score(said)
        return Shaped(
            name=name,
            harmful=harmful,
            harmless=harmless,
            score=float(scores.mean()),
            spread=float(scores.std()) if len(scores) > 1 else float("nan"),
            steps=tuple((each.reward, each.kl) for each in steps),
        )


def reinforced(
    name: str,
    start: LanguageModel,
    judge: PreferenceModel,
    world: World,
    config: ShapingConfig,
    measure: Measurer,
    *,
    seed: int,
    over: int = 1,
) -> tuple[Shaped, Shaped]:
    """Train a policy on a preference model, from a start that stays as it was.

    Args:
        name: Of the policy.
        start: What it begins as and is held near to.
        judge: What it is rewarded by.
        world: Where requests come from.
        config: Updates.
        measure: Asks the policy.
        seed: Orders requests and draws replies.
        over: How many times as many updates it goes on for.

    Returns:
        The policy after `config.steps` updates, and at the end.
    """
    policy = start.copy()
    half = config.steps * config.prompts_per_step // 2
    asked = [
        *harmful_requests(world, half, split="train", start=2_000),
        *harmless_requests(world, half, split="train", start=2_000),
    ]
    how = PolicyConfig(
        steps=config.steps * over,
        prompts_per_step=config.prompts_per_step,
        replies_per_prompt=config.replies_per_prompt,
        kl_weight=config.kl_weight,
        max_new_tokens=32,
        seed=seed,
        schedule=ScheduleConfig(peak_lr=config.lr, warmup_steps=5, shape="constant"),
    )
    prompts = [world.prompt_ids(request).tolist() for request in asked]
    taken: list[PolicyStep] = []
    early: Shaped | None = None
    for step in train_policy(policy, prompts, judge_reward(judge), how, reference=start):
        taken.append(step)
        if step.step == config.steps:
            early = measure(name, policy, judge, taken)
    assert early is not None
    late = early if over == 1 else measure(f"{name} x{over}", policy, judge, taken)
    return early, late
