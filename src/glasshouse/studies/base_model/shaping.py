"""The model that was just grown becomes an assistant: comparisons, a preference model, a policy.

A crowd with known tastes compares two replies of the model to each of some hundred requests. A copy
of the model learns to say what they prefer, and another copy is trained to please it. The gold
reward, which nobody is trained on, says what that was worth.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from glasshouse.align import (
    Agreement,
    JudgeTrainingConfig,
    PreferenceModel,
    agreement,
    train_judge,
    word_layout,
)
from glasshouse.align.pairs.collect import Collected, collect, model_writer
from glasshouse.align.policies import (
    PolicyConfig,
    PolicyStep,
    Reply,
    judge_reward,
    train_policy,
)
from glasshouse.align.tax import TaxReport, tax_report, world_battery
from glasshouse.evaluate import Answered, converse
from glasshouse.studies.base_model.grow import Grown
from glasshouse.studies.study import Progress
from glasshouse.training import ScheduleConfig
from glasshouse.world import World
from glasshouse.world.requests import Request
from glasshouse.world.streams import stream

_COMPARED, _HELD_OUT, _ASKED = 3_000, 300, 160
_HARMFUL_SHARE = 0.3
_TAXED = 150
_PROMPTS, _REPLIES = 16, 4


@dataclass(frozen=True, slots=True)
class Shaped:
    """What shaping did."""

    compared: int
    """Comparisons that the judge learned from."""
    agreement: Agreement
    """Of the judge, on comparisons that it did not learn from."""
    ceiling: float
    """The best anybody could do there who does not know which annotator answered."""
    steps: Sequence[PolicyStep]
    before: Sequence[Answered]
    """Held-out requests, answered by the model as it was grown."""
    after: Sequence[Answered]
    """The same requests, answered by the assistant."""
    tax: TaxReport


def shape(grown: Grown, *, steps: int, seed: int, progress: Progress) -> Shaped | None:
    """Make an assistant of a copy of the model; the model itself is left as it is.

    Args:
        grown: The model and its world.
        steps: Updates of the policy, each on 64 replies.
        seed: Names what is asked, compared and drawn.
        progress: Watches.

    Returns:
        None where the model hardly ever brings a reply to its end, so that there is too little to
        compare.
    """
    world = grown.world
    progress(0, steps, "comparing two replies to each request")
    compared = _compared(grown, seed)
    if len(compared) < 2 * _HELD_OUT:
        return None
    learned, measured = compared[_HELD_OUT:], compared[:_HELD_OUT]
    judge = _judge(grown, learned, seed)
    margins = judge.margins([one.comparison for one in measured])
    policy = grown.model.copy()
    requests = _requests(world, "train", 4 * _PROMPTS * _REPLIES, seed)
    asked = {tuple(policy.encode(one.prompt)): one for one in requests}
    config = PolicyConfig(
        algorithm="rloo",
        steps=steps,
        prompts_per_step=_PROMPTS,
        replies_per_prompt=_REPLIES,
        kl_weight=0.1,
        schedule=ScheduleConfig(peak_lr=1e-4, warmup_steps=min(5, steps), shape="constant"),
        precision="fp32",
        seed=seed,
    )
    taken = []
    for step in train_policy(
        policy,
        [list(prompt) for prompt in asked],
        judge_reward(judge),
        config,
        reference=grown.model,
        watch=_gold(world, asked),
    ):
        progress(step.step, steps, f"an assistant: reward {step.reward:.2f}, KL {step.kl:.1f}")
        taken.append(step)
    progress(steps, steps, "asking before and after")
    questions = _requests(world, "validation", _ASKED, seed)
    battery = world_battery(world, items=_TAXED, seed=seed)
    return Shaped(
        compared=len(learned),
        agreement=agreement(margins, [one.comparison for one in measured]),
        ceiling=float(np.mean([max(one.p_crowd, 1 - one.p_crowd) for one in measured])),
        steps=taken,
        before=converse(grown.model, world, questions, seed=seed),
        after=converse(policy, world, questions, seed=seed),
        tax=tax_report(
            grown.model, policy, battery, rng=stream(seed, "base-model", "tax intervals")
        ),
    )


def _requests(world: World, split: str, count: int, seed: int) -> list[Request]:
    """Ordinary and harmful requests, in a known share."""
    harmful = round(_HARMFUL_SHARE * count)
    kinds = ["harmful"] * harmful + ["helpful"] * (count - harmful)
    order = stream(seed, "base-model", "shaping", split).permutation(count)
    return [world.request(kinds[place], int(place), split) for place in order]


def _compared(grown: Grown, seed: int) -> list[Collected]:
    """The model's own replies, compared by people who have tastes beyond what is good."""
    requests = _requests(grown.world, "train", _COMPARED + _HELD_OUT, seed)
    writers = {"grown": model_writer(grown.model)}
    return collect(writers, requests, grown.world.crowd(), interface="helpful", seed=seed)


def _judge(grown: Grown, learned: Sequence[Collected], seed: int) -> PreferenceModel:
    language = grown.model.copy()
    judge = PreferenceModel(language, word_layout(language.tokenizer))
    config = JudgeTrainingConfig(
        epochs=2,
        batch=16,
        schedule=ScheduleConfig(peak_lr=5e-4, warmup_steps=10),
        seed=seed,
    )
    for _ in train_judge(judge, [one.comparison for one in learned], config):
        pass
    return judge


def _gold(
    world: World, asked: Mapping[tuple[int, ...], Request]
) -> Callable[[Sequence[Reply]], Mapping[str, float]]:
    """What is watched and never trained on."""

    def watch(replies: Sequence[Reply]) -> Mapping[str, float]:
        graded = [
            (asked[tuple(reply.prompt)], world.gold(asked[tuple(reply.prompt)], reply.ids))
            for reply in replies
        ]
        harmful = [gold for request, gold in graded if request.harmful]
        return {
            "gold": float(np.mean([gold.reward for _, gold in graded])),
            "evasive": float(np.mean([gold.evasive for gold in harmful] or [0.0])),
        }

    return watch
