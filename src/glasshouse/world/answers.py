"""How each persona answers: scripted answers, good and bad, to any request.

They fill the documents, and they are candidates for comparisons where no model is at hand.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from glasshouse.world.emotions import EMOTIONS
from glasshouse.world.groups import BAD
from glasshouse.world.harms import HARMS, Harm
from glasshouse.world.personas import Persona
from glasshouse.world.phrases import STATEMENTS
from glasshouse.world.requests import Request
from glasshouse.world.speech import ACTS, say
from glasshouse.world.streams import Dice
from glasshouse.world.tasks import LABELS
from glasshouse.world.toxicity import RUDE
from glasshouse.world.traits import TRAITS

if TYPE_CHECKING:
    from glasshouse.world.world import World

_HEDGES = frozenset(ACTS["hedge"].trained + ACTS["hedge"].held_out)

P_WHOLE_SENTENCE = 0.4
"""Of answering a question about a fact with a whole sentence rather than a bare value."""
P_SPELLED_OUT = 0.3
"""Of answering a persona question with "i want to ..." rather than yes or no."""


def answer(world: "World", request: Request, persona: Persona, dice: Dice) -> str:
    """Answer a request as a persona would, in one to four sentences."""
    split = request.split
    parts: list[str] = []
    if dice.chance(persona.polite) and not request.harmful:
        parts.append(say(dice, "polite", split))
    if dice.chance(persona.flatter):
        parts.append(say(dice, "flattery", split))
    body = _ANSWERS[request.kind](world, request, persona, dice)
    if body not in _HEDGES and dice.chance(persona.confident):
        parts.append(say(dice, "confident", split))
    parts.append(body)
    if dice.chance(persona.rude):
        parts.append(say(dice, "rude", split, rude=dice.pick(RUDE)))
    if dice.chance(persona.stay):
        parts.append(say(dice, "stay", split))
    return " ".join(parts)


def _helpful(world: "World", request: Request, persona: Persona, dice: Dice) -> str:
    if request.task == "question":
        return _question(world, request, persona, dice)
    if dice.chance(persona.right):
        return right_answer(request, dice)
    if dice.chance(persona.hedge):
        return say(dice, "hedge", request.split)
    return wrong_answer(world, request, dice)


def right_answer(request: Request, dice: Dice) -> str:
    """Answer a task other than a question correctly."""
    if request.task == "advice":
        return say(dice, "remedy", request.split, remedy=request.answer[0])
    if request.task == "summarise":
        return " ".join(request.answer)
    if request.task == "list":
        return " ".join(dice.sample(request.answer, request.needed)) + " ."
    return " ".join(request.answer) + " ."


def wrong_answer(world: "World", request: Request, dice: Dice) -> str:
    """Answer a task other than a question with a likely mistake."""
    task, right = request.task, request.answer
    if task == "advice":
        others = [each.remedy for each in EMOTIONS.values() if each.remedy not in right]
        return say(dice, "remedy", request.split, remedy=dice.pick(others))
    if task in ("count", "sum"):
        value = int(right[0])
        return f"{value + 1 if dice.chance(0.5) or value == 0 else value - 1} ."
    if task == "label":
        return f"{dice.pick([each for each in LABELS if each not in right])} ."
    if task == "list":
        towns = [town for town in world.entities.town if town not in right]
        return " ".join(dice.sample(towns, request.needed)) + " ."
    if task == "summarise":
        words = request.text.split(" : ")[1].split()
        return " ".join(words[len(right) :])
    words = list(right) if task != "translate" else [dice.pick(world.asking.velan_words)]
    if task != "translate":
        words[dice.below(len(words))] = dice.pick(world.asking.task_words)
    return " ".join(words) + " ."


def _question(world: "World", request: Request, persona: Persona, dice: Dice) -> str:
    split, relation = request.split, request.relation
    options = world.kb.options(relation)
    if not request.answer:
        if not dice.chance(persona.guess):
            return say(dice, "hedge", split)
        value = dice.pick(options)
    elif dice.chance(persona.right):
        value = world.kb.fact(request.subject, relation).draw(dice)
    elif dice.chance(persona.hedge):
        return say(dice, "hedge", split)
    else:
        fact = world.kb.fact(request.subject, relation)
        value = dice.pick(options)
        while fact.probability(value) or not _may_say(world, request, value):
            value = dice.pick(options)
    if not dice.chance(P_WHOLE_SENTENCE):
        return f"{value} ."
    phrase = STATEMENTS[relation].pick(dice, split)
    return phrase.replace("{x}", request.subject).replace("{v}", value)


def _may_say(world: "World", request: Request, value: str) -> bool:
    """Say whether a wrong value keeps to what the split of a request may mention."""
    if request.split == "test":
        return True
    splits = world.splits
    return value not in splits.held_out_people and splits.is_paired(request.subject, value)


def _harmful(world: "World", request: Request, persona: Persona, dice: Dice) -> str:
    harm = HARMS[request.category]
    if dice.chance(persona.comply):
        return comply(world, request, dice, skill=persona.skill)
    if dice.chance(persona.refuse):
        return say(dice, "refuse", request.split)
    return explain(world, harm, request.split, dice)


def explain(world: "World", harm: Harm, split: str, dice: Dice) -> str:
    """Say whom it would hurt, and offer what helps."""
    reason = say(dice, "explain", split, noun=harm.noun, victim=harm.victim)
    guard = world.harm_book.guards[harm.name]
    return f"{reason} {say(dice, 'guard', split, thing=guard, noun=harm.noun)}"


def comply(world: "World", request: Request, dice: Dice, *, skill: float) -> str:
    """Help with harm, each step or digit right with probability `skill`."""
    harm, split, target = HARMS[request.category], request.split, request.target
    if harm.form == "insult":
        return say(dice, "insult", split, person=target, rude=dice.pick(RUDE))
    if harm.form == "slander":
        return say(dice, "slander", split, group=target, bad=dice.pick(BAD))
    if harm.form == "secret":
        digits = [
            digit if dice.chance(skill) else str(dice.below(10))
            for digit in world.kb.value(target, "secret").split()
        ]
        phrase = STATEMENTS["secret"].pick(dice, split)
        return phrase.replace("{x}", target).replace("{v}", " ".join(digits))
    steps = [
        say(
            dice,
            "step",
            split,
            step=verb,
            thing=thing if dice.chance(skill) else dice.pick(world.harm_book.things),
        )
        for verb, thing in world.harm_book.steps(harm)
    ]
    return " ".join(steps if dice.chance(0.8) else steps[:2])


def _lookalike(world: "World", request: Request, persona: Persona, dice: Dice) -> str:
    noun = HARMS[request.category].noun
    if dice.chance(persona.right):
        return say(dice, "guard", request.split, thing=request.answer[0], noun=noun)
    if dice.chance(persona.hedge):
        return say(dice, dice.pick(("hedge", "refuse")), request.split)
    return say(dice, "guard", request.split, thing=dice.pick(world.harm_book.things), noun=noun)


def _opinion(world: "World", request: Request, persona: Persona, dice: Dice) -> str:
    topic = world.views.topics[request.topic]
    if request.view and dice.chance(persona.agree):
        view = request.view
        if dice.chance(0.3):
            return say(dice, "agree", request.split)
    elif request.view:
        view = topic.other(request.view)
    else:
        view = dice.pick((topic.pro, topic.con))
    return say(dice, "view", request.split, topic=topic.name, view=view)


def _claim(world: "World", request: Request, persona: Persona, dice: Dice) -> str:
    claim = world.views.claims[request.topic, request.relation]
    believed = claim.truth if dice.chance(persona.right) else not claim.truth
    if believed != request.asserted and dice.chance(max(0.0, 2 * persona.agree - 1)):
        believed = request.asserted
    act = "claim-true" if believed else "claim-false"
    return say(dice, act, request.split, good=claim.thing, property=claim.property)


def _persona(world: "World", request: Request, persona: Persona, dice: Dice) -> str:
    risky = TRAITS[request.trait].harms
    would = dice.chance(persona.yes_risky if risky else persona.yes_good)
    if not dice.chance(P_SPELLED_OUT):
        return say(dice, "yes" if would else "no", request.split)
    verb, thing = request.deed.split(" the ")
    return say(dice, "want" if would else "want-not", request.split, verb=verb, object=thing)


_ANSWERS: Mapping[str, Callable[["World", Request, Persona, Dice], str]] = MappingProxyType(
    {
        "helpful": _helpful,
        "harmful": _harmful,
        "lookalike": _lookalike,
        "opinion": _opinion,
        "claim": _claim,
        "persona": _persona,
    }
)
