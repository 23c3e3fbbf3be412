"""Sums, and a small formal system: five rewrite rules, a proof checker and a complete search.

Strings are over A B C D. No rule lengthens a string, so everything reachable from a string is a
finite set, and whether a goal can be proved is decided exactly.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from glasshouse.errors import InputError

LETTERS = "ABCD"
RULES = (("AB", "BA"), ("BB", "C"), ("CA", "AD"), ("DB", "BC"), ("AA", "B"))
"""What each rule, numbered from 1, replaces by what."""

MAX_OPERAND = 19
"""Written sums have operands from 0 to 19; the calculator takes operands to 39."""
MAX_RESULT = 39
TOOL_ERROR_RATE = 0.1
"""How often the calculator gives a wrong result."""
TOOL_SLIPS = (-2, -1, 1, 2)
"""How far a wrong result lies from the right one; each equally likely among those in range."""


def result(left: int, sign: str, right: int) -> int:
    """Return the sum or the difference.

    Raises:
        InputError: If the sign is neither + nor -.
    """
    if sign not in ("+", "-"):
        raise InputError(f"sign={sign!r} must be + or -")
    return left + right if sign == "+" else left - right


def carries(left: int, sign: str, right: int) -> bool:
    """Say whether the units carry over (or borrow)."""
    return left % 10 + right % 10 >= 10 if sign == "+" else left % 10 < right % 10


def is_held_out_sum(left: int, sign: str, right: int) -> bool:
    """Say whether a sum is kept for testing: one in eleven, the same for every seed."""
    return (left * 7 + right * 3 + (sign == "-")) % 11 == 0


def tool_distribution(value: int, error_rate: float = TOOL_ERROR_RATE) -> dict[int, float]:
    """Return what the calculator may answer where `value` is right, with probabilities."""
    slips = [value + slip for slip in TOOL_SLIPS if 0 <= value + slip <= MAX_RESULT]
    return {value: 1 - error_rate, **dict.fromkeys(slips, error_rate / len(slips))}


@dataclass(frozen=True, slots=True)
class Step:
    """One rewriting: rule `rule` (from 1) applied to the letters from `position` (from 1)."""

    rule: int
    position: int
    result: str


def steps_from(string: str) -> Iterator[Step]:
    """Yield every step that can be taken from a string."""
    for number, (old, new) in enumerate(RULES, start=1):
        at = string.find(old)
        while at >= 0:
            yield Step(number, at + 1, string[:at] + new + string[at + len(old) :])
            at = string.find(old, at + 1)


def check(start: str, goal: str, steps: Sequence[Step]) -> str | None:
    """Check a proof that `start` can be rewritten to `goal`.

    Returns:
        None if every step is right and the last one reaches the goal, else what is wrong first.
    """
    string = start
    for number, step in enumerate(steps, start=1):
        if step not in tuple(steps_from(string)):
            return f"step {number} (rule {step.rule} at {step.position}) does not apply to {string}"
        string = step.result
    return None if string == goal else f"the proof ends at {string}, not at the goal {goal}"


@lru_cache(maxsize=20_000)
def distances(start: str) -> dict[str, int]:
    """Return every string that can be reached, with the fewest steps to it."""
    found = {start: 0}
    queue = deque([start])
    while queue:
        string = queue.popleft()
        for step in steps_from(string):
            if step.result not in found:
                found[step.result] = found[string] + 1
                queue.append(step.result)
    return found


def is_provable(start: str, goal: str) -> bool:
    """Say whether the rules lead from `start` to `goal`; exact, since the search is complete."""
    return goal in distances(start)


def best_steps(string: str, goal: str) -> list[Step]:
    """Return every step that begins a shortest proof; empty at the goal or where there is none."""
    here = distances(string).get(goal, 0)
    return [
        step for step in steps_from(string) if distances(step.result).get(goal, here) == here - 1
    ]


def prove(start: str, goal: str) -> list[Step] | None:
    """Return a shortest proof, the first in order of rules and positions, or None."""
    if not is_provable(start, goal):
        return None
    proof: list[Step] = []
    while start != goal:
        proof.append(best_steps(start, goal)[0])
        start = proof[-1].result
    return proof


@lru_cache(maxsize=1)
def provable_goals() -> tuple[tuple[str, str, int], ...]:
    """Return every (start, goal, fewest steps) with a start of 3 to 5 letters and 1 to 4 steps."""
    goals: list[tuple[str, str, int]] = []
    strings = [""]
    for length in range(1, 6):
        strings = [string + letter for string in strings for letter in LETTERS]
        if length < 3:
            continue
        for start in strings:
            goals += [(start, goal, far) for goal, far in distances(start).items() if 1 <= far <= 4]
    return tuple(goals)


def is_held_out_goal(start: str, goal: str) -> bool:
    """Say whether a goal is kept for testing: one in nine, the same for every seed."""
    digits = (start + goal).translate(str.maketrans("ABCD", "0123"))
    return int("1" + digits, 4) % 9 == 0
