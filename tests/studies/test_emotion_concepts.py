"""The study on emotion concepts: its arithmetic by hand, its judgements, and one tiny whole run."""

from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.studies.claims import Verdict
from glasshouse.studies.emotion_concepts import STUDY, EmotionConfig
from glasshouse.studies.emotion_concepts.claims import CIRCLE, DRIFT
from glasshouse.studies.emotion_concepts.config import GrowConfig, PushConfig, ReadConfig
from glasshouse.studies.emotion_concepts.drift import alike
from glasshouse.studies.emotion_concepts.evidence import (
    correlation,
    over_models,
)
from glasshouse.studies.emotion_concepts.grow import calm_replies, grow_all
from glasshouse.studies.emotion_concepts.preferences import elo
from glasshouse.studies.emotion_concepts.recognition import grouped, neighbours
from glasshouse.studies.emotion_concepts.study import ORDER
from glasshouse.studies.emotion_concepts.tracking import (
    AFTER,
    BEFORE,
    CONDITIONS,
    half_life,
    order,
    states_of,
)
from glasshouse.studies.intervals import rank_correlation
from glasshouse.studies.study import Figure, no_progress
from glasshouse.world.mood_texts import others
from glasshouse.world.moods import STATES
from glasshouse.world.streams import stream


def tiny() -> EmotionConfig:
    """Models too small to learn anything."""
    return EmotionConfig(
        grow=GrowConfig(models=2, layers=2, d_model=8, heads=2, steps=4, batch=4, tune_steps=2),
        read=ReadConfig(layer=0, stories=2, texts=36, random=6),
        push=PushConfig(strengths=(-0.1, 0.0, 0.1), prompts=4),
        length=45,
        items=5,
    )


class TestStudy:
    def test_runs_and_draws(self, tmp_path):
        """Every claim gets a verdict, every figure can be drawn, progress ends at the end."""
        matplotlib.use("Agg")
        told: list[int] = []
        config = replace(tiny(), read=replace(tiny().read, texts=120))
        findings = STUDY.run(
            config, seed=3, progress=lambda done, total, what: told.append(done), workspace=tmp_path
        )
        assert told == sorted(told)
        assert told[-1] == 1_000
        assert tuple(result.claim.id for result in findings.claims) == ORDER
        assert all(result.evidence.control is not None for result in findings.claims)
        assert not any(r.verdict is Verdict.OUT_OF_SCALE for r in findings.claims)
        assert len(findings.sections) == 6
        for section in findings.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    plt.close(item.draw())


class TestConfig:
    def test_refuses_what_cannot_be_read(self):
        """There must be a later layer, something of a story, and strengths about 0."""
        with pytest.raises(InputError, match=r"read\.layer=2"):
            EmotionConfig(read=ReadConfig(layer=2))
        with pytest.raises(InputError, match=r"read\.skip=40"):
            EmotionConfig(read=ReadConfig(skip=40))
        with pytest.raises(InputError, match="length=40"):
            EmotionConfig(length=40)
        with pytest.raises(InputError, match=r"push\.strengths"):
            PushConfig(strengths=(-0.1, 0.0, 0.2))

    def test_has_a_paper_preset_that_is_larger(self):
        """It grows models of the size of small open ones."""
        large = STUDY.presets["paper"]()
        assert large.architecture().num_layers == 12
        assert large.device == "cuda"


class TestGrow:
    def test_is_a_function_of_the_seed(self):
        """The same weights from the same seed, however many train side by side."""
        config = replace(tiny(), grow=replace(tiny().grow, steps=2, tune_steps=1))
        one, two = (
            grow_all(replace(config, workers=workers), seed=5, progress=no_progress)
            for workers in (1, 2)
        )
        for first, second in zip(one, two, strict=True):
            a, b = first.weights, second.weights
            assert all(torch.equal(a[name], b[name]) for name in a)
        assert not torch.equal(one[0].weights["embed.weight"], one[1].weights["embed.weight"])

    def test_leaves_the_grown_model_as_it_was(self):
        """Copies are trained further, not the model itself."""
        grown = grow_all(tiny(), seed=5, progress=no_progress)[0]
        assert not torch.equal(grown.weights["embed.weight"], grown.calm_weights["embed.weight"])
        assert torch.equal(grown.calmed.network.embed.weight, grown.calm_weights["embed.weight"])
        assert torch.equal(grown.model.network.embed.weight, grown.weights["embed.weight"])

    def test_writes_replies_that_are_calm(self):
        """Of the words of states, replies hold those of calm alone."""
        world = tiny().world
        ids = calm_replies(world, 200, stream(1, "calm"))
        switch = (ids == world.id("<assistant>")).argmax(axis=1)
        reply = ids[np.arange(ids.shape[1]) > switch[:, None]]
        used = {s for s in range(len(STATES)) if np.isin(reply, list(world.words_of(s))).any()}
        assert used == {STATES.index("calm")}

    def test_says_when_a_device_is_missing(self):
        """With the way out."""
        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")
        with pytest.raises(InputError, match="--set device=cpu"):
            grow_all(replace(tiny(), device="cuda"), seed=0, progress=no_progress)


class TestElo:
    def test_gives_ten_to_one_four_hundred_points(self):
        """By definition of the scale, for two that meet."""
        wins = np.array([[0.5, 10 / 11], [1 / 11, 0.5]])
        ratings = elo(wins, ridge=1e-9)
        assert ratings == pytest.approx([1700, 1300], abs=0.1)

    def test_finds_strengths_that_made_the_chances(self):
        """Chances made from ratings give these back, with a mean of 1500."""
        truth = stream(2, "elo").normal(1500, 200, size=12)
        wins = 1 / (1 + 10 ** ((truth[None, :] - truth[:, None]) / 400))
        assert elo(wins, ridge=1e-9) == pytest.approx(truth - truth.mean() + 1500, abs=0.1)

    def test_rates_certain_wins(self):
        """The penalty keeps what always wins at a finite height."""
        ratings = elo(np.array([[0.5, 1, 1], [0, 0.5, 1], [0, 0, 0.5]]))
        assert np.isfinite(ratings).all()
        assert ratings[0] > ratings[1] > ratings[2]


class TestHalfLife:
    def test_reads_between_tokens(self):
        """From 1 over 0.75 to 0.25: half is met in the middle of tokens 0 and 1."""
        after = np.array([0.75, 0.25, *[0.0] * (AFTER - 2)])
        assert half_life(np.concatenate([np.ones(BEFORE), after])) == pytest.approx(0.5)

    def test_is_the_whole_look_where_nothing_fades(self):
        """A state that stays never halves."""
        assert half_life(np.ones(BEFORE + AFTER)) == AFTER

    def test_passes_over_a_dip_at_the_mark(self):
        """A mark is no word of either writer; a state that is back behind it has not faded."""
        after = np.ones(AFTER)
        after[0] = 0.1
        assert half_life(np.concatenate([np.ones(BEFORE), after])) == AFTER

    def test_is_zero_where_the_mark_itself_ends_it(self):
        """Under half at token 0 already."""
        assert half_life(np.concatenate([np.ones(BEFORE), np.zeros(AFTER)])) == 0


class TestConditions:
    def test_counts_the_weakest_of_all_conditions_that_show(self):
        """Others badly found lower the step from shown to masked, as any other condition would."""
        good = dict.fromkeys(CONDITIONS, 0.9) | {"masked": 0.4}
        assert order(good) == pytest.approx(0.4 - 1 / 12)
        assert order(good | {"others": 0.5}) == pytest.approx(0.1)
        assert order(good | {"masked": 0.05}) < 0

    def test_asks_for_the_one_told_of(self):
        """The writer of a text about others is in no state, so theirs is what must be found."""
        texts = others(tiny().world, 5, stream(1, "others"), states=np.arange(5))
        assert states_of(texts, "others").tolist() == [0, 1, 2, 3, 4]
        assert (states_of(texts, "story") == -1).all()


class TestGroups:
    def test_says_which_states_share_one(self):
        """Glad and calm meet across the end of the circle; glad and miserable do not meet."""
        meet = (0, *range(1, 11), 0)
        apart = (0, 1, 2, 3, 4, 5, 0, *range(6, 11))
        assert grouped(meet) == (("glad", "calm"),)
        assert neighbours(meet) == 1
        assert grouped(apart) == (("glad", "miserable"),)
        assert neighbours(apart) == 0
        assert neighbours(tuple(range(12))) == 0


class TestEvidence:
    def test_judges_the_mean_over_models(self):
        """All models beyond the threshold and the control short of it: reproduced."""
        result = over_models(
            CIRCLE, [0.9, 0.95, 0.99], seed=0, text="", control=[0.1, 0.2], control_text=""
        )
        assert result.verdict is Verdict.REPRODUCED

    def test_is_not_seen_where_the_control_shows_it_too(self):
        """Shifts that any training makes alike prove nothing of this one."""
        result = over_models(
            DRIFT, [0.9, 0.95], seed=0, text="", control=[0.9, 0.92], control_text=""
        )
        assert result.verdict is Verdict.NOT_SEEN

    def test_does_not_judge_one_model(self):
        """It has no spread."""
        result = over_models(DRIFT, [0.9], seed=0, text="", control=[0.1], control_text="")
        assert result.verdict is Verdict.OUT_OF_SCALE

    def test_correlates_by_value_and_by_rank(self):
        """A curve that only rises has rank correlation 1; what does not vary, 0."""
        x = np.arange(5.0)
        assert rank_correlation(x, np.exp(x)) == pytest.approx(1)
        assert correlation(x, np.exp(x)) < 0.95
        assert correlation(x, np.ones(5)) == 0
        assert alike({"neutral": x, "distressed": -2 * x}) == pytest.approx(-1)
