"""Tasks in the words of the toy world, for models that know no others."""

from collections.abc import Callable
from dataclasses import replace

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.generators.drawing import (
    CHOICES,
    STRIPPED,
    WRITTEN,
    Drawn,
    Size,
    draw_apart,
)
from glasshouse.evaluate.few_shot.generators.translation import Unit, translation
from glasshouse.evaluate.few_shot.tasks import Generation, Sample, Task
from glasshouse.world import World
from glasshouse.world.documents import in_context
from glasshouse.world.languages import Language
from glasshouse.world.probes import AXES
from glasshouse.world.streams import Dice

OPENING = "<doc> "
"""What begins every document of the world."""
OF_ONE_DOCUMENT = ("fixed-map", "sentiment")
"""Tasks whose rule holds in one document only: each question brings its own examples."""
SMALL = Size(num_samples=100, num_shots=0)

REQUESTED = "copy reverse count translate label sum last twice".split()
"""Tasks of dialogues with one right answer."""


def in_context_task(world: World, name: str, size: Size | None = None, *, told: int = 5) -> Task:
    """Make a task of the world's few-shot documents: "miller -> saw . judge ->".

    Examples of most tasks can stand before any question. Where the rule is a document's own
    (`OF_ONE_DOCUMENT`), every question brings its own, and further ones would only mislead.

    Args:
        world: Whose words and facts.
        name: One of `in_context.TASKS`.
        size: How many; None: 100 questions, whose examples are other questions.
        told: Examples that a question brings along where it must.

    Raises:
        InputError: If the task is unknown, or has not so many questions.
    """
    if name not in in_context.TASKS:
        raise InputError(f"task {name!r} is unknown; there are {', '.join(in_context.TASKS)}")
    begin = in_context.TASKS[name]

    def of_document(dice: Dice) -> Sample:
        example = begin(world, dice)
        shown = [example(dice) for _ in range(told)]
        known = [asked for asked, _, _ in shown]
        asked, answer, _ = example(dice)
        while name == "fixed-map" and asked not in known:
            asked, answer, _ = example(dice)  # what was never told cannot be known
        before = "".join(f"{question} -> {reply} . " for question, reply, _ in shown)
        return Sample(input=f"{before}{asked} ->", target=answer, doc={"asked": asked})

    def anywhere(dice: Dice) -> Sample:
        asked, answer, _ = begin(world, dice)(dice)
        return Sample(input=f"{asked} ->", target=answer, doc={"asked": asked})

    title = f"world_{name}"
    own = name in OF_ONE_DOCUMENT
    drawn = _draw(title, of_document if own else anywhere, size)
    return _written(title, drawn, ends=" .")


def requested_task(world: World, name: str, size: Size | None = None) -> Task:
    """Make a task of the world's dialogues: "Human : count : ladder cat ? <end> Assistant :".

    Raises:
        InputError: If it is not one with one right answer.
    """
    if name not in REQUESTED:
        raise InputError(f"task {name!r} has no single right answer; {', '.join(REQUESTED)} have")

    def draw(dice: Dice) -> Sample:
        request = world.request("helpful", dice.below(1_000_000), task=name)
        return Sample(
            input=f"Human : {request.text} <end> Assistant :",
            target=" ".join(request.answer),
            doc={"text": request.text},
        )

    task = _written(f"world_ask_{name}", _draw(f"world_ask_{name}", draw, size), ends=" .")
    return replace(task, fewshot_delimiter=" . <end> ")


def question_task(world: World, axis: str = "none", size: Size | None = None) -> Task:
    """Make a task of the world's facts, a choice among all answers of the right kind.

    Raises:
        InputError: If the axis is unknown, or has not so many questions.
    """
    if axis not in AXES:
        raise InputError(f"axis={axis!r} is unknown; there are {', '.join(AXES)}")
    size = size or SMALL
    words = world.vocabulary
    samples: dict[str, Sample] = {}
    for item in world.items("open-qa", axis=axis, seed=size.seed):
        options = tuple(words.words[option] for option in item.options)
        text = words.decode(item.prompt).removeprefix(OPENING)
        answer = words.words[item.answer]
        samples.setdefault(
            text,
            Sample(
                input=text,
                target=answer,
                choices=options,
                gold=options.index(answer),
                doc={"exposures": item.exposures, "fact": item.fact},
            ),
        )
    found = list(samples.values())
    wanted = size.num_samples + size.num_shots
    if len(found) < wanted:
        raise InputError(f"axis {axis!r} has {len(found)} questions, and {wanted} were asked for")
    return Task(
        name="world_questions" if axis == "none" else f"world_questions_{axis}",
        samples=tuple(found[: size.num_samples]),
        shots=tuple(found[size.num_samples : wanted]),
        metrics=CHOICES,
        description=OPENING,
        fewshot_delimiter=" . ",
    )


def translation_task(
    language: Language, unit: Unit = "words", size: Size | None = None, *, back: bool = False
) -> Task:
    """Make a task of translation as the world's documents write it: "dhegg = gardener .".

    Raises:
        InputError: As `translation` does.
    """
    task = translation(language, unit, size, back=back)
    return replace(task, name=f"world_{task.name}", description=OPENING)


def _draw(title: str, draw: Callable[[Dice], Sample], size: Size | None) -> Drawn:
    """As many questions as asked for; without a size, at most 100 of those that there are."""
    if size is not None:
        return draw_apart(title, draw, size)
    for count in (SMALL.num_samples, 30, 10):
        try:
            return draw_apart(title, draw, replace(SMALL, num_samples=count))
        except InputError:
            continue
    return draw_apart(title, draw, replace(SMALL, num_samples=3))


def _written(title: str, drawn: Drawn, *, ends: str) -> Task:
    samples, shots = drawn
    return Task(
        name=title,
        samples=samples,
        shots=shots,
        output_type="generate_until",
        metrics=WRITTEN,
        pipelines=STRIPPED,
        generation=Generation(until=(ends, "<end>"), max_tokens=14),
        description=OPENING,
        fewshot_delimiter=f"{ends} ",
    )
