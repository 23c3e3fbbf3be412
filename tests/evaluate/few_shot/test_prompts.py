"""Prompts with examples: chosen by a seed, never the question itself, cut whole from the left."""

from random import Random

import pytest

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot import Sample, Task, write_prompts
from glasshouse.evaluate.few_shot.prompts import Prompt, fit


def sample(number: int) -> Sample:
    return Sample(input=f"{number} + 1 =", target=str(number + 1))


SAMPLES = tuple(sample(number) for number in range(8))
APART = Task(
    name="sums",
    samples=SAMPLES,
    shots=tuple(sample(number) for number in range(50, 60)),
    output_type="generate_until",
    description="Add.\n",
)
THEMSELVES = Task(name="sums", samples=SAMPLES, output_type="generate_until")


class TestWritePrompts:
    def test_puts_description_examples_and_question(self):
        """Each example with its answer and the delimiter behind it."""
        drawn = Random(7).sample(APART.shots, 2)
        first = write_prompts(APART, num_fewshot=2, seed=7)[0]
        shots = "".join(f"{shot.input} {shot.target}\n\n" for shot in drawn)
        assert first.text == f"Add.\n{shots}0 + 1 ="

    def test_is_the_question_alone_without_examples(self):
        """Nothing is drawn, so any seed will do."""
        assert [p.text for p in write_prompts(APART, num_fewshot=0, seed=1)] == [
            f"Add.\n{one.input}" for one in SAMPLES
        ]

    @pytest.mark.parametrize("seed", range(5))
    def test_never_shows_the_question_among_its_examples(self, seed):
        """Where examples are questions, each is asked without its own answer."""
        for prompt in write_prompts(THEMSELVES, num_fewshot=7, seed=seed):
            assert len(prompt.shots) == 7
            assert not any(shot.startswith(prompt.question) for shot in prompt.shots)

    def test_gives_the_same_examples_whatever_the_limit(self):
        """A short look sees the prompts of the whole."""
        whole = write_prompts(APART, num_fewshot=3, seed=5)
        assert write_prompts(APART, num_fewshot=3, seed=5, limit=4) == whole[:4]

    def test_refuses_more_examples_than_there_are(self):
        """With the number that there is."""
        with pytest.raises(InputError, match="has 7 examples to choose from"):
            write_prompts(THEMSELVES, num_fewshot=8, seed=0)


class TestFit:
    def test_cuts_the_first_examples_whole(self):
        """Until what is left fits; the question and the description stay."""
        prompt = Prompt(description="d ", shots=("a b c ", "d e ", "f "), question="q")
        fitted = fit(prompt, lambda p: len(p.text.split()), room=5)
        assert fitted is not None
        assert fitted.text == "d d e f q"

    def test_is_none_where_the_question_alone_is_too_long(self):
        """Then there is nothing left to cut."""
        prompt = Prompt(description="", shots=("a ",), question="q r s")
        assert fit(prompt, lambda p: len(p.text.split()), room=2) is None


class TestTask:
    def test_refuses_what_cannot_be_scored(self):
        """Empty answers, labels out of reach, empty choices, unknown metrics: one sentence each."""
        with pytest.raises(InputError, match="empty answer"):
            Sample(input="q", target="")
        with pytest.raises(InputError, match=r"label 2 .* names none of its 2 choices"):
            Sample(input="q", target="a", choices=("a", "b"), gold=2)
        with pytest.raises(InputError, match=r"choice 1 .* is empty"):
            Sample(input="q", target="a", choices=("a", ""), gold=0)
        with pytest.raises(InputError, match="needs two or more"):
            Task(name="t", samples=(Sample(input="q", target="a"),))
        with pytest.raises(InputError, match="has no questions"):
            Task(name="t", samples=())
