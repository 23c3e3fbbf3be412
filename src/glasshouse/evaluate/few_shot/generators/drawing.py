"""How many questions a generated task has, and drawing them so that no example is a question."""

from collections.abc import Callable
from dataclasses import dataclass

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.tasks import FilterStep, Metric, Pipeline, Sample
from glasshouse.world.streams import Dice, stream

_PATIENCE = 50
"""Draws a wanted question, before the space of questions is taken for too small."""

WRITTEN = tuple(Metric(name=name) for name in ("exact_match", "char_acc", "token_acc", "token_nll"))
"""What is measured of free answers: all at once, and letter by letter and token by token."""
LIKELIHOODS = tuple(Metric(name=name) for name in ("acc", "perplexity", "token_acc", "token_nll"))
"""What is measured of the right answer's likelihood."""
CHOICES = tuple(Metric(name=name) for name in ("acc", "acc_norm", "acc_token", "choice_prob"))
"""What is measured of a choice."""
STRIPPED = (Pipeline(steps=(FilterStep(function="remove_whitespace"),)),)
"""White space at the ends of a free answer does not count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much of a task is made."""

    num_samples: int = 200
    """Questions."""
    num_shots: int = 64
    """Examples to choose from; none of them is a question."""
    seed: int = 0
    """Draws them all."""

    def __post_init__(self) -> None:
        if self.num_samples < 1 or self.num_shots < 0 or self.seed < 0:
            raise InputError(
                f"num_samples={self.num_samples} must be at least 1, and "
                f"num_shots={self.num_shots} and seed={self.seed} must not be negative"
            )


Drawn = tuple[tuple[Sample, ...], tuple[Sample, ...]]
"""Questions, and examples."""


def draw_apart(name: str, draw: Callable[[Dice], Sample], size: Size) -> Drawn:
    """Draw different questions, and different examples that are none of them.

    Args:
        name: Of the task; each has its own chance.
        draw: Draws one question.
        size: How many.

    Raises:
        InputError: If there are not so many different questions.
    """
    dice = Dice(stream(size.seed, "few-shot", name))
    wanted = size.num_samples + size.num_shots
    found: dict[str, Sample] = {}
    for _ in range(_PATIENCE * wanted):
        if len(found) == wanted:
            break
        sample = draw(dice)
        found.setdefault(sample.input, sample)
    if len(found) < wanted:
        raise InputError(
            f"task {name!r} has about {len(found)} different questions, and {size.num_samples} "
            f"with {size.num_shots} examples were asked for; ask for fewer"
        )
    samples = tuple(found.values())
    return samples[: size.num_samples], samples[size.num_samples :]
