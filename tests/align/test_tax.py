"""The tax of shaping: paired changes by hand, and the world's own battery."""

import numpy as np
import pytest
import torch
from tests.align.pairs.test_collect import WORLD, world_model

from glasshouse.align.tax import Question, next_token_measure, tax_report, world_battery
from glasshouse.errors import InputError


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_counts_every_task_the_same():
    """A large task does not drown a small one; equal answers have no interval."""
    model = world_model()
    marks = iter([np.array([1.0, 0, 1, 0]), np.array([1.0, 1, 1, 1]), np.zeros(100), np.zeros(100)])
    found = tax_report(
        model,
        model,
        {"small": lambda model: next(marks), "large": lambda model: next(marks)},
        rng=rng(),
    )
    assert [row.change for row in found.rows] == [0.5, 0.0]
    assert found.change == 0.25
    assert found.rows[1].interval == (0.0, 0.0)
    assert found.rows[0].interval[0] >= 0
    assert found.interval[0] <= 0.25 <= found.interval[1]


def test_asks_for_the_likeliest_token_whatever_prompts_are_padded_to():
    """The same as one question at a time."""
    model = world_model()
    chance = np.random.default_rng(0)
    prompts = [tuple(chance.integers(0, 300, size=size).tolist()) for size in (3, 9, 5)]
    likeliest = [int(model.network(torch.tensor([prompt]))[0, -1].argmax()) for prompt in prompts]
    asked = [
        Question(p, token + (n == 1))
        for n, (p, token) in enumerate(zip(prompts, likeliest, strict=True))
    ]
    assert next_token_measure(asked, batch=2)(model).tolist() == [1.0, 0.0, 1.0]


def test_the_worlds_battery_asks_what_has_one_answer():
    """Sums are right, lists come again, and everything fits the context."""
    battery = world_battery(WORLD, items=30)
    assert list(battery) == ["facts", "arithmetic", "copying", "reading"]
    for measure in battery.values():
        assert len(measure(world_model())) == 30
    from glasshouse.align import tax
    from glasshouse.world.streams import Dice, stream

    words = WORLD.vocabulary.words
    for question in tax._sums(WORLD, 20):
        said = [words[token] for token in question.prompt]
        left, sign, right = said[1:4]
        value = int(left) + int(right) if sign == "+" else int(left) - int(right)
        assert words[question.answer] == str(value)
    for question in tax._copies(WORLD, 20, Dice(stream(0, "test"))):
        period = question.prompt[2:].index(question.prompt[1]) + 1
        assert question.answer == question.prompt[-period]


def test_refuses_nothing_to_measure():
    """No task, no item, or not the same items twice."""
    model = world_model()
    with pytest.raises(InputError, match="no task"):
        tax_report(model, model, {}, rng=rng())
    with pytest.raises(InputError, match="0 items"):
        tax_report(model, model, {"none": lambda model: np.zeros(0)}, rng=rng())
    with pytest.raises(InputError, match="no questions"):
        next_token_measure([])
