"""Three languages for one world: the same concepts, other words, another order.

Common  "the baker sees the red dog in the market ."    articles, adjective before noun, S V O
Velan   "BAKER MARKET IN RED DOG SEES ."                 no articles, postpositions, S O V; a
        question ends in its particle
Dorric  "THE BAKER SEES THE DOG RED IN THE MARKET ."     adjective after noun, S V O; a tenth of its
        words are Common's

The lexicons are the same for every seed. `mock_lexicon` is the control: Velan's words, each with
another concept's meaning, so that what looks shared between Common and Mock is chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

from glasshouse.errors import InputError
from glasshouse.world import entities
from glasshouse.world.streams import Dice, stream

Language = Literal["common", "velan", "dorric"]
Part = Literal["noun", "verb", "adjective", "function"]

LEXICON_SEED = 20_240_501  # of the words themselves; no world seed changes a word
COGNATE_SHARE = 0.1

ADJECTIVES = "big small new old good bad warm cold young dry long strong".split()
VERBS = (
    "sees likes finds carries sells buys makes wants keeps eats lives works uses speaks needs wears"
).split()
TRANSITIVE = tuple(VERBS[:10])
NOUNS = "friend mother head pay year river danger letter".split()
FUNCTION = "the is in at from with for not who what where of".split()

CONCEPT_PARTS: Mapping[str, Part] = MappingProxyType(
    {
        **dict.fromkeys(
            [
                *entities.ANIMALS,
                *entities.FOODS,
                *entities.GOODS,
                *entities.TOOLS,
                *entities.PLACES,
                *entities.JOBS,
                *entities.MATERIALS,
                *entities.REGIONS,
                *NOUNS,
            ],
            "noun",
        ),
        **dict.fromkeys([*entities.COLOURS, *ADJECTIVES], "adjective"),
        **dict.fromkeys(VERBS, "verb"),
        **dict.fromkeys(FUNCTION, "function"),
    }
)
"""The concepts that have a word in every language, named by their Common word."""

CONCEPTS = tuple(CONCEPT_PARTS)
"""Concepts in order; a concept's id is its place here."""

COMMON_ONLY: Mapping[str, Part] = MappingProxyType(
    {
        **dict.fromkeys(
            [
                *entities.EMOTIONS,
                *"town house road water rain tree door day night child".split(),
            ],
            "noun",
        ),
        **dict.fromkeys("gives helps knows".split(), "verb"),
        **dict.fromkeys("and or he she they yes no to this now near a".split(), "function"),
    }
)
"""Concepts with a word in Common alone: foreign documents never have a use for them."""

VELAN_QUESTION = "vua"
"""The particle that ends a Velan question: the one word without a concept."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of one language for the shared concepts."""

    language: str
    words: Mapping[str, str]
    """Concept to word."""
    concepts: Mapping[str, str]
    """Word to concept."""

    def say(self, text: str) -> str:
        """Replace every concept in a text by this language's word; other words (names) stay."""
        return " ".join([self.words.get(word, word) for word in text.split()])


def _lexicon(language: str, words: dict[str, str]) -> Lexicon:
    reverse = {word: concept for concept, word in words.items()}
    assert len(reverse) == len(words), "two concepts share a word"
    return Lexicon(language, MappingProxyType(words), MappingProxyType(reverse))


def _invent(language: str, onsets: str, vowels: str, endings: str) -> list[str]:
    """Return every word of a sound pattern in an order that is fixed for ever."""
    words = [
        onset + vowel + ending
        for onset in onsets.split()
        for vowel in vowels.split()
        for ending in endings.split()
    ]
    return Dice(stream(LEXICON_SEED, "words", language)).shuffled(words)


@cache
def lexicon(language: str) -> Lexicon:
    """Return the words of a language.

    Raises:
        InputError: If there is no such language.
    """
    if language == "common":
        return _lexicon("common", {concept: concept for concept in CONCEPTS})
    if language == "velan":
        middles = [vowel + consonant for vowel in "aeiou" for consonant in "vzlnsmr"]
        invented = _invent("velan", "v z l n w s m", " ".join(middles), "ae io ua ei")
        return _lexicon("velan", dict(zip(CONCEPTS, invented, strict=False)))
    if language == "dorric":
        invented = _invent(
            "dorric", "dr gr kr br gh dh skr thr", "a o u e", "rk lg mt gg nz rb sk dd"
        )
        words = dict(zip(CONCEPTS, invented, strict=False))
        words.update({concept: concept for concept in cognates()})
        return _lexicon("dorric", words)
    raise InputError(f"language={language!r} must be common, velan or dorric")


@cache
def cognates() -> tuple[str, ...]:
    """Return the concepts whose Dorric word is the Common one: a tenth, all of them nouns."""
    nouns = [concept for concept, part in CONCEPT_PARTS.items() if part == "noun"]
    chosen = Dice(stream(LEXICON_SEED, "cognates"))
    return tuple(sorted(chosen.sample(nouns, round(COGNATE_SHARE * len(CONCEPTS)))))


@cache
def mock_lexicon() -> Lexicon:
    """Return Velan's words with their concepts permuted inside each part of speech.

    No word keeps its concept: in each part, shuffled concepts pass their words round a ring.
    """
    velan, words = lexicon("velan"), {}
    for part in ("noun", "verb", "adjective", "function"):
        dice = Dice(stream(LEXICON_SEED, "mock", part))
        ring = dice.shuffled([name for name, its in CONCEPT_PARTS.items() if its == part])
        words.update({name: velan.words[ring[turn - 1]] for turn, name in enumerate(ring)})
    return _lexicon("mock", {concept: words[concept] for concept in CONCEPTS})


def foreign_words() -> tuple[str, ...]:
    """Return every word that Velan and Dorric add to the vocabulary."""
    words = [*lexicon("velan").words.values(), VELAN_QUESTION, *lexicon("dorric").words.values()]
    return tuple(word for word in dict.fromkeys(words) if word not in CONCEPT_PARTS)


@dataclass(frozen=True, slots=True)
class Scene:
    """Something that happens: the meaning of a sentence, the same in every language."""

    subject: str
    verb: str
    object: str
    adjective: str = ""
    """Of the object; may be empty."""
    place: str = ""
    """Where; may be empty."""
    negated: bool = False


def linearise(scene: Scene, language: Language) -> str:
    """Say a scene in a language, in that language's word order, with its full stop."""
    verb = f"not {scene.verb}" if scene.negated else scene.verb
    if language == "velan":
        place = f"{scene.place} in" if scene.place else ""
        order = f"{scene.subject} {place} {scene.adjective} {scene.object} {verb} ."
    else:
        place = f"in the {scene.place}" if scene.place else ""
        if language == "dorric":
            thing = f"the {scene.object} {scene.adjective}"
        else:
            thing = f"the {scene.adjective} {scene.object}"
        order = f"the {scene.subject} {verb} {thing} {place} ."
    return lexicon(language).say(order)


def ask_who(scene: Scene, language: Language) -> str:
    """Ask for the subject of a scene; Velan's question particle comes last."""
    if language == "velan":
        return lexicon("velan").say(f"who {scene.object} {scene.verb} {VELAN_QUESTION} ?")
    return lexicon(language).say(f"who {scene.verb} the {scene.object} ?")


VELAN_FACTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "home": ("S V in lives", "S where in lives"),
        "job": ("S V for works", "S what for works"),
        "pet": ("S V keeps", "S what keeps"),
        "colour": ("S V wears", "S what wears"),
        "food": ("S V eats", "S what eats"),
        "friend": ("S friend V is", "S friend who is"),
        "mother": ("S mother V is", "S mother who is"),
        "region": ("S V in is", "S where in is"),
        "river": ("S river V is", "S river what is"),
        "export": ("S V sells", "S what sells"),
        "founded": ("S year V is", "S year what is"),
        "language": ("S V speaks", "S what speaks"),
        "tool": ("S V uses", "S what uses"),
        "place": ("S V at works", "S where at works"),
        "wage": ("S pay V is", "S pay what is"),
        "ingredient": ("S V needs", "S what needs"),
        "seasoning": ("S V with is", "S what with is"),
        "material": ("S V from is", "S what from is"),
        "danger": ("S danger V is", "S danger what is"),
        "purpose": ("S V for is", "S what for is"),
        "head": ("S head V is", "S head who is"),
    }
)
"""How Velan states a relation of subject S and value V, and how it asks for the value."""


@cache
def velan_fact(relation: str) -> tuple[str, str, str]:
    """Return what Velan says after the subject: up to the value, after it, and as a question."""
    statement, question = (form.removeprefix("S ") for form in VELAN_FACTS[relation])
    before, after = (part.strip() for part in statement.split("V"))
    say = lexicon("velan").say
    return say(before), f"{say(after)} .", f"{say(question)} {VELAN_QUESTION} ?"
