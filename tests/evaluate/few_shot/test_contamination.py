"""Contamination: planted questions are found, others are not, and both are scored apart."""

import math

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot import Answered, FewShotConfig, Outcome, Sample, Task
from glasshouse.evaluate.few_shot.contamination import (
    compare,
    fitted_n,
    overlap_with_shards,
    overlap_with_text,
)
from glasshouse.training import EncodedDocument, TokenShards

WORDS = "the a miller judge sees finds carries old young red blue dog cat market mill in at".split()


def questions(count: int, length: int = 24) -> list[Sample]:
    """Random sentences; no two share a run of 13 words."""
    rng = np.random.default_rng(0)
    return [
        Sample(input=" ".join(rng.choice(WORDS, length - 1)) + " ?", target=str(rng.choice(WORDS)))
        for _ in range(count)
    ]


class TestOverlapWithText:
    def test_finds_what_was_planted_and_nothing_else(self):
        """A fifth of the questions stands in the text, in other case and punctuation."""
        samples = questions(100)
        planted = [f"{one.input.upper()}!! {one.target}" for one in samples[::5]]
        noise = [one.input for one in questions(100, 10)]
        found = overlap_with_text(samples, ["... ".join(planted), " ".join(noise)])
        assert found.dirty.tolist() == [number % 5 == 0 for number in range(100)]
        assert found.sentence.startswith("20 of 100 questions (20%) share a run of 13 words")

    def test_sees_part_of_a_question_from_n_words_on(self):
        """Thirteen words in a row are enough, twelve are not."""
        (sample,) = questions(1)
        words = sample.input.split()
        assert not overlap_with_text([sample], [" ".join(words[3:15])]).dirty[0]
        assert overlap_with_text([sample], [" ".join(words[3:16])]).dirty[0]
        assert overlap_with_text([sample], [" ".join(words[3:8])], n=5).dirty[0]

    def test_looks_for_short_questions_as_a_whole(self):
        """Else none of a task of sums could ever be dirty."""
        sample = Sample(input="what is 12 plus 7 ?", target="19")
        found = overlap_with_text([sample], ["so: What is 12 plus 7? 19."])
        assert (found.dirty[0], found.short[0]) == (True, True)
        assert not overlap_with_text([sample], ["What is 12 plus 7? 18."]).dirty[0]

    def test_does_not_reach_from_one_text_into_the_next(self):
        """What nobody read in a row was not read."""
        (sample,) = questions(1)
        words = sample.input.split()
        assert not overlap_with_text([sample], [" ".join(words[:12]), " ".join(words[12:])]).dirty[
            0
        ]

    def test_says_so_where_nothing_is_shared(self):
        """One sentence either way."""
        found = overlap_with_text(questions(3), ["a text about something else"])
        assert found.sentence == (
            "none of 3 questions shares a run of 13 words with the training text"
        )

    def test_refuses_a_run_of_no_words(self):
        """And says what was asked."""
        with pytest.raises(InputError, match="n=0"):
            overlap_with_text(questions(1), [""], n=0)

    def test_fits_the_run_to_the_questions(self):
        """The 5th percentile of their lengths, from 8 to 13."""
        assert fitted_n([5] * 20) == 8
        assert fitted_n([10] * 20) == 10
        assert fitted_n([40] * 20) == 13


def test_finds_questions_in_shards():
    """Token by token, and inside single documents."""
    rng = np.random.default_rng(1)
    documents = rng.integers(0, 50, (6, 40))
    shards = TokenShards.pack(EncodedDocument(ids=ids, kind="text") for ids in documents)
    across = [*documents[1][-7:].tolist(), *documents[2][:7].tolist()]
    found = overlap_with_shards([documents[3][5:25].tolist(), across, [7] * 20], shards)
    assert found.dirty.tolist() == [True, False, False]
    assert "tokens" in found.sentence


class TestCompare:
    def outcome(self, values: list[float]) -> Outcome:
        samples = tuple(questions(len(values)))
        answered = tuple(
            Answered(
                sample=sample,
                prompt=sample.input,
                num_shots=0,
                num_cut=0,
                metrics={("exact_match", "none"): value},
            )
            for sample, value in zip(samples, values, strict=True)
        )
        task = Task(name="t", samples=samples, output_type="generate_until")
        return Outcome(task=task, config=FewShotConfig(), num_fewshot=0, answered=answered)

    def test_scores_clean_and_dirty_apart(self):
        """The gain is that of all over the clean ones."""
        outcome = self.outcome([1, 1, 0, 0, 1])
        samples = outcome.task.samples
        found = overlap_with_text(samples, [f"{one.input} {one.target}" for one in samples[:2]])
        compared = compare(outcome, found, "exact_match")
        assert (compared.dirty.value, compared.dirty.count) == (1.0, 2)
        assert compared.clean.value == pytest.approx(1 / 3)
        assert compared.delta == pytest.approx(0.6 - 1 / 3)
        assert 0 < compared.clean.low < 1 / 3 < compared.clean.high < 1

    def test_says_nothing_of_no_questions(self):
        """A rate of none is not zero."""
        outcome = self.outcome([1, 0])
        compared = compare(outcome, overlap_with_text(outcome.task.samples, [""]), "exact_match")
        assert math.isnan(compared.dirty.value)
        assert compared.delta == 0

    def test_refuses_what_is_no_share(self):
        """Intervals of rates are of rights and wrongs."""
        outcome = self.outcome([0.5, 1])
        with pytest.raises(InputError, match="no share of right answers"):
            compare(outcome, overlap_with_text(outcome.task.samples, [""]), "exact_match")
