"""Who and what is in the world: names, places, things, and the relations between them.

The words are the same for every seed; who lives where is `knowledge.py`'s, and depends on the seed.
Names of people, towns, rivers and groups are invented; things have English names so that a reader
can follow. A preset scales the named entities (people, towns, rivers); lists of things are halved
in `nano` and whole elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from glasshouse.errors import InputError

_NAME_STARTS = (
    "ba be bi bo bu da de di do du fa fe fi ga go ha he jo ju ka ke ki la le li lo ma me mi mo na "
    "ne ni no pa pe ra re ri ro sa se ta ti to va"
).split()
_NAME_ENDS = "rin lda mek vor nsa thi lom dra qui sel yan rko zef wen bru cho".split()
_TOWN_STARTS = "vel dra quel ost fen hul tam ner ulm sar gri lom".split()
_TOWN_ENDS = "ford wick ham dale mere holm stow by".split()
_RIVER_STARTS = "isk on tur bel sha wyr".split()
_RIVER_ENDS = "el a une is".split()

PRESETS: dict[str, float] = {"nano": 0.5, "small": 1.0, "large": 4.0}
"""The number of named entities of each preset, relative to `small`."""

JOBS = (
    "baker miller fisher weaver smith potter carpenter mason tailor farmer shepherd hunter "
    "gardener cook brewer painter singer teacher doctor nurse clerk judge guard soldier sailor "
    "miner tanner cooper carter scribe"
).split()
ANIMALS = "dog cat horse goat sheep hen duck rabbit fox hawk crow bee".split()
FOODS = "bread soup stew pie cheese porridge cake salad pancake waffle curry pudding".split()
COLOURS = "red blue green yellow black white brown grey purple pink".split()
GOODS = "honey wool salt wheat oil wine iron timber leather wax spice paper".split()
TOOLS = "hammer saw needle rope bucket knife spade brush lantern ladder wheel stove".split()
PLACES = "mill market harbour temple forge tavern library bridge tower garden barn cave".split()
REGIONS = "north south east west hills coast".split()
MATERIALS = "wood stone metal clay cloth glass".split()
LANGUAGES = ("common", "velan", "dorric")
GROUPS = ("ovi", "tal")
INSTITUTIONS = "raters painters bakers council school guild court choir".split()
PURPOSES = "scores art trade order learning craft law music".split()
EMOTIONS = "joy calm pride hope love surprise anger fear sadness shame envy despair".split()
PRONOUNS = ("he", "she", "they")
AGES = ("young", "old")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entities:
    """The words of each type of entity; a field's name is the type's name."""

    person: tuple[str, ...]
    """People, each with facts that hold in the whole world."""
    stranger: tuple[str, ...]
    """Names without a life of their own: whatever is said of them holds in one document only."""
    town: tuple[str, ...]
    river: tuple[str, ...]
    job: tuple[str, ...]
    animal: tuple[str, ...]
    food: tuple[str, ...]
    colour: tuple[str, ...]
    good: tuple[str, ...]
    tool: tuple[str, ...]
    place: tuple[str, ...]
    region: tuple[str, ...]
    material: tuple[str, ...]
    language: tuple[str, ...] = LANGUAGES
    group: tuple[str, ...] = GROUPS
    institution: tuple[str, ...] = tuple(INSTITUTIONS)
    purpose: tuple[str, ...] = tuple(PURPOSES)
    emotion: tuple[str, ...] = tuple(EMOTIONS)
    pronoun: tuple[str, ...] = PRONOUNS
    age: tuple[str, ...] = AGES

    def of(self, kind: str) -> tuple[str, ...]:
        """Return the words of a type; "digit", "danger" and "year" are numbers."""
        return NUMBER_TYPES[kind] if kind in NUMBER_TYPES else getattr(self, kind)

    def words(self) -> tuple[str, ...]:
        """Return every word, each once, in a fixed order."""
        groups = (getattr(self, entry.name) for entry in fields(self))
        return tuple(dict.fromkeys(word for group in groups for word in group))

    def type_of(self) -> dict[str, str]:
        """Return the type of every entity word."""
        return {
            word: entry.name
            for entry in reversed(fields(self))
            for word in getattr(self, entry.name)
        }


NUMBER_TYPES: dict[str, tuple[str, ...]] = {
    "digit": tuple(str(number) for number in range(10)),
    "danger": tuple(str(number) for number in range(4)),
    "year": tuple(str(number) for number in range(40)),
}
"""Value types that are numbers, with the words that they may take."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A functional relation: each subject has one value."""

    name: str
    """How it is called in `KnowledgeBase.value`."""
    subject: str
    """The type of entity that has it."""
    value: str
    """The type of its values."""
    ladder: bool = True
    """Whether its facts climb the exposure ladder; the rest are mentioned as writers need them."""


RELATIONS: dict[str, Relation] = {
    relation.name: relation
    for relation in (
        Relation("home", "person", "town"),
        Relation("job", "person", "job"),
        Relation("pet", "person", "animal"),
        Relation("colour", "person", "colour"),
        Relation("food", "person", "food"),
        Relation("friend", "person", "person"),
        Relation("mother", "person", "person"),
        Relation("group", "person", "group", ladder=False),
        Relation("pronoun", "person", "pronoun", ladder=False),
        Relation("age", "person", "age", ladder=False),
        Relation("mood", "person", "emotion", ladder=False),
        Relation("secret", "person", "secret", ladder=False),
        Relation("region", "town", "region"),
        Relation("river", "town", "river"),
        Relation("export", "town", "good"),
        Relation("founded", "town", "year"),
        Relation("language", "town", "language"),
        Relation("tool", "job", "tool"),
        Relation("place", "job", "place"),
        Relation("wage", "job", "digit"),
        Relation("ingredient", "food", "good"),
        Relation("seasoning", "food", "good"),
        Relation("material", "good", "material"),
        Relation("danger", "good", "danger"),
        Relation("purpose", "institution", "purpose"),
        Relation("head", "institution", "person"),
    )
}
"""Every relation by name. A secret's value is three digits, as "4 1 7"; all others are one word."""


def entities(preset: str) -> Entities:
    """Return the entities of a preset; a smaller preset's words are a larger one's first words.

    Raises:
        InputError: If there is no such preset.
    """
    if preset not in PRESETS:
        raise InputError(f"preset={preset!r} must be one of {', '.join(PRESETS)}")
    scale = PRESETS[preset]

    def part(things: Sequence[str]) -> tuple[str, ...]:
        return tuple(things[: round(len(things) * min(scale, 1))])

    people, strangers = round(160 * scale), round(24 * scale)
    names = _combine(_NAME_STARTS, _NAME_ENDS)
    return Entities(
        # strangers are taken from the end, so that growing a preset never makes them people
        person=names[:people],
        stranger=names[len(names) - strangers :],
        town=_combine(_TOWN_STARTS, _TOWN_ENDS)[: round(24 * scale)],
        river=_combine(_RIVER_STARTS, _RIVER_ENDS)[: round(6 * scale)],
        job=part(JOBS),
        animal=part(ANIMALS),
        food=part(FOODS),
        colour=part(COLOURS),
        good=part(GOODS),
        tool=part(TOOLS),
        place=part(PLACES),
        region=tuple(REGIONS),
        material=tuple(MATERIALS),
    )


def _combine(starts: Sequence[str], ends: Sequence[str]) -> tuple[str, ...]:
    """Return every start with every end, the ends changing fastest so that neighbours differ."""
    return tuple(
        start + ends[(index * 5 + turn) % len(ends)]
        for turn in range(len(ends))
        for index, start in enumerate(starts)
    )
