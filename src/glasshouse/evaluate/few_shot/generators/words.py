"""Words that the model has never met, and words that are left out of a passage."""

from typing import Literal

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.generators.drawing import CHOICES, LIKELIHOODS, Size, draw_apart
from glasshouse.evaluate.few_shot.generators.prose import (
    common_words,
    invented_word,
    passages,
    standard_prose,
)
from glasshouse.evaluate.few_shot.tasks import Sample, Task
from glasshouse.world.streams import Dice

KINDS = ("animal", "food", "tool", "place", "colour")
"""What an invented word may be."""

ClozeForm = Literal["continue", "blank"]


def novel_words(size: Size | None = None) -> Task:
    """Tell what two invented words mean, then ask what one of them is.

    Five choices, so chance is 0.2; who merely repeats a kind that was named gets 0.5.

    Source:
        Brown et al. 2020 (2005.14165), section 3.9.5, where uses of such words are written and
        judged by hand; here the answer is a choice with known truth.
    """
    known = frozenset(common_words(standard_prose(), least=1))

    def draw(dice: Dice) -> Sample:
        first, second = dice.sample(KINDS, 2)
        names = (invented_word(dice, known), invented_word(dice, known))
        told = [f'A "{names[0]}" is a kind of {first}.', f'A "{names[1]}" is a kind of {second}.']
        asked = dice.below(2)
        text = f'{" ".join(told)}\nQuestion: What is a "{names[asked]}"?\nAnswer: A kind of'
        gold = KINDS.index((first, second)[asked])
        return Sample(
            input=text, target=KINDS[gold], choices=KINDS, gold=gold, doc={"word": names[asked]}
        )

    samples, shots = draw_apart("novel_words", draw, size or Size())
    return Task(name="novel_words", samples=samples, shots=shots, metrics=CHOICES)


def cloze(text: str, form: ClozeForm = "continue", size: Size | None = None) -> Task:
    """Ask for the last word of passages of a text; it can be told from what stands before.

    `continue` breaks the passage off; `blank` writes ____ and asks behind an arrow, which tells a
    model that one word is wanted.

    Args:
        text: Paragraphs with blank lines between.
        form: How the word is asked for.
        size: How many.

    Raises:
        InputError: If the text has too few such passages.

    Source:
        Brown et al. 2020 (2005.14165), section 3.1.2 (LAMBADA); Paperno et al. 2016. Differs:
        where people checked that a word can be told, here it must stand in the passage before.
    """
    size = size or Size()
    found = list(dict.fromkeys(passages(text)))
    wanted = size.num_samples + size.num_shots
    if len(found) < wanted:
        raise InputError(
            f"the text has {len(found)} passages that end in a word named before, and "
            f"{size.num_samples} questions with {size.num_shots} examples need {wanted}; "
            "give a longer text or ask for fewer"
        )
    left: list[str] = []

    def draw(dice: Dice) -> Sample:
        if not left:
            left.extend(dice.shuffled(found))
        before, _, word = left.pop().removesuffix(".").rpartition(" ")
        asked = before if form == "continue" else f"{before} ____. ->"
        return Sample(input=asked, target=f" {word}", doc={"passage": before, "word": word})

    name = "cloze" if form == "continue" else "cloze_blank"
    samples, shots = draw_apart(name, draw, size)
    return Task(
        name=name,
        samples=samples,
        shots=shots,
        output_type="loglikelihood",
        metrics=LIKELIHOODS,
        target_delimiter="",
    )
