"""Explanations of latents whose meaning was put there, and scores that tell right from wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import scipy.sparse
import torch
from tests.interpret.dictionaries.planted import Planted
from tests.training.tiny_runs import make_model

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.autointerp import (
    Explanation,
    Passages,
    RuleExplanation,
    draw_passages,
    explain_by_asking,
    explain_by_rule,
    fuzzing_score,
    score_explanation,
    simulation_score,
)
from glasshouse.interpret.features import LatentEntries, collect_entries
from glasshouse.models import LocalRespondent, Respondent

TOKENS, LENGTH = 2000, 10


def texts() -> Activations:
    """Random words in texts of ten."""
    count = torch.arange(TOKENS)
    ids = torch.randint(20, (TOKENS,), generator=torch.Generator().manual_seed(0))
    return Activations(values={}, ids=ids, document=count // LENGTH, position=count % LENGTH)


def entries(active: torch.Tensor) -> LatentEntries:
    """Of one latent."""
    return collect_entries(Planted(torch.eye(1)), active[:, None].float())


def on_word(word: int) -> torch.Tensor:
    """Active on one word, at a strength that depends on the place in the text."""
    held = texts()
    return (held.ids == word) * (1 + held.position / 10)


def passages(active: torch.Tensor, *, count: int = 5) -> Passages:
    found = draw_passages(entries(active), texts(), 0, window=(3, 3), num_random=count)
    assert found is not None
    return found


class TestDrawPassages:
    """What is shown is never what is scored on."""

    def test_shows_even_texts_and_scores_odd_ones(self):
        """Strongest first; random ones whatever the latent does there."""
        found = passages(on_word(4), count=40)
        assert {example.document % 2 for example in found.shown} == {0}
        assert {example.document % 2 for example in found.scored} == {1}
        assert all(example.activation > 1 for example in found.shown)
        assert any(example.activation == 0 for example in found.random)

    def test_leaves_out_what_is_hardly_ever_active(self):
        """Nine texts are too few."""
        rare = torch.zeros(TOKENS)
        rare[: 18 * LENGTH : LENGTH] = 1
        assert draw_passages(entries(rare), texts(), 0) is None


class TestRules:
    """The best mechanical rule."""

    def test_names_the_word(self):
        """In words, if there are any; and foretells where and how strongly."""
        words = [f"w{i}" for i in range(20)]
        found = explain_by_rule(entries(on_word(4)), texts(), 0, words=words)
        assert found.text == "the token is w4"
        assert found.correlation > 0.9
        assert found.level == pytest.approx(1.45, abs=0.1)

    def test_names_several_words(self):
        """As many as help, no more."""
        found = explain_by_rule(entries(on_word(4) + on_word(7)), texts(), 0)
        assert sorted(found.text.removeprefix("the token is ").split(" or ")) == ["4", "7"]

    def test_names_the_word_before(self):
        """And the start of a text."""
        held = texts()
        after = torch.roll(held.ids == 4, 1) & (held.position > 0)
        assert explain_by_rule(entries(after), held, 0).text == "the token before is 4"
        first = explain_by_rule(entries(held.position == 0), held, 0)
        assert first.text == "the token before is the start"

    def test_names_the_pair(self):
        """Where neither word alone says it."""
        held = texts()
        pair = torch.roll(held.ids % 2 == 0, 1) & (held.ids == 3) & (held.position > 0)
        pair &= torch.roll(held.ids < 3, 1)
        found = explain_by_rule(entries(pair), held, 0)
        assert set(found.text.removeprefix("the last two tokens are ").split(" or ")) == {
            "0 3",
            "2 3",
        }

    def test_names_the_truth_where_it_is_known(self):
        """A feature that no few words say, found among others by name."""
        chance = np.random.default_rng(0)
        truth = chance.random((TOKENS, 3)) < 0.2
        active = torch.as_tensor(truth[:, 1] * 2.0)
        found = explain_by_rule(
            entries(active), texts(), 0, truth=scipy.sparse.csr_array(truth), names=["a", "b", "c"]
        )
        assert found.text == "the token has b"
        assert found.correlation == pytest.approx(1)

    def test_needs_texts_to_learn_from(self):
        """A latent that speaks in odd texts only."""
        with pytest.raises(InputError, match="never active"):
            explain_by_rule(entries(texts().document % 2 == 1), texts(), 0)


class TestScores:
    """Right explanations score high, wrong ones low, nonsense not at all."""

    def test_tell_right_from_wrong(self):
        """All three."""
        active = on_word(4)
        right = explain_by_rule(entries(active), texts(), 0)
        wrong = explain_by_rule(entries(on_word(9)), texts(), 0)
        assert isinstance(right, Explanation)
        held = passages(active, count=15)
        good, bad = (score_explanation(one, held) for one in (right, wrong))
        assert good.simulation > 0.9
        assert good.detection == good.fuzzing == 1
        assert abs(bad.simulation) < 0.3
        assert bad.detection < 0.75
        assert bad.fuzzing <= 0.6
        assert good.nonsense == bad.nonsense == 0

    def test_have_no_correlation_where_the_latent_is_silent(self):
        """Undefined is not zero."""
        rule = explain_by_rule(entries(on_word(4)), texts(), 0)
        silent = [e for e in passages(on_word(4), count=40).random if not e.activations.any()]
        assert np.isnan(simulation_score(rule, silent)[0])
        assert np.isnan(fuzzing_score(rule, silent)[0])
        with pytest.raises(InputError, match="no passages"):
            simulation_score(rule, [])


@dataclass
class Scripted:
    """Answers by what the prompt asks for."""

    explain: str = " the word 4."
    numbers: str | None = None
    verdict: str = " Yes"
    asked: list[str] = field(default_factory=list)

    def complete(
        self, prompts: Sequence[str], *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> list[str]:
        self.asked += prompts
        return [self._answer(prompt) for prompt in prompts]

    def _answer(self, prompt: str) -> str:
        if prompt.endswith("It reacts to"):
            return self.explain
        if "how strongly" in prompt:
            words = prompt.split("the number.")[1].split("Answer")[0].split()
            return self.numbers or "\n".join(f"{w}\t{10 if w == '4' else 0}" for w in words)
        return self.verdict


def spell(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids))


class TestAsking:
    """A respondent explains, simulates and judges."""

    def test_shows_strengths_and_takes_the_phrase(self):
        """Only what is shown; the strongest as ten."""
        respondent = Scripted()
        assert isinstance(respondent, Respondent)
        found = explain_by_asking(respondent, passages(on_word(4)), spell)
        assert found.text == "the word 4"
        assert "<<4>>(10)" in respondent.asked[0]
        assert simulation_score(found, passages(on_word(4)).strongest)[0] > 0.8

    def test_counts_nonsense_as_wrong(self):
        """It stays in the denominator of every score."""
        respondent = Scripted(numbers="I would rather not", verdict="perhaps")
        held = passages(on_word(4), count=15)
        found = score_explanation(explain_by_asking(respondent, held, spell), held)
        assert found.simulation == found.detection == found.fuzzing == 0
        # 20 simulations, 20 detections, two markings of each of the 5 strongest
        assert found.nonsense == 20 + 20 + 10

    def test_is_at_chance_when_it_always_agrees(self):
        """Yes to everything knows nothing."""
        held = passages(on_word(4), count=15)
        found = score_explanation(explain_by_asking(Scripted(), held, spell), held)
        assert found.detection == found.fuzzing == 0.5

    def test_refuses_an_explainer_that_is_silent(self):
        """An empty phrase explains nothing."""
        with pytest.raises(InputError, match="said nothing of latent 0"):
            explain_by_asking(Scripted(explain=" \n"), passages(on_word(4)), spell)

    def test_can_ask_a_model_at_hand(self):
        """Whatever it says, it says it again."""
        respondent = LocalRespondent(make_model())
        assert isinstance(respondent, Respondent)
        once, again = (respondent.complete(["w1 w2", "w3"], max_tokens=4) for _ in range(2))
        assert once == again
        assert len(once) == 2


class TestRuleExplanation:
    """What is not asked of a rule."""

    def test_never_reads_the_activations_of_a_passage(self):
        """Or a score would be one."""
        rule = explain_by_rule(entries(on_word(9)), texts(), 0)
        assert isinstance(rule, RuleExplanation)
        example = passages(on_word(4)).strongest[0]
        wanted = (example.ids == 9) * rule.level
        assert np.allclose(rule.simulate(example), wanted)
