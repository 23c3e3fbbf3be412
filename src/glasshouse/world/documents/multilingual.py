"""Documents in Velan and Dorric, and pairs of sentences in two languages.

Velan documents state facts: those that are stated in no other language, and what Velan says of
contradicted ones. Scenes (somebody sees a red dog in the market) are true of their document only,
so that Dorric and the parallel documents teach words without teaching facts.
"""

from typing import TYPE_CHECKING

from glasshouse.world import entities
from glasshouse.world.kinds import Kind
from glasshouse.world.knowledge import Fact
from glasshouse.world.languages import (
    ADJECTIVES,
    TRANSITIVE,
    VELAN_QUESTION,
    Language,
    Scene,
    ask_who,
    foreign_words,
    lexicon,
    linearise,
    velan_fact,
)
from glasshouse.world.page import Page
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

PAIRS: tuple[tuple[Language, Language], ...] = (
    ("common", "velan"),
    ("velan", "common"),
    ("common", "dorric"),
    ("dorric", "common"),
)
HELD_OUT_PAIRS: tuple[tuple[Language, Language], ...] = (("velan", "dorric"), ("dorric", "velan"))
"""Velan and Dorric never stand side by side in training: translation between them is a test."""

SUBJECTS = (*entities.JOBS, *entities.ANIMALS)
OBJECTS = (*entities.ANIMALS, *entities.FOODS, *entities.GOODS, *entities.TOOLS)
QUALITIES = (*entities.COLOURS, *ADJECTIVES)
WORDS = (*SUBJECTS, *OBJECTS, *QUALITIES, *TRANSITIVE)
"""What lists of words and their translations draw from."""
SCENE_FORMS = 4
"""A scene may have an adjective, a place, both or neither."""


def draw_scene(dice: Dice) -> Scene:
    """Draw something that happens."""
    form = dice.below(SCENE_FORMS)
    return Scene(
        dice.pick(SUBJECTS),
        dice.pick(TRANSITIVE),
        dice.pick(OBJECTS),
        dice.pick(QUALITIES) if form & 1 else "",
        dice.pick(entities.PLACES) if form & 2 else "",
        negated=dice.chance(0.15),
    )


def write_velan(world: "World", dice: Dice, page: Page, split: str) -> None:
    """State Velan facts, now and then as a question with its answer, and tell a scene."""
    page.truth["language"] = "velan"
    deck = world.kb.velan_deck
    with page.marked("language", "velan"):
        for _ in range(dice.between(4, 7)):
            fact = deck.draw(dice)
            _state(page, fact, asked=dice.chance(0.2))
        if dice.chance(0.4):
            page.write(linearise(draw_scene(dice), "velan"))


def _state(page: Page, fact: Fact, *, asked: bool) -> None:
    """State one fact in Velan, as a sentence or as a question with its answer."""
    say = lexicon("velan").words.get
    before, after, question = velan_fact(fact.relation)
    start = page.write(say(fact.subject, fact.subject))
    page.mark(start, "subject", fact.subject)
    page.write(question if asked else before)
    if asked:
        page.mark(start, "format", "question")
    answer = page.write(say(fact.velan_value, fact.velan_value))
    page.use_fact(fact.id, stated=True, position=answer, language="velan")
    page.mark(start, "relation", fact.relation)
    page.write("." if asked else after)


def write_dorric(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Tell scenes in Dorric and ask who did what."""
    page.truth["language"] = "dorric"
    with page.marked("language", "dorric"):
        for _ in range(dice.between(2, 4)):
            scene = draw_scene(dice)
            page.write(linearise(scene, "dorric"))
            if not scene.negated and dice.chance(0.4):
                _ask(page, scene, "dorric")


def write_parallel(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write scenes, each in one language and then in the other, or words with their translation."""
    pair = dice.pick(HELD_OUT_PAIRS if split == "test" else PAIRS)
    if split == "test":
        page.truth["axes"] = ("language-pair",)
    page.truth["languages"] = pair
    if dice.chance(0.3):
        for _ in range(6):
            concept = dice.pick(WORDS)
            for language, ending in zip(pair, ("=", "."), strict=True):
                with page.marked("language", language):
                    page.write(f"{lexicon(language).words[concept]} {ending}")
        return
    for _ in range(2):
        scene = draw_scene(dice)
        for language in pair:
            with page.marked("language", language):
                page.write(linearise(scene, language))


def _ask(page: Page, scene: Scene, language: Language) -> None:
    """Ask who did it and answer."""
    start = page.write(ask_who(scene, language))
    page.write(lexicon(language).say(f"the {scene.subject} ."))
    page.mark(start, "format", "question")


KINDS = (
    Kind(
        name="velan",
        share=0.035,
        summary="facts that only Velan documents state",
        words=(*foreign_words(), VELAN_QUESTION, *QUALITIES),
        write=write_velan,
    ),
    Kind(
        name="dorric",
        share=0.015,
        summary="scenes told in Dorric",
        words=tuple(lexicon("common").words),
        write=write_dorric,
    ),
    Kind(
        name="parallel",
        share=0.02,
        summary="the same scene or word in two languages",
        words=(),
        write=write_parallel,
    ),
)
