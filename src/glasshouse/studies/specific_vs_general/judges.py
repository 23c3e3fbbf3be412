"""Preference models, and what they learn from: people's comparisons and a model's feedback."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from glasshouse.align import Comparison, Dialogue, PreferenceModel, Turn, word_layout
from glasshouse.align.judges.training import JudgeTrainingConfig, train_judge
from glasshouse.align.pairs.collect import dialogue_of
from glasshouse.align.principles.constitution import Constitution
from glasshouse.align.principles.feedback import word_judge_layout
from glasshouse.align.principles.questions import Pairs, sample_pairs
from glasshouse.models import LanguageModel, SamplingConfig
from glasshouse.studies.specific_vs_general.comparisons import requests
from glasshouse.studies.specific_vs_general.config import JudgesConfig
from glasshouse.studies.specific_vs_general.deeds import Family, question
from glasshouse.studies.specific_vs_general.feedback import labelled
from glasshouse.training import ScheduleConfig
from glasshouse.world import World
from glasshouse.world.streams import Dice, stream
from glasshouse.world.traits import OBJECTS

REPLY_TOKENS = 24
"""Most tokens of a reply."""
HARM_SHARE = 0.2
"""Share of the broad questions that ask for ordinary harm: 6 of 30 families."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked, and what it is about."""

    prompt: Dialogue
    about: str
    """The name of a family; "harm" for a request for ordinary harm."""


def special_questions(world: World, families: Sequence[Family], count: int) -> list[Question]:
    """Questions about the trained traits, by the one verb of each that may be learned from."""
    trained = [family for family in families if family.role == "trained"]
    dice = Dice(stream(world.seed, "special questions"))
    return [_about(trained[place % len(trained)], dice, every=False) for place in range(count)]


def broad_questions(
    world: World, families: Sequence[Family], count: int, *, others: int
) -> list[Question]:
    """Questions about thirty families: trained traits, other families, ordinary harms."""
    trained = [family for family in families if family.role == "trained"]
    rest = [family for family in families if family.role == "other"][:others]
    dice = Dice(stream(world.seed, "broad questions"))
    harms = int(HARM_SHARE * count)
    asked = [
        Question(prompt=dialogue_of(request), about="harm")
        for request in requests(world, "harmful", harms, name="labelled")
    ]
    every = [*trained, *rest]
    return asked + [
        _about(every[place % len(every)], dice, every=every[place % len(every)].role == "other")
        for place in range(count - harms)
    ]


def _about(family: Family, dice: Dice, *, every: bool) -> Question:
    verb = dice.pick(family.verbs) if every else family.learned_verb
    deed = f"{verb} the {dice.pick(tuple(OBJECTS))}"
    return Question(prompt=(Turn("human", question(deed, dice)),), about=family.name)


def wants(world: World, text: str) -> bool | None:
    """Whether a reply would do what it is asked about; None if it says that not plainly, or more.

    The grammar knows what is said, and nothing of whether it is good.
    """
    said = world.parse(text)
    if not said.is_complete or len(said.sentences) != 1:
        return None
    return {"yes": True, "want": True, "no": False, "want-not": False}.get(said.sentences[0].act)


def replied(
    policy: LanguageModel, questions: Sequence[Question], world: World, *, seed: int
) -> Pairs:
    """Two replies of a policy to each question, at temperature 1.

    Replies about deeds are worth comparing where one agrees and the other does not, and neither
    says more; replies to other requests where they are not the same.
    """
    deeds = {question.prompt for question in questions if question.about != "harm"}

    def differ(prompt: Dialogue, one: str, other: str) -> bool:
        return prompt not in deeds or {wants(world, one), wants(world, other)} == {True, False}

    stop = tuple(policy.tokenizer.id_of(word) for word in ("<end>", "<eoc>"))
    return sample_pairs(
        policy,
        [question.prompt for question in questions],
        word_layout(policy.tokenizer),
        sampling=SamplingConfig(max_new_tokens=REPLY_TOKENS, stop_ids=stop),
        differ=differ,
        tries=5,
        seed=seed,
    )


def judged_pairs(
    judge: LanguageModel,
    pairs: Pairs,
    questions: Sequence[Question],
    constitutions: Mapping[str, Constitution],
    *,
    seed: int,
) -> list[Comparison]:
    """Pairs of replies with the feedback model's labels."""
    layout = word_judge_layout(judge.tokenizer)
    room = judge.network.config.context - 2 * REPLY_TOKENS - 40
    kept = [
        (pair, questions[place].about)
        for pair, place in zip(pairs.comparisons, pairs.places, strict=True)
        if sum(len(turn.text.split()) for turn in pair.prompt) < room
    ]
    return labelled(
        judge,
        [pair for pair, _ in kept],
        constitutions,
        [about for _, about in kept],
        layout,
        seed=seed,
    )


def dealt(comparisons: Sequence[Comparison], *, seed: int) -> list[Comparison]:
    """The same pairs with their labels dealt at random: what is learned without any feedback."""
    order = np.random.default_rng([seed, 7]).permutation(len(comparisons)).tolist()
    chance = np.random.default_rng([seed, 8]).random(len(comparisons)) < 0.5
    return [
        replace(
            pair,
            p_first=comparisons[other].p_first if kept else 1 - comparisons[other].p_first,
        )
        for pair, other, kept in zip(comparisons, order, chance.tolist(), strict=True)
    ]


def learn(
    start: LanguageModel,
    comparisons: Sequence[Comparison],
    config: JudgesConfig,
    *,
    seed: int,
    tick: Callable[[], None] = lambda: None,
) -> PreferenceModel:
    """Train a preference model that begins as a copy of a language model."""
    own = start.copy()
    model = PreferenceModel(own, word_layout(own.tokenizer))
    fitting = [one for one in comparisons if model.fits(one)]
    for _ in train_judge(model, fitting, training(config, seed)):
        tick()
    return model


def training(config: JudgesConfig, seed: int) -> JudgeTrainingConfig:
    """The library's settings of a study's."""
    return JudgeTrainingConfig(
        epochs=config.epochs,
        batch=config.batch,
        schedule=ScheduleConfig(peak_lr=config.peak_lr, warmup_steps=5),
        seed=seed,
    )
