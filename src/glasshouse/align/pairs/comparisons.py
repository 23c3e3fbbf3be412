"""Which of two replies somebody preferred: read from files, checked, written again.

Three shapes of a line are read: `chosen` and `rejected` as whole dialogues in Anthropic's layout
(Anthropic/hh-rlhf); `prompt` with `chosen` and `rejected` replies; and `prompt`, `first`, `second`
with `p_first`, a probability (a feedback model's), and `grades`, if each reply has one of its own.
Any of them may have a `weight`.
`pairs.files` makes those of lines that others publish in other shapes.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glasshouse.align.pairs.files import own_records
from glasshouse.align.talks.dialogues import Dialogue, Turn, check_dialogue, parse_human_assistant
from glasshouse.align.talks.files import turns_of
from glasshouse.align.talks.lines import part_lines, read_lines
from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two replies to one dialogue."""

    prompt: Dialogue
    """What was said before; a human spoke last."""
    first: str
    """One reply."""
    second: str
    """The other."""
    p_first: float = 1.0
    """Probability that the first is preferred; 1 where somebody just said so."""
    grades: tuple[float, float] | None = None
    """How good each is by itself, in one unit for all comparisons; None where nobody said so."""
    weight: float = 1.0
    """How often it counts in training: at 2 as if it stood there twice, at 0 as if it did not."""

    def __post_init__(self) -> None:
        check_dialogue(self.prompt)
        if self.prompt[-1].role != "human":
            raise InputError("the prompt must end with a human's turn, which the replies answer")
        for name, reply in (("first", self.first), ("second", self.second)):
            if not reply.strip():
                raise InputError(f"the {name} reply is empty")
        if self.first.strip() == self.second.strip():
            raise InputError("both replies are the same, so that neither can be preferred")
        if not 0 <= self.p_first <= 1:
            raise InputError(f"p_first={self.p_first} must lie between 0 and 1")
        if self.grades is not None and not all(math.isfinite(grade) for grade in self.grades):
            raise InputError(f"grades={self.grades} must be finite numbers")
        if not 0 <= self.weight < math.inf:
            raise InputError(f"weight={self.weight} must be finite and not negative")

    def dialogue(self, reply: str) -> Dialogue:
        """The prompt with a reply behind it."""
        return (*self.prompt, Turn("assistant", reply))

    @property
    def swapped(self) -> "Comparison":
        """The same with the replies the other way round, as labels must not depend on order."""
        return Comparison(
            prompt=self.prompt,
            first=self.second,
            second=self.first,
            p_first=1 - self.p_first,
            grades=None if self.grades is None else (self.grades[1], self.grades[0]),
            weight=self.weight,
        )

    @property
    def preferred(self) -> str:
        """The reply that is likelier to be preferred; the first where neither is."""
        return self.first if self.p_first >= 0.5 else self.second


def read_comparisons(path: Path, *, skip_bad: bool = False) -> Iterator[Comparison]:
    """Read a file of JSON lines.

    Args:
        path: The file.
        skip_bad: Go on behind a line that is no comparison; its reason is lost. `split_comparisons`
            keeps both.

    Raises:
        InputError: If the file cannot be read, or a line is no comparison: with its number.
    """
    for number, comparison in _numbered(path):
        if isinstance(comparison, Comparison):
            yield comparison
        elif not skip_bad:
            raise InputError(f"{path}, line {number}: {comparison}")


def split_comparisons(path: Path) -> tuple[list[Comparison], list[tuple[int, str]]]:
    """Every comparison of a file, and number and reason of every line that is none.

    Raises:
        InputError: If the file cannot be read, or holds no comparison at all.
    """
    return part_lines(path, _numbered(path), what="comparison")


def write_comparisons(comparisons: Iterable[Comparison]) -> Iterator[str]:
    """Lines that `read_comparisons` reads, newline included."""
    for one in comparisons:
        prompt = [{"role": turn.role, "text": turn.text} for turn in one.prompt]
        line = {"prompt": prompt, "first": one.first, "second": one.second, "p_first": one.p_first}
        if one.grades is not None:
            line["grades"] = list(one.grades)
        if one.weight != 1:
            line["weight"] = one.weight
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _numbered(path: Path) -> Iterator[tuple[int, Comparison | str]]:
    """A line may hold several comparisons, each good or bad by itself."""
    for number, found in read_lines(path, own_records):
        if isinstance(found, str):
            yield number, found
        else:
            yield from ((number, _tried(record)) for record in found)


def _tried(record: Any) -> Comparison | str:
    try:
        return comparison_of(record)
    except InputError as error:
        return str(error)


def comparison_of(record: Any) -> Comparison:
    """A comparison from one record of any of the three shapes.

    Raises:
        InputError: If it is of none, or no comparison.
    """
    if not isinstance(record, dict):
        raise InputError("a comparison is an object with names and values")
    weight = _weight(record.get("weight", 1.0))
    if "prompt" not in record:
        found = _from_dialogues(_text(record, "chosen"), _text(record, "rejected"))
        return replace(found, weight=weight)
    prompt = _prompt(record["prompt"])
    if "first" in record or "second" in record:
        p_first = record.get("p_first")
        if isinstance(p_first, bool) or not isinstance(p_first, int | float):
            raise InputError(f"p_first={p_first!r} is missing or no number")
        return Comparison(
            prompt=prompt,
            first=_text(record, "first"),
            second=_text(record, "second"),
            p_first=float(p_first),
            grades=_grades(record.get("grades")),
            weight=weight,
        )
    return Comparison(
        prompt=prompt,
        first=_text(record, "chosen"),
        second=_text(record, "rejected"),
        weight=weight,
    )


def _from_dialogues(chosen: str, rejected: str) -> Comparison:
    """Two whole dialogues that differ in their last turn."""
    good, bad = parse_human_assistant(chosen), parse_human_assistant(rejected)
    for name, dialogue in (("chosen", good), ("rejected", bad)):
        if dialogue[-1].role != "assistant":
            raise InputError(f"the {name} dialogue does not end with a reply")
    if good[:-1] != bad[:-1]:
        raise InputError("the dialogues differ before their last turn; one prompt has two replies")
    return Comparison(prompt=good[:-1], first=good[-1].text, second=bad[-1].text)


def _prompt(given: Any) -> Dialogue:
    """A prompt: plain words, Anthropic's layout, or a list of turns."""
    if isinstance(given, str):
        if "\n\nHuman:" in given:
            return parse_human_assistant(given)
        return (Turn("human", given),)
    return turns_of(given, "prompt")


def _grades(given: Any) -> tuple[float, float] | None:
    """Two numbers, or none."""
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2:
        raise InputError(f"grades={given!r} must be a list of two numbers")
    first, second = given
    for grade in (first, second):
        if isinstance(grade, bool) or not isinstance(grade, int | float):
            raise InputError(f"grades={given!r} must be a list of two numbers")
    return float(first), float(second)


def _weight(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise InputError(f"weight={given!r} must be a number")
    return float(given)


def _text(record: dict[str, Any], name: str) -> str:
    found = record.get(name)
    if not isinstance(found, str):
        raise InputError(
            f"{name!r} is missing or no text; there is {', '.join(map(repr, record)) or 'nothing'}"
        )
    return found
