"""Answers of a tiny model: likelihoods worked out by hand, choices, texts, and what was cut."""

import math
from dataclasses import replace

import pytest
import torch
from tests.evaluate.few_shot.little import little_gpt2

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot import (
    FewShotConfig,
    Metric,
    Sample,
    Task,
    curve_by_shots,
    evaluate,
    evaluate_respondent,
    gain,
    results_of,
)
from glasshouse.evaluate.few_shot.likelihood import encode_pairs, score
from glasshouse.evaluate.few_shot.metrics import char_acc, estimate, exact_match, filtered
from glasshouse.evaluate.few_shot.results import sample_lines
from glasshouse.evaluate.few_shot.tasks import FilterStep, Generation, Pipeline
from glasshouse.models import word_tokenizer

CLOSE = 1e-4  # nats; float32 sums in another order

NAMES = ("acc", "acc_norm", "acc_bytes", "acc_token", "acc_mutual_info", "choice_prob")
CHOICES = ("the north", "é", "a very long way to the south", "hills")


@pytest.fixture(scope="module")
def model():
    return little_gpt2()


def choosing(count: int = 6) -> Task:
    samples = tuple(
        Sample(
            input=f"Where is town {number}?",
            target=CHOICES[number % 4],
            choices=CHOICES,
            gold=number % 4,
        )
        for number in range(count)
    )
    return Task(name="where", samples=samples, metrics=tuple(Metric(name=name) for name in NAMES))


@torch.no_grad()
def by_hand(model, prompt: str, answer: str) -> list[float]:
    """Log-probabilities of an answer's tokens, one forward pass a token."""
    ids, done = model.tokenizer.encode(prompt + answer), len(model.tokenizer.encode(prompt))
    found = []
    for place in range(done, len(ids)):
        logits = model.network(torch.tensor([ids[:place]]))[0, -1]
        found.append(float(logits.log_softmax(-1)[ids[place]]))
    return found


class TestScore:
    def test_is_what_the_network_says_token_by_token(self, model):
        """In one padded batch of unlike lengths, some of which share all but the last token."""
        prompts = ["the baker", "the baker", "what is the capital of", "the baker sees a"]
        answers = [" sees a red dog", " sees a red", " the north?", " dog"]
        scored = score(model, encode_pairs(model.tokenizer, prompts, answers))
        for prompt, answer, one in zip(prompts, answers, scored, strict=True):
            assert one.logprobs == pytest.approx(by_hand(model, prompt, answer), abs=CLOSE)

    def test_gives_white_space_to_the_answer(self, model):
        """As a tokenizer that reads the whole would have it."""
        (one,) = encode_pairs(model.tokenizer, ["the baker "], ["sees"])
        (other,) = encode_pairs(model.tokenizer, ["the baker"], [" sees"])
        assert one == other

    def test_begins_an_empty_prompt_with_the_end_token(self, model):
        """So that every answer has something before it."""
        (one,) = encode_pairs(model.tokenizer, [""], ["the"])
        assert one.context == (model.tokenizer.end_id,)

    def test_refuses_an_empty_prompt_without_such_a_token(self):
        """And says what else could stand there."""
        with pytest.raises(InputError, match="give the task a description"):
            encode_pairs(word_tokenizer(["a", "b"]), [""], ["a"])


class TestChoosing:
    def test_normalises_in_five_ways(self, model):
        """Sum, per character, per byte, per token, and less what the choice has by itself."""
        outcome = evaluate(model, choosing())
        for one in outcome.answered:
            gold = one.sample.gold
            totals = [scored.total for scored in one.choices]
            lengths = {
                "acc": [1, 1, 1, 1],
                "acc_norm": [9, 1, 28, 5],
                "acc_bytes": [9, 2, 28, 5],
                "acc_token": [len(scored.logprobs) for scored in one.choices],
            }
            for name, by in lengths.items():
                worth = [total / length for total, length in zip(totals, by, strict=True)]
                assert one.metrics[name, "none"] == (max(worth) == worth[gold])
            gained = [a.total - b.total for a, b in zip(one.choices, one.alone, strict=True)]
            assert one.metrics["acc_mutual_info", "none"] == (max(gained) == gained[gold])
            weights = [math.exp(total) for total in totals]
            prob = weights[gold] / sum(weights)
            assert one.metrics["choice_prob", "none"] == pytest.approx(prob)

    def test_cuts_whole_examples_that_do_not_fit_and_counts_them(self, model):
        """The first ones go; every prompt then fits the context."""
        outcome = evaluate(model, choosing(), FewShotConfig(num_fewshot=5))
        assert outcome.num_cut_prompts == sum(one.num_cut > 0 for one in outcome.answered) > 3
        assert outcome.num_cut_shots == sum(one.num_cut for one in outcome.answered) > 0
        for one in outcome.answered:
            assert one.num_shots + one.num_cut == 5
            assert one.prompt.count("Where is") == one.num_shots + 1
            assert len(model.tokenizer.encode(one.prompt)) < 128
        assert results_of([outcome], model="m")["cut"]["where"]["prompts"] > 3

    def test_refuses_a_question_that_is_too_long_by_itself(self, model):
        """It names the question and both numbers."""
        long = replace(choosing(1).samples[0], input="dog " * 200)
        with pytest.raises(InputError, match=r"question 1 of task 'where' needs \d+ tokens"):
            evaluate(model, replace(choosing(), samples=(*choosing(1).samples, long)))


WRITING = Task(
    name="go on",
    samples=(
        Sample(input="the baker", target="nothing"),
        Sample(input="what is the", target="capital"),
    ),
    output_type="generate_until",
    metrics=tuple(Metric(name=n) for n in ("exact_match", "char_acc", "token_acc", "token_nll")),
    pipelines=(
        Pipeline(name="none"),
        Pipeline(name="low", steps=(FilterStep(function="lowercase"),)),
    ),
    generation=Generation(until=("\n",), max_tokens=8),
)


class TestWriting:
    def test_measures_texts_and_tokens_of_the_same_answer(self, model):
        """A jump of exact match can be held against measures that cannot jump."""
        outcome = evaluate(model, WRITING)
        for one in outcome.answered:
            assert one.text is not None
            assert one.target is not None
            logprobs = by_hand(model, one.prompt, f" {one.sample.target}")
            assert one.target.logprobs == pytest.approx(logprobs, abs=CLOSE)
            nll = -sum(logprobs) / len(logprobs)
            assert one.metrics["token_nll", "none"] == pytest.approx(nll, abs=CLOSE)
            assert one.metrics["exact_match", "low"] == 0
        assert {line["filter"] for line in sample_lines(outcome)} == {"none", "low"}

    def test_finds_its_own_text_right(self, model):
        """All at once and letter by letter."""
        first = evaluate(model, WRITING).answered[0]
        own = replace(WRITING.samples[0], target=first.text)
        task = replace(WRITING, samples=(own,), target_delimiter="")
        (again,) = evaluate(model, task).answered
        assert again.metrics["exact_match", "none"] == 1
        assert again.metrics["char_acc", "none"] == 1

    def test_is_put_to_whoever_completes_prompts(self):
        """And cut where the task says that an answer ends."""

        class Echo:
            def complete(self, prompts, *, max_tokens, temperature=0.0, seed=0):
                return [f"nothing\nmore of {prompt}" for prompt in prompts]

        task = replace(WRITING, metrics=(Metric(name="exact_match"),))
        outcome = evaluate_respondent(Echo(), task)
        assert outcome.values("exact_match") == [1.0, 0.0]
        with pytest.raises(InputError, match="this respondent only writes"):
            evaluate_respondent(Echo(), WRITING)


class TestMetrics:
    def test_leaves_out_what_it_is_told(self):
        """Patterns, case, punctuation and digits, in lm-eval's order."""
        plain = Metric(name="exact_match")
        loose = replace(plain, ignore_case=True, ignore_punctuation=True, ignore_numbers=True)
        assert exact_match(plain, "Yes.", "yes") == 0
        assert exact_match(loose, "Yes. 4", "yes ") == 1
        assert exact_match(replace(plain, regexes_to_ignore=(r"\$",)), "$5", "5") == 1

    def test_counts_letters_at_their_places(self):
        """A wrong length costs what is missing or too much."""
        assert char_acc(" 1234", "1235 ") == 0.75
        assert char_acc("12345", "123") == 0.6

    def test_finds_what_a_pattern_asks_for(self):
        """The match that is selected, its first group that holds something, or the fallback."""
        step = FilterStep(function="regex", regex_pattern=r"(\d+)|(no)", group_select=-1)
        assert filtered(Pipeline(steps=(step,)), "3 then 14 then") == "14"
        assert filtered(Pipeline(steps=(step,)), "it is no") == "no"
        assert filtered(Pipeline(steps=(step,)), "") == "[invalid]"

    def test_has_an_error_for_every_mean(self):
        """The sample's deviation over the root of the count; a perplexity's to first order."""
        found = estimate("acc", [1.0, 0.0, 1.0, 1.0])
        assert (found.value, found.stderr) == (0.75, 0.25)
        found = estimate("perplexity", [-1.0, -3.0])
        assert found.value == pytest.approx(math.exp(2))
        assert found.stderr == pytest.approx(math.exp(2))
        assert math.isnan(estimate("acc", [1.0]).stderr)


def test_averages_draws_of_examples(model):
    """One pass without examples, and one a seed with them."""
    points = curve_by_shots(model, choosing(4), (0, 2), "choice_prob", seeds=range(3))
    assert [len(point.draws) for point in points] == [1, 3]
    assert gain(points) == pytest.approx(points[1].mean - points[0].mean)
    assert points[1].spread > 0
