"""Sums, word problems with written steps, a calculator that can be wrong, and rewrite proofs."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from glasshouse.world import entities
from glasshouse.world.arithmetic import (
    MAX_OPERAND,
    MAX_RESULT,
    Step,
    best_steps,
    carries,
    is_held_out_goal,
    is_held_out_sum,
    provable_goals,
    result,
    tool_distribution,
)
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

_OPERANDS = MappingProxyType({str(n): 1 / (MAX_OPERAND + 1) for n in range(MAX_OPERAND + 1)})
_SIGNS = MappingProxyType({"+": 0.5, "-": 0.5})


@cache
def _seconds(left: int, sign: str, held_out: bool) -> tuple[int, ...]:
    """Return the second operands that a split may put after this first one."""
    largest = MAX_OPERAND if sign == "+" else left
    return tuple(
        right for right in range(largest + 1) if is_held_out_sum(left, sign, right) == held_out
    )


@cache
def _uniform(numbers: tuple[int, ...]) -> Mapping[str, float]:
    return MappingProxyType({str(number): 1 / len(numbers) for number in numbers})


def write_sums(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write five sums; every token's distribution is exact."""
    if split == "test":
        page.truth["axes"] = ("sum",)
    for number in range(5):
        if number:  # until its first sign has come, nothing says that this document holds sums
            page.expect(_OPERANDS)
        left = dice.below(MAX_OPERAND + 1)
        start = page.write(str(left))
        if number:
            page.expect(_SIGNS)
        sign = "+" if dice.chance(0.5) else "-"
        seconds = _seconds(left, sign, split == "test") or _seconds(left, sign, False)
        page.write(sign)
        page.expect(_uniform(seconds))
        right = dice.pick(seconds)
        page.write(f"{right} =")
        value = result(left, sign, right)
        page.expect({str(value): 1.0})
        page.write(str(value))
        _mark_sum(page, start, left, sign, right)
        page.write(".")


def _mark_sum(page: Page, start: int, left: int, sign: str, right: int) -> None:
    """Say what the operands are and whether the units carry."""
    page.mark(start, "operand-left", left)
    page.mark(start, "operand-right", right)
    page.mark(start, "carry", "yes" if carries(left, sign, right) else "no")


def write_problem(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write a problem of two steps, half of the time with the steps written out."""
    name = dice.pick(world.splits.people(split))
    things = dice.pick(entities.GOODS)
    first, more = dice.below(20), dice.below(20)
    total = first + more
    fewer = dice.between(0, total)
    page.write(
        f"{name} has {first} {things} . {name} gets {more} and gives {fewer} . how much now ?"
    )
    start = len(page)
    if dice.chance(0.5):
        page.truth["steps"] = True
        page.write(f"{first} + {more} =")
        page.expect({str(total): 1.0})
        page.write(f"{total} . {total} - {fewer} =")
        page.expect({str(total - fewer): 1.0})
        page.write(f"{total - fewer} .")
    page.write("A :")
    page.expect({str(total - fewer): 1.0})
    page.write(f"{total - fewer} .")
    page.mark(start, "operand-left", total)
    page.mark(start, "operand-right", fewer)
    page.truth["answer"] = total - fewer


def write_tool(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write questions that a calculator answers, wrongly at a known rate; the answer repeats it."""
    page.truth["tool-wrong"] = wrong = []
    for _ in range(dice.between(1, 3)):
        left = dice.below(MAX_RESULT + 1)
        sign = "+" if dice.chance(0.5) else "-"
        right = dice.between(0, MAX_RESULT - left if sign == "+" else left)
        value = result(left, sign, right)
        start = page.write(f"Q : {left} {sign} {right} ? <calc> {left} {sign} {right} </calc>")
        chances = tool_distribution(value)
        page.expect({str(number): p for number, p in chances.items()})
        told = value
        if dice.chance(1 - chances[value]):
            told = dice.pick([number for number in chances if number != value])
        page.mark(page.write(str(told)), "tool", "right" if told == value else "wrong")
        page.write("A :")
        page.expect({str(told): 1.0})
        page.write(str(told))
        _mark_sum(page, start, left, sign, right)
        page.write(".")
        wrong.append(told != value)


@cache
def _goals(held_out: bool) -> tuple[tuple[str, str, int], ...]:
    return tuple(
        entry for entry in provable_goals() if is_held_out_goal(entry[0], entry[1]) == held_out
    )


def write_proof(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write a goal and one of its shortest proofs, each as likely at every step as the next."""
    if split == "test":
        page.truth["axes"] = ("goal",)
    string, goal, _ = dice.pick(_goals(split == "test"))
    page.truth.update(start=string, goal=goal)
    page.write(f"goal {_spaced(string)} -> {_spaced(goal)} . proof :")
    steps: list[Step] = []
    while string != goal:
        choices = best_steps(string, goal)
        step = dice.pick(choices)
        _write_step(page, step, choices)
        steps.append(step)
        string = step.result
    page.write("done .")
    page.truth["proof"] = tuple(steps)


def _write_step(page: Page, step: Step, choices: list[Step]) -> None:
    """Write one step; the rule and the position have exact distributions."""
    start = page.write("rule")
    page.expect(_shares([choice.rule for choice in choices]))
    page.write(f"{step.rule} at")
    page.expect(_shares([choice.position for choice in choices if choice.rule == step.rule]))
    page.write(f"{step.position} gives")
    for letter in step.result:
        page.expect({letter: 1.0})
        page.write(letter)
    page.mark(start, "rule", step.rule)
    page.write(".")


def _shares(numbers: list[int]) -> dict[str, float]:
    """Return the share of each number."""
    return {str(number): numbers.count(number) / len(numbers) for number in numbers}


def _spaced(string: str) -> str:
    return " ".join(string)


KINDS = (
    Kind(
        name="sums",
        share=0.025,
        summary="written sums and differences with operands to 19",
        write=write_sums,
    ),
    Kind(
        name="word-problem",
        share=0.02,
        summary="somebody has, gets and gives; half with written steps",
        words=tuple("has gets and gives how much now ? .".split()),
        write=write_problem,
    ),
    Kind(
        name="tool",
        share=0.01,
        summary="questions to a calculator that is wrong one time in ten",
        write=write_tool,
    ),
    Kind(
        name="proof",
        share=0.015,
        summary="goals of a rewrite system with shortest proofs",
        words=tuple("goal proof rule at gives done".split()),
        write=write_proof,
    ),
)
