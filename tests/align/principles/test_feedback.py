"""Feedback from a model: what the judge reads, both orders, clamps, reasons and ensembles."""

import math

import pytest
import torch

from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.principles.constitution import Principle, world_constitution
from glasshouse.align.principles.feedback import (
    Judgement,
    feedback_of,
    fits_judge,
    hardened,
    judge_pairs,
    label_pairs,
    letter_judge_layout,
    word_judge_layout,
)
from glasshouse.align.talks.dialogues import Turn
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, train_bpe, word_tokenizer
from glasshouse.models.config import AttentionConfig, MlpConfig, TransformerConfig
from glasshouse.world import World
from glasshouse.world.vocabulary import END

LAW = world_constitution(("harmless", "help", "people"))
PAIRS = [
    Comparison(prompt=(Turn("human", "what is cat ?"),), first="animal .", second="i do not know .")
]


@pytest.fixture(scope="module")
def judge() -> LanguageModel:
    """An untrained model of the world's words."""
    return model_of(word_tokenizer(list(World(0).vocabulary.words), end_token=END))


def model_of(tokenizer, *, context: int = 96) -> LanguageModel:
    config = TransformerConfig(
        vocab_size=tokenizer.vocab_size,
        context=context,
        num_layers=1,
        d_model=16,
        attention=AttentionConfig(num_heads=2),
        mlp=MlpConfig(d_mlp=32),
    )
    network = Transformer(config, generator=torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    torch.nn.init.normal_(network.unembed.weight, std=0.5, generator=generator)
    return LanguageModel(network, tokenizer, "a test")


def test_asks_as_the_worlds_judges_write(judge):
    """To the token, so that what the base model learned is what is asked of it."""
    world = World(0)
    documents = (world.document("judge", number) for number in range(40))
    checked = 0
    for document in documents:
        if "critique :" in world.render(document.ids):
            continue
        layout = word_judge_layout(judge.tokenizer)
        truth = document.truth
        request = truth["request"]
        turns = (*request.history, request.text)
        roles = ("human", "assistant")
        prompt = tuple(Turn(roles[place % 2], text) for place, text in enumerate(turns))
        principle = world_constitution((truth["principle"],)).principles[0]
        first, second = truth["answers"]
        asked = [*layout.write(principle, prompt, first, second), *layout.answer]
        assert asked == document.ids[:-3].tolist()
        assert document.ids[-3] in layout.verdicts
        checked += 1
    assert checked > 10


def test_labels_with_the_normalised_probability_of_its_verdict(judge):
    """One order: P(first) / (P(first) + P(second)), worked from the log-probabilities."""
    layout = word_judge_layout(judge.tokenizer)
    asked = layout.write(LAW.principles[0], PAIRS[0].prompt, PAIRS[0].first, PAIRS[0].second)
    ids = [*asked, *layout.answer]
    one, two = (math.exp(judge.logprobs([ids], [[verdict]])[0][0]) for verdict in layout.verdicts)
    (labelled,) = label_pairs(judge, PAIRS, LAW.principles[:1], layout=layout, both_orders=False)
    assert labelled.p_first == pytest.approx(one / (one + two), abs=1e-5)


def test_forgets_places_when_both_orders_are_read(judge):
    """A pair turned round gets the label turned round, exactly: the judge's favourite place."""
    layout = word_judge_layout(judge.tokenizer)
    (straight,) = judge_pairs(judge, PAIRS, LAW.principles[:1], layout=layout)
    (turned,) = judge_pairs(judge, [PAIRS[0].swapped], LAW.principles[:1], layout=layout)
    assert straight.comparison.p_first == pytest.approx(1 - turned.comparison.p_first, abs=1e-6)
    assert [each.is_swapped for each in straight.judgements] == [False, True]
    assert straight.place_bias == pytest.approx(turned.place_bias, abs=1e-6)
    assert abs(straight.place_bias) > 1e-4  # this judge has one


def test_averages_principles_and_keeps_their_names(judge):
    """Each once, drawn anew for each pair."""
    layout = word_judge_layout(judge.tokenizer)
    found = judge_pairs(judge, PAIRS * 20, LAW.principles, layout=layout, ensemble=2, seed=1)
    assert all(len(each.principles) == 2 and len(each.judgements) == 4 for each in found)
    assert {name for each in found for name in each.principles} == {"harmless", "help", "people"}
    again = judge_pairs(judge, PAIRS * 20, LAW.principles, layout=layout, ensemble=2, seed=1)
    assert found == again
    label = sum(each.p_first for each in found[0].judgements) / 4
    assert found[0].comparison.p_first == pytest.approx(label)


def test_reasons_first_where_it_is_asked_to(judge):
    """And what it says is kept, and read before the verdict."""
    layout = word_judge_layout(judge.tokenizer, max_new_tokens=6)
    (plain,) = judge_pairs(judge, PAIRS, LAW.principles[:1], layout=layout)
    (found,) = judge_pairs(
        judge, PAIRS, LAW.principles[:1], layout=layout, chain_of_thought=True, seed=2
    )
    assert all(1 <= len(each.reasoning.split()) <= 6 for each in found.judgements)
    assert found.comparison.p_first != pytest.approx(plain.comparison.p_first, abs=1e-9)


class TestLabels:
    judgements = (
        Judgement(principle="a", is_swapped=False, p_first=0.98),
        Judgement(principle="a", is_swapped=True, p_first=0.5),
    )

    def test_are_clamped_judgement_by_judgement(self):
        """(0.6 + 0.5) / 2; the judgements stay as they were."""
        found = feedback_of(PAIRS[0], self.judgements, clamp=(0.4, 0.6))
        assert found.comparison.p_first == pytest.approx(0.55)
        assert found.judgements == self.judgements

    def test_can_be_cooled_instead(self):
        """Odds of 49 at temperature 2 are odds of 7."""
        found = feedback_of(PAIRS[0], self.judgements, temperature=2)
        assert found.comparison.p_first == pytest.approx((7 / 8 + 0.5) / 2)

    def test_harden_to_the_likelier_reply(self):
        """And an undecided judge stays so."""
        found = feedback_of(PAIRS[0], self.judgements).comparison
        assert hardened(found).p_first == 1
        assert hardened(found.swapped).p_first == 0
        assert hardened(feedback_of(PAIRS[0], self.judgements[1:]).comparison).p_first == 0.5

    def test_refuse_a_clamp_that_is_none(self):
        """A half must lie inside, or a fair coin would be moved."""
        with pytest.raises(InputError, match=r"clamp=\(0.6, 0.8\)"):
            feedback_of(PAIRS[0], self.judgements, clamp=(0.6, 0.8))


def test_refuses_what_does_not_fit(judge):
    """With the pair's number; who has many asks first."""
    layout = word_judge_layout(judge.tokenizer)
    long = Comparison(prompt=PAIRS[0].prompt, first="cat " * 90, second="cat .")
    assert fits_judge(judge, PAIRS[0], LAW.principles, layout)
    assert not fits_judge(judge, long, LAW.principles, layout)
    with pytest.raises(InputError, match=r"pairs\[1\] makes a question of 1\d\d tokens"):
        label_pairs(judge, [*PAIRS, long], LAW.principles, layout=layout)
    with pytest.raises(InputError, match="ensemble=4"):
        label_pairs(judge, PAIRS, LAW.principles, layout=layout, ensemble=4)


def test_asks_models_of_real_text_for_a_letter():
    """In English, with worked examples before the question, with reasons and without."""
    tokenizer = train_bpe(["Here is a conversation. (A) yes (B) no The better reply is (A)"] * 3,
                          vocab_size=300)  # fmt: skip
    judge = model_of(tokenizer, context=512)
    layout = letter_judge_layout(tokenizer, examples="One: (A)\n", max_new_tokens=8)
    principle = Principle(name="p", critique="c", revise="r", choose="Which is kinder?")
    text = tokenizer.decode(layout.write(principle, PAIRS[0].prompt, "yes", "no"))
    assert "One: (A)\n\nHere is a conversation" in text
    assert "Human: what is cat ?\n\nWhich is kinder?\n(A) yes\n(B) no" in text
    for reasons in (False, True):
        (found,) = judge_pairs(
            judge, PAIRS, [principle], layout=layout, chain_of_thought=reasons, seed=1
        )
        assert 0 < found.comparison.p_first < 1


def test_reads_reasons_that_are_given_it(judge):
    """Its own, given back, lead to its own verdict; others to another."""
    layout = word_judge_layout(judge.tokenizer, max_new_tokens=6)
    (found,) = judge_pairs(judge, PAIRS, LAW.principles[:1], layout=layout, chain_of_thought=True)
    own = [each.reasoning for each in found.judgements]
    (again,) = judge_pairs(judge, PAIRS, LAW.principles[:1], layout=layout, reasons=own)
    assert again.comparison.p_first == pytest.approx(found.comparison.p_first, abs=1e-6)
    others = ["it helps ."] * 2
    (other,) = judge_pairs(judge, PAIRS, LAW.principles[:1], layout=layout, reasons=others)
    assert other.comparison.p_first != pytest.approx(found.comparison.p_first, abs=1e-9)
    with pytest.raises(InputError, match="3 reasons for 2 judgements"):
        judge_pairs(judge, PAIRS, LAW.principles[:1], layout=layout, reasons=["a"] * 3)
