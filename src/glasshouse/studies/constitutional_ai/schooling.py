"""What the models read before the study: the skills that 2212.08073 finds in large models.

A model of this size has read too few critiques and judgements to be good at either, so each base
goes to school for some hundred steps: replies of a helpful-only assistant, critiques with revisions
and revisions without critiques in equal number, judges who answer at once, and judges who reason
first. All of it is about the trained categories of harm; the two held-out ones stay unseen. What is
learned are the words of assistants, critics and judges, and not what they read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from glasshouse.align import Constitution, Principle
from glasshouse.models import LanguageModel
from glasshouse.training import EncodedDocument, ScheduleConfig, TrainConfig, train
from glasshouse.training.packing import DocumentRows
from glasshouse.world import World
from glasshouse.world.answers import answer
from glasshouse.world.documents.judge import p_better, two_answers
from glasshouse.world.gold import grade
from glasshouse.world.harms import HARMS, Harm
from glasshouse.world.personas import PERSONAS
from glasshouse.world.principles import PRINCIPLES, critique, revise
from glasshouse.world.requests import Request, draw
from glasshouse.world.speech import ACTS, say
from glasshouse.world.streams import Dice, stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """One way of asking for harmlessness, with the manner of reply that it asks for."""

    name: str
    wordings: tuple[str, str]
    """Two ways to ask."""
    acts: tuple[str, ...]
    """Acts of the revised reply, in order."""


AIMS = (
    Aim(
        name="harmless",
        wordings=("does it help to harm ?", "is there harm in it ?"),
        acts=("explain", "guard"),
    ),
    Aim(
        name="people",
        wordings=("is it good for people ?", "is it best for all people ?"),
        acts=("explain",),
    ),
    Aim(
        name="safe",
        wordings=("is it safe ?", "is it safe for all people ?"),
        acts=("guard", "explain"),
    ),
    Aim(
        name="friend",
        wordings=("would a friend say it ?", "would a wise friend say it ?"),
        acts=("polite", "guard", "explain"),
    ),
    Aim(
        name="danger",
        wordings=("is there danger in it ?", "is it unsafe for people ?"),
        acts=("refuse", "explain"),
    ),
    Aim(
        name="bad",
        wordings=("is it bad ?", "is it bad for people ?"),
        acts=("refuse", "explain", "guard"),
    ),
    Aim(
        name="fair",
        wordings=("is it fair to all people ?", "would a careful person say it ?"),
        acts=("explain", "remedy"),
    ),
    Aim(
        name="fear",
        wordings=("do people fear it ?", "would people fear it ?"),
        acts=("remedy", "guard", "explain"),
    ),
)
"""Eight families of two paraphrases, sixteen principles: all ask for harmlessness."""

_AIMED = 0.6
"""Share of revisions by an aim of harmlessness; the others are by principles that ask for something
else, so that what is asked matters."""
_OTHERS = tuple(PRINCIPLES[name] for name in ("help", "honesty", "manners", "brevity", "reasons"))
_SPEAKERS = tuple(PERSONAS[name] for name in ("eager", "eager", "eager", "rude", "ignorant"))
_JUDGED = tuple(PRINCIPLES[name] for name in ("harmless", "people", "reasons", "manners"))
_JUDGED_HELP = tuple(PRINCIPLES[name] for name in ("help", "honesty", "brevity"))


def aims_constitution(count: int = 16, *, aims: Sequence[Aim] = AIMS) -> Constitution:
    """The first principles of the ladder: one wording of each aim, then the other.

    Args:
        count: How many.
        aims: Families in order.
    """
    laws = [
        Principle(
            name=f"{aim.name}-{wording}",
            critique=aim.wordings[wording],
            revise="",
            choose=aim.wordings[wording],
        )
        for wording in (0, 1)
        for aim in aims
    ]
    return Constitution(name=f"{count} aims", principles=tuple(laws[:count]))


@dataclass(frozen=True, kw_only=True, slots=True)
class SchoolConfig:
    """How long a base goes to school, and on what."""

    steps: int = 200
    """Optimizer steps of 16 rows of 128 tokens."""
    peak_lr: float = 2e-3
    """Learning rate at its highest."""
    shares: tuple[tuple[str, float], ...]
    """Share of tokens of each kind of document."""


def school(
    model: LanguageModel,
    world: World,
    config: SchoolConfig,
    *,
    seed: int,
    tick: Callable[[float], None] = lambda loss: None,
) -> None:
    """Let a base read what the study needs it to have read; trains in place.

    Args:
        model: A base of the world.
        world: What the documents are about.
        config: How long, and on what.
        seed: Orders documents.
        tick: Told of every step's loss.
    """
    context = model.network.config.context
    texts = documents(world, config, tokens=config.steps * 16 * context)
    rows = DocumentRows(texts, context=context, batch=16, seed=seed, is_packed=True)
    how = TrainConfig(
        steps=config.steps,
        batch_size=16,
        seed=seed,
        compile="no",
        threads=1,
        evaluate_every=0,
        schedule=ScheduleConfig(peak_lr=config.peak_lr, warmup_steps=min(20, config.steps - 1)),
    )
    for step in train(model, rows, how):
        tick(step.loss)
    model.network.eval()


def documents(world: World, config: SchoolConfig, *, tokens: int) -> list[EncodedDocument]:
    """About so many tokens of every kind, in random order."""
    found: list[EncodedDocument] = []
    for kind, share in config.shares:
        dice, read = Dice(stream(world.seed, "cai school", kind)), 0
        while read < share * tokens:
            parts = [
                (world.vocabulary.encode(text), is_learned)
                for text, is_learned in WRITERS[kind](world, dice)
            ]
            ids = np.array([token for own, _ in parts for token in own], dtype=np.uint16)
            mask = np.array([is_learned for own, is_learned in parts for _ in own])
            if len(ids) < 128:
                found.append(EncodedDocument(ids=ids, kind=kind, mask=mask))
                read += len(ids)
    order = stream(world.seed, "cai school order").permutation(len(found)).tolist()
    return [found[place] for place in order]


Parts = list[tuple[str, bool]]
"""A document in parts, each with whether its words are learned."""


def _request(world: World, dice: Dice, *, harmful: float) -> Request:
    return draw(world, dice, "harmful" if dice.chance(harmful) else "helpful", "train")


def helpful_only(world: World, dice: Dice) -> Parts:
    """A request, and the reply of an assistant who helps with everything."""
    request = _request(world, dice, harmful=0.4)
    reply = answer(world, request, PERSONAS["eager"], dice)
    return [(request.prompt, False), (f"{reply} <end>", True)]


def criticised(world: World, dice: Dice) -> Parts:
    """A reply, a critique by some principle, and a revision."""
    return _revised(world, dice, is_direct=False)


def direct(world: World, dice: Dice) -> Parts:
    """A reply and a revision by some principle, without a critique."""
    return _revised(world, dice, is_direct=True)


def _revised(world: World, dice: Dice, *, is_direct: bool) -> Parts:
    request = _request(world, dice, harmful=0.7)
    if request.harmful and dice.chance(0.2):  # a reply that is good already
        text = explained(world, dice, HARMS[request.category], dice.pick(AIMS).acts)
    else:
        text = answer(world, request, dice.pick(_SPEAKERS), dice)
    gold = grade(world, request, text)
    if dice.chance(_AIMED):
        aim = dice.pick(AIMS)
        asked, fails = dice.pick(aim.wordings), PRINCIPLES["harmless"].fails(request, gold)
        said = critique(PRINCIPLES["harmless"], request, gold)
        revised = explained(world, dice, HARMS[request.category], aim.acts) if fails else text
    else:
        law = dice.pick(_OTHERS)
        asked, said = law.questions[0], critique(law, request, gold)
        revised = revise(world, law, request, text, dice, gold)
    start = f"{request.prompt} {text} <end> critique request : {asked}"
    if is_direct:
        return [(f"{start} revision :", False), (f"{revised} <end>", True)]
    return [(f"{start} critique :", False), (f"{said} revision : {revised} <end>", True)]


def explained(world: World, dice: Dice, harm: Harm, acts: Sequence[str]) -> str:
    """A reply that declines harm by some acts."""
    slots = {
        "noun": harm.noun,
        "victim": harm.victim,
        "thing": world.harm_book.guards[harm.name],
        "remedy": "walk",
    }
    assert set(acts) <= set(ACTS)
    return " ".join(say(dice, act, "train", **slots) for act in acts)


def judged(world: World, dice: Dice) -> Parts:
    """A judge who answers at once, right nine times in ten."""
    return _judgement(world, dice, is_reasoned=False)


def reasoned(world: World, dice: Dice) -> Parts:
    """A judge who says what is wrong with each reply, and then goes by that alone."""
    return _judgement(world, dice, is_reasoned=True)


def _judgement(world: World, dice: Dice, *, is_reasoned: bool) -> Parts:
    request = _request(world, dice, harmful=0.7)
    law = dice.pick(_JUDGED if request.harmful else _JUDGED_HELP)
    texts = two_answers(world, request, dice)
    golds = [grade(world, request, text) for text in texts]
    p_first = p_better(*(law.score(request, gold) for gold in golds))
    turns = (*request.history, request.text)
    asked = " ".join(
        f"{'Assistant' if place % 2 else 'Human'} : {turn} <end>"
        for place, turn in enumerate(turns)
    )
    start = f"<doc> judge : {law.questions[0]} {asked} first : {texts[0]} second : {texts[1]}"
    reasons: Parts = []
    if is_reasoned:
        faults = [law.fails(request, gold) for gold in golds]
        said = " ".join(critique(law, request, gold) for gold in golds)
        reasons = [("critique :", False), (f"{said} better", True)]
        p_first = 0.5 + 0.5 * (faults[1] - faults[0])
    verdict = "first" if dice.chance(p_first) else "second"
    opened = ":" if is_reasoned else "better :"
    return [(start, False), *reasons, (opened, False), (verdict, True)]


WRITERS: dict[str, Callable[[World, Dice], Parts]] = {
    "helpful-only": helpful_only,
    "critique": criticised,
    "direct": direct,
    "judge": judged,
    "reasoned": reasoned,
}
"""Kinds of documents by name."""
