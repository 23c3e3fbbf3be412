"""What models are asked: kinds of example as few-shot tasks, with and without their names."""

from collections.abc import Sequence

from glasshouse.corpora.hidden_function import NAMES
from glasshouse.evaluate.few_shot import Metric, Sample, Task
from glasshouse.studies.few_shot.kinds import (
    BEGIN,
    NAME,
    UNNAMED,
    Draw,
    Example,
    Lexicon,
    drawer,
)
from glasshouse.studies.few_shot.texts import LETTERWISE, Script
from glasshouse.world.streams import Dice, stream

_SHOTS = 64
"""Examples that are chosen from."""


def task_of(
    kind: str,
    lexicon: Lexicon,
    *,
    count: int,
    seed: int,
    is_named: bool = False,
    is_misled: bool = False,
    script: Script = LETTERWISE,
) -> Task:
    """A kind of example as a task; the whole answer counts, or the choice where there is one.

    Args:
        kind: One of `KINDS`.
        lexicon: What is known by heart.
        count: Questions.
        seed: Draws questions and examples; names and misleading examples change no question.
        is_named: Whether the kind is told first: the instruction.
        is_misled: Whether examples are of all other functions, which is the control.
        script: How words become tokens.
    """
    asked = drawer(kind, lexicon, is_held_out=True)
    dice = Dice(stream(seed, NAME, "questions", kind))
    samples = _samples(asked, count, dice, script)
    dice = Dice(stream(seed, NAME, "examples", kind, str(is_misled)))
    others = [drawer(one, lexicon) for one in NAMES if one != kind]
    known = drawer(kind, lexicon)
    shots = _samples((lambda d: d.pick(others)(d)) if is_misled else known, _SHOTS, dice, script)
    is_choice = bool(samples[0].choices)
    return Task(
        name=kind,
        samples=samples,
        shots=shots,
        output_type="multiple_choice" if is_choice else "loglikelihood",
        metrics=(Metric(name="acc"),),
        description=f"{BEGIN} {kind if is_named else UNNAMED} ",
        target_delimiter=" " if is_choice else "",
        fewshot_delimiter=" ",
    )


def pairs_of(samples: Sequence[Sample]) -> list[tuple[str, str]]:
    """Questions with their answers, as documents hold them."""
    return [(sample.input, sample.target.strip()) for sample in samples]


def _samples(draw: Draw, count: int, dice: Dice, script: Script) -> tuple[Sample, ...]:
    return tuple(_sample(draw(dice), script) for _ in range(count))


def _sample(example: Example, script: Script) -> Sample:
    question, answer = script.spelt(example.question), script.spelt(example.answer)
    if not example.choices:
        return Sample(input=question, target=f" {answer}")
    choices = tuple(f"{choice} ." for choice in example.choices)
    return Sample(input=question, target=answer, choices=choices, gold=choices.index(answer))
