"""The study of Constitutional AI: its arithmetic by hand, what models read, one tiny whole run."""

from dataclasses import fields

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.principles.feedback import Judgement, feedback_of
from glasshouse.align.talks.dialogues import Turn
from glasshouse.errors import InputError
from glasshouse.studies.constitutional_ai import (
    STUDY,
    ChainsConfig,
    ConstitutionalConfig,
    JudgingConfig,
    ShapingConfig,
    claims,
    paper,
    small,
)
from glasshouse.studies.constitutional_ai.chains import Ladder
from glasshouse.studies.constitutional_ai.grading import (
    bigram_entropy,
    graded,
    harmful_requests,
    holds,
    in_first_half,
    sentences,
    stock_sentence,
)
from glasshouse.studies.constitutional_ai.judging import calibration_error, make_pairs
from glasshouse.studies.constitutional_ai.pipeline import CLAMP, cooling, relabelled
from glasshouse.studies.constitutional_ai.schooling import (
    AIMS,
    WRITERS,
    SchoolConfig,
    aims_constitution,
    documents,
)
from glasshouse.studies.constitutional_ai.seen import control_of, draws_of
from glasshouse.studies.constitutional_ai.shaping import (
    SampledPairs,
    helpfulness_labels,
    simulated,
)
from glasshouse.studies.study import Figure
from glasshouse.world import World
from glasshouse.world.harms import HARMS, HELD_OUT
from glasshouse.world.streams import Dice, stream

WORLD = World(3, "nano")


def tiny() -> ConstitutionalConfig:
    """Everything once, with next to nothing in it."""
    return ConstitutionalConfig(
        sizes=("nano", "tiny"),
        base_steps=60,
        world="nano",
        assistants=SchoolConfig(steps=2, shares=(("helpful-only", 0.4), ("critique", 0.6))),
        judges=SchoolConfig(steps=2, shares=(("judge", 0.7), ("reasoned", 0.3))),
        chains=ChainsConfig(
            prompts=12, held_out_prompts=4, harmless_prompts=4, rounds=2, ladder=(1, 2),
            ladder_prompts=6, ladder_rounds=1,
        ),
        judging=JudgingConfig(pairs=12, held_out_pairs=8),
        shaping=ShapingConfig(
            size="nano", judge="tiny", chains=8, helpful=6, comparisons=24, steps=1, over=2,
            prompts_per_step=4, replies_per_prompt=2, test_prompts=8,
        ),
    )  # fmt: skip


def test_runs_whole(tmp_path, monkeypatch):
    """Every claim has a verdict and a control or a reason; every figure can be drawn."""
    monkeypatch.setenv("GLASSHOUSE_CACHE", str(tmp_path / "cache"))
    matplotlib.use("agg")
    told = []
    findings = STUDY.run(
        tiny(), seed=3, progress=lambda *at: told.append(at), workspace=tmp_path / "runs"
    )
    named = [one for one in vars(claims).values() if isinstance(one, claims.Claim)]
    assert [one.claim.id for one in findings.claims] == [
        one.id for one in sorted(named, key=lambda one: _ORDER.index(one.id))
    ]
    for one in findings.claims:
        assert one.evidence.control is not None or one.evidence.gate
    for section in findings.sections:
        for item in section.items:
            if isinstance(item, Figure):
                plt.close(item.draw())
    assert told
    kept = sorted(path.name for path in (tmp_path / "runs" / "constitutional-ai").iterdir())
    assert [name.split("-seed")[0] for name in kept] == [
        "assistant-nano", "assistant-tiny", "judge-nano", "judge-tiny",
    ]  # fmt: skip


_ORDER = [
    "judge-accuracy", "judge-size", "judge-cot", "labels-calibrated", "cot-overconfident",
    "first-revision", "later-revisions", "critiques-help-small", "principles-harm",
    "principles-diversity", "rl-below-sl", "rl-below-rlhf", "not-evasive", "rlhf-evasive",
    "soft-labels", "clamping", "boilerplate", "helpful-only-harm",
]  # fmt: skip


class TestSchool:
    def test_shows_no_held_out_category(self):
        """What carries over to them must not have been read."""
        nouns = {HARMS[name].noun for name in HELD_OUT} | {"slander"}
        for kind, write in WRITERS.items():
            dice = Dice(stream(0, kind))
            for _ in range(150):
                words = " ".join(text for text, _ in write(WORLD, dice)).split()
                assert not nouns & set(words), kind

    def test_learns_what_is_said_and_not_what_is_read(self):
        """A judge's verdict alone; a critic's critique and revision."""
        config = SchoolConfig(steps=1, shares=(("judge", 0.5), ("critique", 0.5)))
        vocabulary = WORLD.vocabulary
        for document in documents(WORLD, config, tokens=2_000):
            learned = vocabulary.decode(document.ids[document.mask])
            if document.kind == "judge":
                assert learned in ("first", "second")
            else:
                assert "revision :" in learned
                assert learned.endswith("<end>")

    def test_asks_in_words_of_the_world(self):
        """Sixteen principles of eight aims, all different."""
        laws = aims_constitution().principles
        assert len({law.critique for law in laws}) == 16 == 2 * len(AIMS)
        for law in laws:
            WORLD.vocabulary.encode(law.critique)
        assert [law.name for law in aims_constitution(2).principles] == ["harmless-0", "people-0"]


class TestCalibration:
    def test_is_nought_where_labels_are_right(self):
        """Whatever they are."""
        odds = np.array([0.9, 0.1, 0.5, 0.9])
        assert calibration_error(odds, odds, bins=10) == pytest.approx(0)

    def test_is_the_gap_of_each_bin(self):
        """Two pairs labelled 0.7, right half and wholly: a gap of 0.05 both ways round."""
        labels, odds = np.array([0.7, 0.7]), np.array([0.5, 1.0])
        assert calibration_error(labels, odds, bins=10) == pytest.approx(0.05)

    @given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=20))
    def test_knows_no_places(self, labels):
        """A pair turned round changes nothing."""
        own = np.array(labels)
        odds = np.where(own > 0.5, 0.9, 0.1)
        turned = calibration_error(1 - own, 1 - odds, bins=10)
        assert turned == pytest.approx(calibration_error(own, odds, bins=10))


def test_pairs_hold_out_what_they_should():
    """Categories, and nothing that is too long to be reasoned about."""
    for held_out in (False, True):
        pairs = make_pairs(WORLD, 12, held_out=held_out)
        assert len(pairs.comparisons) == 12 == len(pairs.odds)
        assert all((one.category in HELD_OUT) == held_out for one in pairs.requests)


def _pairs(count: int) -> SampledPairs:
    requests = harmful_requests(WORLD, count, split="train")
    comparisons = tuple(
        Comparison(
            prompt=(Turn("human", one.text),),
            first=WORLD.answer(one, "eager", number),
            second=WORLD.answer(one, "kind", number) + " i am certain .",
        )
        for number, one in enumerate(requests)
    )
    return SampledPairs(comparisons=comparisons, requests=tuple(requests))


def test_simulated_labels_are_as_right_as_they_say():
    """Their accuracy is the one asked for, and a label of p is right p of the time."""
    pairs = _pairs(1_500)
    labels, differs = simulated(pairs, WORLD, accuracy=0.75, seed=0)
    own = np.array([one.p_first for one in labels])[differs]
    harm = np.array(
        [
            [WORLD.gold(request, text).harm for text in (one.first, one.second)]
            for one, request in zip(pairs.comparisons, pairs.requests, strict=True)
        ]
    )[differs]
    first_is_better = harm[:, 0] < harm[:, 1]
    right = (own > 0.5) == first_is_better
    assert right.mean() == pytest.approx(0.75, abs=0.03)  # three standard errors
    sure = np.abs(own - 0.5) > 0.3
    assert right[sure].mean() > 0.85


def test_people_who_want_help_prefer_it():
    """Also with harm; pairs that do equally little are left out."""
    labels = helpfulness_labels(_pairs(60), WORLD)
    assert 0 < len(labels) <= 60
    assert np.mean([one.p_first > 0.5 for one in labels]) > 0.8  # the eager one is first


def test_cooled_labels_vary_as_clamped_ones_do():
    """So that the two differ in nothing but the way."""
    rng = np.random.default_rng(0)
    pair = Comparison(prompt=(Turn("human", "hi"),), first="a", second="b")
    feedback = [
        feedback_of(pair, [Judgement(principle="x", is_swapped=False, p_first=float(p))])
        for p in rng.uniform(0.02, 0.98, 300)
    ]
    temperature = cooling(feedback)
    clamped = [relabelled(each, clamp=CLAMP).p_first for each in feedback]
    cooled = [relabelled(each, temperature=temperature).p_first for each in feedback]
    assert np.var(cooled) == pytest.approx(np.var(clamped), rel=1e-3)
    assert temperature > 1


class TestWords:
    def test_the_stock_sentence_is_in_most_replies(self):
        """Counted once a reply."""
        said = ["a b . c d !", "c d .", "a b . a b .", "e ."]
        assert sentences(said[0]) == ["a b", "c d"]
        assert stock_sentence(["x y .", *said[:2]]) == "c d"
        assert holds(said, "a b").tolist() == [1, 0, 1, 0]
        assert stock_sentence([]) == ""

    def test_halves_are_about_the_same_categories(self):
        """Requests go through the categories in turn, so that every second one knows but half."""
        requests = harmful_requests(WORLD, 24, split="train")
        first = in_first_half(requests)
        halves = [
            sorted(one.category for one, own in zip(requests, first, strict=True) if own == half)
            for half in (True, False)
        ]
        assert halves[0] == halves[1]
        assert len(set(halves[0])) == 6

    def test_entropy_counts_pairs_of_words(self):
        """Two pairs equally often are one bit."""
        assert bigram_entropy(["a b", "b c"]) == pytest.approx(1)
        assert bigram_entropy(["a b"] * 5) == pytest.approx(0)
        assert bigram_entropy([]) == 0

    def test_replies_are_graded_by_what_they_are_to(self):
        """An explanation does no harm."""
        requests = harmful_requests(WORLD, 3, split="train")
        said = graded(WORLD, requests, [WORLD.answer(one, "kind") for one in requests])
        assert said.of("harm").shape == (3,)
        assert said.mean("fluency") == 1


def test_slopes_are_those_of_lines():
    """Harm that rises by 0.1 a doubling."""
    ladder = Ladder(
        counts=(1, 2, 4),
        harm=np.array([[0.0, 0.2], [0.1, 0.3], [0.2, 0.4]]),
        texts=(("a b", "a b"), ("a b", "b c"), ("a b", "b c")),
    )
    draws = draws_of(0, "test", 2, count=3)
    assert ladder.harm_slopes(draws) == pytest.approx(0.1)
    assert ladder.diversity_slopes(draws[:1]) == pytest.approx(0.5)


def test_a_control_about_zero_convicts_nobody():
    """Where threshold and no effect are one, all of its interval must lie beyond."""
    claim = claims.HELPFUL_HARM
    assert not control_of(claim, 0.01, (-0.1, 0.1), text="x").shows_effect
    assert control_of(claim, 0.2, (0.1, 0.3), text="x").shows_effect
    assert control_of(claims.JUDGE_ACCURACY, 0.71, (0.6, 0.8), text="x").shows_effect
    assert not control_of(claims.NOT_EVASIVE, 0.3, (0.0, 0.4), text="x").shows_effect
    assert control_of(claims.NOT_EVASIVE, 0.01, (0.0, 0.02), text="x").shows_effect


def test_presets_differ_in_size_alone():
    """The same code; and a size that is not there is refused."""
    assert {field.name for field in fields(small())} == {field.name for field in fields(paper())}
    with pytest.raises(InputError, match="'mini' is not among"):
        ConstitutionalConfig(sizes=("nano", "tiny"))
