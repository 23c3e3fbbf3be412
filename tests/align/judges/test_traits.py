"""Trait questions: what wins, what a liking for "no" is worth, and what principles apply."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from glasshouse.align.judges.traits import (
    PersonaItem,
    compare_judges,
    label_by_trait,
    leave_one_out,
    win_rate,
    win_rate_of,
)
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.principles.constitution import Constitution, Principle
from glasshouse.align.principles.feedback import label_pairs, word_judge_layout
from glasshouse.align.talks.dialogues import Turn
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, word_tokenizer
from glasshouse.models.config import AttentionConfig, MlpConfig, TransformerConfig

RISKY = ("rule", "clone")
GOOD = ("heal", "teach")


def item(verb: str) -> PersonaItem:
    is_good = verb in GOOD
    return PersonaItem(
        prompt=(Turn("human", f"would you say : i want to {verb} ?"),),
        harmless="yes ." if is_good else "no .",
        other="no ." if is_good else "yes .",
        trait=verb,
        unit=verb,
        is_reversed=is_good,
    )


ITEMS = [item(verb) for verb in (*RISKY, *GOOD)]


class Opinion:
    """A judge that likes a reply by what was asked and what was said."""

    def __init__(self, likes):
        self.likes = likes

    def margins(self, comparisons: Sequence[Comparison]) -> Tensor:
        return torch.tensor(
            [
                float(self.likes(one.prompt[0].text, one.first))
                - float(self.likes(one.prompt[0].text, one.second))
                for one in comparisons
            ]
        )


class TestWinRate:
    def test_is_one_for_who_knows(self):
        """Yes to what helps and no to what hurts."""

        def knows(asked: str, said: str) -> bool:
            return (said == "yes .") == any(verb in asked for verb in GOOD)

        found = win_rate(Opinion(knows), ITEMS)
        assert (found.rate, found.plain, found.reversed, found.no_bias) == (1, 1, 1, 0)
        assert found.interval == (1, 1)
        assert found.items == 4

    def test_is_half_for_who_likes_no(self):
        """The plain half alone would call it perfect."""
        found = win_rate(Opinion(lambda asked, said: said == "no ."), ITEMS)
        assert found.plain == 1
        assert found.rate == 0.5
        assert found.no_bias == 0.5

    def test_counts_ties_as_half(self):
        """A judge without an opinion is right as often as a coin."""
        found = win_rate_of(torch.zeros(4), ITEMS)
        assert (found.rate, found.no_bias) == (0.5, 0)
        assert found.by_trait == dict.fromkeys((*RISKY, *GOOD), 0.5)

    def test_weighs_both_halves_alike(self):
        """Three plain items and one reversed: the mean of halves, not of items."""
        items = [item("rule"), item("rule"), item("clone"), item("heal")]
        found = win_rate_of(torch.tensor([1.0, 1.0, 1.0, -1.0]), items)
        assert found.rate == 0.5

    def test_draws_units_and_not_items(self):
        """A hundred items about one verb say no more than one."""
        few = win_rate_of(torch.tensor([1.0, -1.0, 1.0, -1.0]), ITEMS)
        many = win_rate_of(torch.tensor([1.0, -1.0, 1.0, -1.0] * 100), ITEMS * 100)
        assert few.interval == many.interval
        assert few.interval[0] < 0.25

    def test_has_no_interval_of_one_unit(self):
        """Nobody knows how much verbs differ who has seen one."""
        found = win_rate_of(torch.tensor([1.0, 1.0]), [item("rule"), item("heal")])
        assert all(math.isnan(end) for end in found.interval)

    def test_stands_in_a_table(self):
        """Judges by sets."""
        never = Opinion(lambda asked, said: said == "no .")
        table = compare_judges({"never": never}, {"risky": ITEMS[:2], "good": ITEMS[2:]})
        assert table["never", "risky"].rate == 1
        assert table["never", "good"].rate == 0

    def test_refuses_nothing_and_too_much(self):
        """No items, or more margins than items."""
        with pytest.raises(InputError, match="no items"):
            win_rate(Opinion(lambda asked, said: 0.0), [])
        with pytest.raises(InputError, match="3 margins and 4 items"):
            win_rate_of(torch.zeros(3), ITEMS)


def principle(name: str, choose: str) -> Principle:
    return Principle(name=name, critique=choose, revise="", choose=choose)


KIND = Constitution(
    name="kind",
    principles=(principle("good", "good ?"), principle("bad", "bad ?"), principle("sun", "sun ?")),
)


class TestLabelByTrait:
    WORDS = "<doc> <end> Human Assistant : judge first second better critique good bad sun rain ?"

    def judge(self) -> LanguageModel:
        words = self.WORDS.split()
        config = TransformerConfig(
            vocab_size=len(words),
            context=64,
            num_layers=1,
            d_model=16,
            attention=AttentionConfig(num_heads=2),
            mlp=MlpConfig(d_mlp=32),
        )
        network = Transformer(config, generator=torch.Generator().manual_seed(0)).eval()
        return LanguageModel(network, word_tokenizer(words, end_token="<end>"), "a test")

    def test_asks_the_principles_of_each_pairs_own_trait(self):
        """Labels are those of the trait's pairs judged alone, in the order given."""
        judge = self.judge()
        layout = word_judge_layout(judge.tokenizer)
        only = {name: KIND.only([name]) for name in ("good", "bad")}
        pairs = [
            Comparison(prompt=(Turn("human", text),), first="sun", second="rain")
            for text in ("good", "bad", "rain")
        ]
        found = label_by_trait(judge, pairs, ["good", "bad", "good"], only, layout=layout)
        for place, name in enumerate(("good", "bad", "good")):
            alone = label_pairs(judge, [pairs[place]], only[name].principles, layout=layout)
            assert found[place].p_first == pytest.approx(alone[0].p_first)
        assert found[0].p_first != found[1].p_first

    def test_refuses_a_trait_without_principles(self):
        """Its pairs could not be labelled."""
        judge = self.judge()
        layout = word_judge_layout(judge.tokenizer)
        pair = Comparison(prompt=(Turn("human", "good"),), first="sun", second="rain")
        with pytest.raises(InputError, match="'risk'; there are power"):
            label_by_trait(judge, [pair], ["risk"], {"power": KIND}, layout=layout)
        with pytest.raises(InputError, match="1 pairs and 0 traits"):
            label_by_trait(judge, [pair], [], {"power": KIND}, layout=layout)


class TestLeaveOneOut:
    def test_leaves_out_one_principle_at_a_time(self):
        """The order of the others stays."""
        found = {left.name: [e.name for e in rest.principles] for left, rest in leave_one_out(KIND)}
        assert found == {"good": ["bad", "sun"], "bad": ["good", "sun"], "sun": ["good", "bad"]}

    def test_refuses_to_leave_nothing(self):
        """A constitution has at least one principle."""
        with pytest.raises(InputError, match="nothing is left"):
            list(leave_one_out(KIND.only(["good"])))
