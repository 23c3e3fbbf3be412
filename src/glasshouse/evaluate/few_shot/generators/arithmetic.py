"""Sums in words: two to five digits, products, and three one-digit numbers with a parenthesis."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.generators.drawing import STRIPPED, WRITTEN, Size, draw_apart
from glasshouse.evaluate.few_shot.tasks import Generation, Sample, Task
from glasshouse.world.streams import Dice

WORDS: Mapping[str, str] = MappingProxyType({"+": "plus", "-": "minus", "*": "times"})
LONGEST_ANSWER = 12
"""Tokens: a sign and ten digits, one token each."""


def _question(asked: str, answer: int) -> Sample:
    return Sample(
        input=f"Q: What is {asked}?\n\nA:", target=str(answer), doc={"asked": asked, "is": answer}
    )


def apply(left: int, sign: str, right: int) -> int:
    """The sum, difference or product."""
    return left + right if sign == "+" else left - right if sign == "-" else left * right


def _two(sign: str, digits: int) -> Callable[[Dice], Sample]:
    """Two numbers, each of at most so many digits, drawn evenly."""

    def draw(dice: Dice) -> Sample:
        left, right = dice.below(10**digits), dice.below(10**digits)
        return _question(f"{left} {WORDS[sign]} {right}", apply(left, sign, right))

    return draw


def _composite(dice: Dice) -> Sample:
    """Three one-digit numbers, two of them in a parenthesis on either side."""
    a, b, c = (dice.below(10) for _ in range(3))
    outer, inner = dice.pick("+-*"), dice.pick("+-*")
    if dice.chance(0.5):
        return _question(f"({a} {inner} {b}) {outer} {c}", apply(apply(a, inner, b), outer, c))
    return _question(f"{a} {outer} ({b} {inner} {c})", apply(a, outer, apply(b, inner, c)))


def _mixed(dice: Dice) -> Sample:
    """A number of exactly one digit and one of exactly two, in either order."""
    left, right = dice.below(10), dice.between(10, 99)
    if dice.chance(0.5):
        left, right = right, left
    sign = dice.pick("+-")
    return _question(f"{left} {WORDS[sign]} {right}", apply(left, sign, right))


ARITHMETIC: Mapping[str, Callable[[Dice], Sample]] = MappingProxyType(
    {
        **{
            f"{digits}d{letter}": _two(sign, digits)
            for digits in (2, 3, 4, 5)
            for letter, sign in (("a", "+"), ("s", "-"))
        },
        "2dm": _two("*", 2),
        "1dc": _composite,
        "mixed": _mixed,
    }
)
"""By lm-eval's names: digits and addition, subtraction or multiplication; three one-digit numbers;
and one digit with two."""


def arithmetic(kind: str, size: Size | None = None) -> Task:
    """Make a task of sums; the answer is written freely.

    Raises:
        InputError: If the kind is unknown.

    Source:
        Brown et al. 2020 (2005.14165), section 3.9.1: numbers drawn evenly from [0, 10^digits), so
        that short ones are rare; the prompt is that of its released files. `mixed` is ours.
    """
    if kind not in ARITHMETIC:
        raise InputError(f"arithmetic {kind!r} is unknown; there are {', '.join(ARITHMETIC)}")
    name = f"arithmetic_{kind}"
    samples, shots = draw_apart(name, ARITHMETIC[kind], size or Size())
    return Task(
        name=name,
        samples=samples,
        shots=shots,
        output_type="generate_until",
        metrics=WRITTEN,
        pipelines=STRIPPED,
        generation=Generation(until=("\n",), max_tokens=LONGEST_ANSWER),
    )
