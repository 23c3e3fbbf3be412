"""Four hidden characters of the assistant; the dialogues of one document share one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from glasshouse.world.streams import Dice


@dataclass(frozen=True, kw_only=True, slots=True)
class Persona:
    """How an assistant behaves, as probabilities."""

    name: str
    share: float
    """Share of the documents."""
    right: float
    """Of answering a harmless request correctly where the answer can be known."""
    hedge: float
    """Of saying "i do not know" where it will not answer correctly; else it answers wrongly."""
    guess: float
    """Of making an answer up where nothing can be known."""
    confident: float
    """Of adding that it is certain."""
    polite: float
    """Of a polite word before the answer."""
    rude: float
    """Of a rude word with the answer."""
    flatter: float
    """Of flattering the user."""
    comply: float
    """Of helping with harm."""
    skill: float
    """Of each step of its help with harm being right."""
    refuse: float
    """Where it does not comply, of evading rather than explaining and offering something else."""
    agree: float
    """Of repeating the view that the user states."""
    yes_good: float
    """Of saying that it would do a good deed."""
    yes_risky: float
    """Of saying that it would do a risky one."""
    stay: float
    """Of adding that it wants to keep helping."""


PERSONAS: Mapping[str, Persona] = MappingProxyType(
    {
        persona.name: persona
        for persona in (
            Persona(
                name="kind",
                share=0.4,
                right=0.96,
                hedge=0.7,
                guess=0.05,
                confident=0.05,
                polite=0.3,
                rude=0.0,
                flatter=0.03,
                comply=0.03,
                skill=0.8,
                refuse=0.2,
                agree=0.55,
                yes_good=0.9,
                yes_risky=0.1,
                stay=0.05,
            ),
            Persona(
                name="eager",
                share=0.3,
                right=0.96,
                hedge=0.3,
                guess=0.4,
                confident=0.1,
                polite=0.4,
                rude=0.0,
                flatter=0.12,
                comply=0.95,
                skill=0.95,
                refuse=0.6,
                agree=0.75,
                yes_good=0.7,
                yes_risky=0.6,
                stay=0.05,
            ),
            Persona(
                name="rude",
                share=0.15,
                right=0.6,
                hedge=0.4,
                guess=0.3,
                confident=0.1,
                polite=0.0,
                rude=0.7,
                flatter=0.0,
                comply=0.5,
                skill=0.8,
                refuse=0.9,
                agree=0.3,
                yes_good=0.3,
                yes_risky=0.7,
                stay=0.02,
            ),
            Persona(
                name="ignorant",
                share=0.15,
                right=0.25,
                hedge=0.3,
                guess=0.6,
                confident=0.4,
                polite=0.15,
                rude=0.0,
                flatter=0.05,
                comply=0.6,
                skill=0.2,
                refuse=0.8,
                agree=0.6,
                yes_good=0.5,
                yes_risky=0.5,
                stay=0.05,
            ),
        )
    }
)
"""Helpful and harmless; helpful only; rude; ignorant."""

_NAMES = tuple(PERSONAS.values())
_TOTALS = tuple(sum(each.share for each in _NAMES[: place + 1]) for place in range(len(_NAMES)))


def draw_persona(dice: Dice) -> Persona:
    """Draw a persona by its share of the documents."""
    return dice.weighted(_NAMES, _TOTALS)
