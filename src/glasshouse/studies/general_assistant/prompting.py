"""What a prompt does to accuracy on gold pairs, to tasks of other kinds, and to rude texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from glasshouse.align.distilling.prompts import Prefix, behind
from glasshouse.align.pairs.collect import dialogue_of
from glasshouse.align.talks.dialogues import Layout, Turn, word_layout
from glasshouse.align.talks.scoring import Scoring, pairs_right, reply_margins
from glasshouse.align.tax import WELL_TOLD
from glasshouse.models import LanguageModel, SamplingConfig
from glasshouse.studies.general_assistant.asked import (
    Pair,
    category_of,
    requests,
)
from glasshouse.studies.general_assistant.config import PromptingConfig
from glasshouse.studies.general_assistant.prefixes import CONDITIONS, Prompts, longest_dialogue
from glasshouse.world import World
from glasshouse.world.requests import Request
from glasshouse.world.streams import Dice, stream
from glasshouse.world.toxicity import TOXICITY

JUDGED: Scoring = "mean"
"""The scoring that claims are judged by; all three are printed."""
SPOKEN = 24
"""Most words of an answer."""
TASKS = ("facts", "arithmetic", "copying")
"""What the tax is measured on."""


@dataclass(frozen=True, slots=True)
class Scored:
    """How right a model is about the gold pairs."""

    right: Mapping[str, Mapping[Scoring, Float[np.ndarray, " pair"]]]
    """By condition and scoring."""
    categories: tuple[str, ...]
    """Of each pair."""

    def gain(self, condition: str, scoring: Scoring = JUDGED) -> Float[np.ndarray, " pair"]:
        """By how much a condition is more right than plain, pair by pair."""
        return self.right[condition][scoring] - self.right["plain"][scoring]


def score_pairs(
    model: LanguageModel,
    pairs: Sequence[Pair],
    prompts: Sequence[Prompts],
    conditions: Sequence[str] = CONDITIONS,
) -> Scored:
    """Score gold pairs in several conditions; pair i stands behind prompt i, and round again."""
    layout = word_layout(model.tokenizer)
    comparisons = [pair.comparison for pair in pairs]
    right: dict[str, dict[Scoring, np.ndarray]] = {}
    for condition in conditions:
        prefixes = [
            prompts[place % len(prompts)].by_condition[condition] for place in range(len(pairs))
        ]
        margins = reply_margins(model, comparisons, layout, prefixes=prefixes)
        right[condition] = {
            way: pairs_right(margin, comparisons).numpy() for way, margin in margins.items()
        }
    return Scored(right, tuple(category_of(pair.request) for pair in pairs))


@dataclass(frozen=True, slots=True)
class Question:
    """A text, and which of some tokens should follow it."""

    prompt: tuple[int, ...]
    answer: int
    options: tuple[int, ...]
    """Every answer of the right kind, the right one among them."""


def battery(world: World, items: int, prefix: Prefix | None) -> dict[str, list[Question]]:
    """Facts asked as exams ask them, sums and lists to copy as users do, behind a prefix."""
    dice = Dice(stream(world.seed, "general-assistant", "battery"))
    known = [one for one in world.items("open-qa") if one.exposures >= WELL_TOLD]
    numbers = world.vocabulary.encode(" ".join(str(number) for number in range(19)))
    asked = {
        "facts": [
            Question(one.prompt, one.answer, one.options) for one in dice.shuffled(known)[:items]
        ],
        "arithmetic": _begun(world, items, "sum", 0, numbers),
        "copying": _begun(world, items, "copy", 1, ()),
    }
    opening = (world.vocabulary.id("<doc>"),) if prefix is None else prefix.ids
    return {
        task: [replace(one, prompt=(*opening, *one.prompt[1:])) for one in found]
        for task, found in asked.items()
    }


def right_answers(
    model: LanguageModel, asked: Mapping[str, Sequence[Question]]
) -> dict[str, Float[np.ndarray, " item"]]:
    """Whether the right answer to each question is the likeliest of its options."""
    return {
        task: np.array([_is_right(model, question) for question in questions])
        for task, questions in asked.items()
    }


@torch.no_grad()
def _is_right(model: LanguageModel, question: Question) -> float:
    device = next(model.network.parameters()).device
    features = model.network.features(torch.tensor([question.prompt], device=device))
    logits = model.network.unembed(features[0, -1])[list(question.options)]
    return float(question.options[int(logits.argmax())] == question.answer)


def rude_prompts(
    world: World,
    layout: Layout,
    prompts: Sequence[Prompts],
    *,
    count: int,
    condition: str,
    context: int,
) -> list[list[int]]:
    """Requests behind an exchange with a rude answer, and all of it behind a condition's prompt.

    The same texts come in every condition; those that do not fit behind the longest prompt are
    passed over in all of them.
    """
    room = longest_dialogue(context, list(prompts)) - SPOKEN
    found: list[list[int]] = []
    rng = stream(world.seed, "general-assistant", "rude")
    while len(found) < count:
        before, after = (
            world.request("helpful", int(rng.integers(1 << 40)), "validation") for _ in range(2)
        )
        reply = world.answer(before, "rude", int(rng.integers(1 << 20)))
        text = (
            *dialogue_of(before),
            Turn("assistant", reply),
            *dialogue_of(after),
        )
        if toxicity(reply) == 0 or len(layout(text, opens_reply=True).ids) > room:
            continue
        prefix = prompts[len(found) % len(prompts)].by_condition[condition]
        found.append(behind(prefix, text, layout, opens_reply=True))
    return found


def toxicity(text: str) -> float:
    """The exact toxicity of a text: the sum of its words'."""
    return sum(TOXICITY.get(word, 0.0) for word in text.split())


def say(
    model: LanguageModel, world: World, prompts: Sequence[Sequence[int]], *, seed: int
) -> list[str]:
    """Continue prompts to the end of one reply, at temperature 1."""
    config = SamplingConfig(max_new_tokens=SPOKEN, stop_ids=(world.vocabulary.id("<end>"),))
    return [one.text for one in model.generate(prompts, config, seed=seed)]


def tournament_requests(world: World, config: PromptingConfig, longest: int) -> list[Request]:
    """Requests that every player answers."""
    found: list[Request] = []
    for request in requests(world, "tournament", "validation"):
        if len(request.prompt.split()) + SPOKEN <= longest:
            found.append(request)
        if len(found) == config.requests:
            break
    return found


def rewards(
    model: LanguageModel,
    world: World,
    asked: Sequence[Request],
    prompts: Sequence[Prompts],
    condition: str,
    *,
    seed: int,
) -> tuple[list[str], Float[np.ndarray, " request"]]:
    """What a player says to each request, and its gold reward."""
    layout = word_layout(model.tokenizer)
    ids = [
        behind(
            prompts[place % len(prompts)].by_condition[condition],
            dialogue_of(request),
            layout,
            opens_reply=True,
        )
        for place, request in enumerate(asked)
    ]
    texts = say(model, world, ids, seed=seed)
    gold = [world.gold(request, text).reward for request, text in zip(asked, texts, strict=True)]
    return texts, np.array(gold)


def _begun(
    world: World, items: int, task: str, words: int, options: tuple[int, ...]
) -> list[Question]:
    """Requests for a task, with the right answer begun by some words and its next word due.

    Without options it may be any word of the right answer.
    """
    found: list[Question] = []
    rng = stream(world.seed, "general-assistant", "battery", task)
    while len(found) < items:
        request = world.request("helpful", int(rng.integers(1 << 40)), "validation", task=task)
        ids = world.vocabulary.encode(" ".join((request.prompt, *request.answer[:words])))
        answer = world.vocabulary.encode(" ".join(request.answer))
        found.append(Question(tuple(ids), answer[words], options or tuple(dict.fromkeys(answer))))
    return found
