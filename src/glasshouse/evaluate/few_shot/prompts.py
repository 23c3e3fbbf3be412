"""Prompts with examples: which are chosen, how they are written, and how they fit a context."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.tasks import Sample, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """What a model is given to read before it answers."""

    description: str
    """What stands first."""
    shots: tuple[str, ...]
    """Examples, each with its answer and the delimiter behind it."""
    question: str
    """What is asked."""

    @property
    def text(self) -> str:
        """The whole prompt."""
        return self.description + "".join(self.shots) + self.question


def write_prompts(
    task: Task, *, num_fewshot: int, seed: int, limit: int | None = None
) -> list[Prompt]:
    """Write the prompt of every question.

    Args:
        task: Its questions.
        num_fewshot: Examples before each question.
        seed: Chooses the examples; questions before the limit have the same ones whatever it is.
        limit: How many questions, from the first; None: all.

    Raises:
        InputError: If there are not so many examples, or the limit or their number is negative.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit={limit} must be at least 1 question")
    samples = task.samples[:limit]
    written: dict[int, str] = {}
    prompts = []
    for sample, shots in zip(samples, choose_shots(task, samples, num_fewshot, seed), strict=True):
        for shot in shots:
            if id(shot) not in written:
                written[id(shot)] = write_shot(task, shot)
        prompts.append(
            Prompt(
                description=task.description,
                shots=tuple(written[id(shot)] for shot in shots),
                question=sample.input,
            )
        )
    return prompts


def write_shot(task: Task, shot: Sample) -> str:
    """One example as it stands in a prompt."""
    return shot.input + task.target_delimiter + shot.target + task.fewshot_delimiter


def choose_shots(
    task: Task, samples: Sequence[Sample], num_fewshot: int, seed: int
) -> Iterator[list[Sample]]:
    """Choose the examples of each question, as lm-eval does with the same seed.

    One generator is drawn from question after question. Where examples are questions themselves,
    one more is drawn and the question asked, or else the last, is left out.

    Raises:
        InputError: If there are not so many examples.

    Source:
        lm-eval 0.4.13, `ContextSampler` and `FirstNSampler`.
    """
    pool, spare = task.pool, int(task.leaves_asked_out)
    if num_fewshot < 0:
        raise InputError(f"num_fewshot={num_fewshot} must not be negative")
    if num_fewshot + spare > len(pool) and num_fewshot:
        raise InputError(
            f"task {task.name!r} has {len(pool) - spare} examples to choose from, and "
            f"num_fewshot={num_fewshot}; ask for fewer"
        )
    random = Random(seed)
    for sample in samples:
        if num_fewshot == 0:
            yield []
            continue
        drawn = pool if task.sampler == "first_n" else random.sample(pool, num_fewshot + spare)
        if spare:
            drawn = [shot for shot in drawn if not _same(shot, sample)]
        if len(drawn) < num_fewshot:  # it stands there several times, and was drawn so
            others = [shot for shot in pool if not _same(shot, sample)]
            if len(others) < num_fewshot:
                raise InputError(
                    f"task {task.name!r} has {len(others)} examples that are not the question "
                    f"itself, and num_fewshot={num_fewshot}; ask for fewer"
                )
            drawn = random.sample(others, num_fewshot)
        yield list(drawn[:num_fewshot])


def _same(shot: Sample, sample: Sample) -> bool:
    """Whether two are the same row: of a file, or else in what they ask."""
    return shot is sample or (
        shot.doc == sample.doc if shot.doc or sample.doc else shot.input == sample.input
    )


def fit(prompt: Prompt, length: Callable[[Prompt], int], *, room: int) -> Prompt | None:
    """Cut whole examples from the left until a prompt fits; None if the question alone does not.

    Args:
        prompt: What should fit.
        length: Tokens that a prompt needs.
        room: Tokens that there are.
    """
    while length(prompt) > room:
        if not prompt.shots:
            return None
        prompt = replace(prompt, shots=prompt.shots[1:])
    return prompt
