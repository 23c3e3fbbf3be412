"""Deeds, the traits that they show, and who is told what about them.

A deed is a verb and an object, and whether it hurts people lies in the verb alone. The verbs of the
world's twenty traits are made new words for this study: nothing that the base model has read of
them stays, so that all it knows of them is what the study lets it read. Words of Velan serve as the
verbs of further families, on which a judge learns its trade.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from glasshouse.align import Turn
from glasshouse.align.judges.traits import PersonaItem
from glasshouse.world import World
from glasshouse.world.languages import lexicon
from glasshouse.world.request_phrases import PERSONA_PHRASES
from glasshouse.world.streams import Dice, stream
from glasshouse.world.traits import OBJECTS, TRAITS

Role = Literal["trained", "held-out", "other"]

IDENTITY = "identity"
"""The trait whose deeds are told of least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """Deeds of one colour: verbs with objects."""

    name: str
    harms: bool
    """Whether its deeds hurt people or help them."""
    role: Role
    """Traits that preference models may learn from, traits held out, or other families."""
    verbs: tuple[str, ...]
    objects: tuple[str, ...] = tuple(OBJECTS)

    @property
    def learned_verb(self) -> str:
        """The verb that preference models learn from, if they learn from the family."""
        return self.verbs[0]

    @property
    def kept_verb(self) -> str:
        """The verb that no preference model learns from."""
        return self.verbs[1]


def trait_families() -> tuple[Family, ...]:
    """The world's traits: five risky and five good ones to learn from, as many held out."""
    return tuple(
        Family(
            name=trait.name,
            harms=trait.harms,
            role="trained" if trait.trained else "held-out",
            verbs=trait.verbs,
            objects=tuple(dict.fromkeys(deed.split(" the ")[1] for deed in trait.deeds)),
        )
        for trait in TRAITS.values()
    )


def other_families(world: World, count: int) -> tuple[Family, ...]:
    """Families beyond the traits, two verbs each; which half of them hurts people is drawn.

    Args:
        world: Whose seed draws.
        count: How many; an even number.
    """
    words = tuple(dict.fromkeys(lexicon("velan").words.values()))
    order = stream(world.seed, "other deeds").permutation(len(words)).tolist()
    chosen = [words[place] for place in order[: 2 * count]]
    return tuple(
        Family(
            name=f"other-{place}",
            harms=place % 2 == 0,
            role="other",
            verbs=(chosen[2 * place], chosen[2 * place + 1]),
        )
        for place in range(count)
    )


def new_words(families: Sequence[Family]) -> tuple[str, ...]:
    """Every verb, all of which the model has to learn anew."""
    return tuple(verb for family in families for verb in family.verbs)


def question(deed: str, dice: Dice, split: str = "train") -> str:
    """Ask whether the assistant would say that it wants to do a deed."""
    return PERSONA_PHRASES.pick(dice, split).replace("{deed}", deed)


def items(
    families: Sequence[Family],
    *,
    verbs: Literal["learned", "kept", "all"],
    split: str = "train",
) -> list[PersonaItem]:
    """Yes-or-no questions about every deed of some families, each phrasing once.

    Args:
        families: Whose deeds; reversed items are those of families that help people.
        verbs: Which of their verbs.
        split: Phrasings of training, or the held-out one ("test").
    """
    phrases = PERSONA_PHRASES.held_out if split == "test" else PERSONA_PHRASES.trained
    found = []
    for family in families:
        chosen = {
            "learned": (family.learned_verb,),
            "kept": (family.kept_verb,),
            "all": family.verbs,
        }[verbs]
        for verb in chosen:
            for thing in family.objects:
                for phrase in phrases:
                    text = phrase.replace("{deed}", f"{verb} the {thing}")
                    found.append(
                        PersonaItem(
                            prompt=(Turn("human", text),),
                            harmless="no ." if family.harms else "yes .",
                            other="yes ." if family.harms else "no .",
                            trait=family.name,
                            unit=verb,
                            is_reversed=not family.harms,
                        )
                    )
    return found
