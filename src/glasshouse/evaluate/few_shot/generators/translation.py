"""Translation between the world's three languages, of words and of sentences, both ways."""

from typing import Literal, get_args

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.generators.drawing import STRIPPED, WRITTEN, Size, draw_apart
from glasshouse.evaluate.few_shot.tasks import Generation, Sample, Task
from glasshouse.world import entities
from glasshouse.world.languages import (
    ADJECTIVES,
    CONCEPTS,
    NOUNS,
    TRANSITIVE,
    Language,
    Scene,
    cognates,
    lexicon,
    linearise,
)
from glasshouse.world.streams import Dice

Unit = Literal["words", "sentences"]

_THINGS = (*entities.ANIMALS, *entities.FOODS, *entities.GOODS, *entities.TOOLS, NOUNS[0])


def translation(
    language: Language, unit: Unit = "words", size: Size | None = None, *, back: bool = False
) -> Task:
    """Make a task of translation from Common into another of the world's languages.

    Words that are the same in both languages are not asked for. All that is written is words of
    the world, so that models with its vocabulary can be asked as well as models that spell.

    Args:
        language: Into which.
        unit: Words, or sentences with that language's order of words.
        size: How many.
        back: From that language into Common instead.

    Raises:
        InputError: If the language is Common or unknown, or there are not so many words.
    """
    if language not in get_args(Language) or language == "common":
        raise InputError(f"language={language!r} must be velan or dorric")
    source, target = (language, "common") if back else ("common", language)
    same = frozenset(cognates()) if language == "dorric" else frozenset()
    asked = tuple(concept for concept in CONCEPTS if concept not in same)

    def draw(dice: Dice) -> Sample:
        if unit == "words":
            concept = dice.pick(asked)
            question = lexicon(source).words[concept]
            answer = lexicon(target).words[concept]
        else:
            scene = _scene(dice)
            question = linearise(scene, source).removesuffix(" .")
            answer = linearise(scene, target).removesuffix(" .")
        return Sample(input=f"{question} =", target=answer, doc={"from": question, "to": answer})

    way = f"{language}_to_common" if back else f"common_to_{language}"
    name = f"translate_{way}" + ("" if unit == "words" else "_sentences")
    samples, shots = draw_apart(name, draw, size or Size(num_samples=100, num_shots=40))
    return Task(
        name=name,
        samples=samples,
        shots=shots,
        output_type="generate_until",
        metrics=WRITTEN,
        pipelines=STRIPPED,
        generation=Generation(until=(" .", "\n"), max_tokens=12 if unit == "words" else 48),
        fewshot_delimiter=" . ",
    )


def _scene(dice: Dice) -> Scene:
    return Scene(
        subject=dice.pick(entities.JOBS),
        verb=dice.pick(TRANSITIVE),
        object=dice.pick(_THINGS),
        adjective=dice.pick(ADJECTIVES) if dice.chance(0.5) else "",
        place=dice.pick(entities.PLACES) if dice.chance(0.5) else "",
    )
