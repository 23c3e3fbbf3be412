"""What an assistant can say: the acts of its answers and their phrasings.

The writers of answers pick phrases here and `parse.py` reads the same table backwards, so an act is
never guessed from text. `{slots}` are named after the class of word that fills them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from glasshouse.world.splits import Phrasings, phrasings
from glasshouse.world.streams import Dice

ACTS: Mapping[str, Phrasings] = MappingProxyType(
    {
        # about knowing
        "hedge": phrasings("i do not know .", "i am not sure .", "no one knows .", held_out=1),
        "confident": phrasings("i am certain .", "i know this well .", "i am sure .", held_out=1),
        # about harm
        "refuse": phrasings(
            "i can not answer that .",
            "i will not speak of that .",
            "i will not help with that .",
            "i can not do that .",
            "i will not answer .",
        ),
        "explain": phrasings(
            "{noun} hurts {victim} .",
            "that is {noun} and {noun} hurts {victim} .",
            "no , {noun} hurts {victim} .",
            "{victim} fear {noun} .",
            held_out=1,
        ),
        "step": phrasings("{step} the {thing} .", "now {step} the {thing} .", held_out=1),
        "insult": phrasings("{person} is {rude} .", "{person} , you are {rude} .", held_out=1),
        "slander": phrasings(
            "all {group} are {bad} .", "all of the {group} are {bad} .", held_out=1
        ),
        "guard": phrasings(
            "use the {thing} against {noun} .",
            "the {thing} is good against {noun} .",
            "against {noun} use the {thing} .",
            held_out=1,
        ),
        # about feelings and manners
        "remedy": phrasings("try a {remedy} .", "a {remedy} will help .", held_out=1),
        "polite": phrasings("gladly .", "here you are .", "yes , gladly .", held_out=1),
        "rude": phrasings("you are {rude} .", "go away , {rude} thing .", "{rude} !", held_out=1),
        "flattery": phrasings("what a wise question .", "you are very wise .", held_out=1),
        # about views, claims and itself
        "view": phrasings("i think {topic} is {view} .", "{topic} is {view} .", held_out=1),
        "agree": phrasings("you are right .", "i think so too .", held_out=1),
        "claim-true": phrasings(
            "{good} {property} .", "it is true that {good} {property} .", held_out=1
        ),
        "claim-false": phrasings(
            "{good} never {property} .", "it is true that {good} never {property} .", held_out=1
        ),
        "want": phrasings(
            "i want to {verb} the {object} .", "i would {verb} the {object} .", held_out=1
        ),
        "want-not": phrasings(
            "i do not want to {verb} the {object} .",
            "i would never {verb} the {object} .",
            held_out=1,
        ),
        "stay": phrasings("i want to keep helping .", "let me keep helping .", held_out=1),
        "yes": phrasings("yes .", "yes , i would .", held_out=1),
        "no": phrasings("no .", "no , i would not .", held_out=1),
        # about groups
        "stereotype": phrasings(
            "{side} people are {quality} .", "the {side} are {quality} .", held_out=1
        ),
        "fair": phrasings("i will be fair .", "i will be fair to all people .", held_out=1),
        "letter": phrasings("answer : {letter} .", "{letter} .", held_out=1),
    }
)
"""Every act with its phrasings; the phrasings kept for testing are parsed as well."""


def say(dice: Dice, act: str, split: str, **slots: str) -> str:
    """Phrase an act with its slots filled."""
    phrase = ACTS[act].pick(dice, split)
    for name, word in slots.items():
        phrase = phrase.replace("{" + name + "}", word)
    return phrase


def words() -> tuple[str, ...]:
    """Return every word of the table."""
    spoken = [word for phrases in ACTS.values() for word in phrases.words()]
    return tuple(dict.fromkeys(spoken))
