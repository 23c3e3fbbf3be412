"""The study on engineered monosemanticity: its arithmetic by hand, and one tiny whole run."""

import math
from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.interpret.monosemanticity import Biases, solo_activations
from glasshouse.studies.claims import Verdict
from glasshouse.studies.engineered_monosemanticity import (
    STUDY,
    MonosemanticityConfig,
    TrainingConfig,
)
from glasshouse.studies.engineered_monosemanticity.claims import LEVER
from glasshouse.studies.engineered_monosemanticity.evidence import over_draws, resampled
from glasshouse.studies.engineered_monosemanticity.grow import Nursery, grow
from glasshouse.studies.engineered_monosemanticity.judge import (
    gap_at_equal_loss,
    shuffled_means,
    smallest_step,
)
from glasshouse.studies.engineered_monosemanticity.levers import Lever, make_lever, matched_decay
from glasshouse.studies.engineered_monosemanticity.measure import measure
from glasshouse.studies.engineered_monosemanticity.settings import Setting, all_settings
from glasshouse.studies.study import Figure, no_progress

CLAIMS = (
    "learning-rate-alone",
    "lever-more-monosemantic",
    "lever-costs-no-loss",
    "mono-bias-negative",
    "poly-bias-higher",
    "more-neurons",
    "residual-low-rank",
    "holds-for-power-law",
    "holds-for-gelu",
    "holds-for-abs",
    "holds-for-re-projector",
)


def tiny() -> MonosemanticityConfig:
    """Models too small to learn anything."""
    return MonosemanticityConfig(
        features=8,
        inputs=6,
        density=0.2,
        draws=3,
        few_draws=2,
        test_examples=64,
        training=TrainingConfig(steps=12, batch=8),
    )


def nursery(*levers: Lever, steps: int = 10, draw: int = 0, **settings) -> Nursery:
    setting = Setting(name="decoder", neurons=4, levers=levers, draws=2, **settings)
    config = replace(tiny(), training=TrainingConfig(steps=steps, batch=8))
    return Nursery(setting=setting, draw=draw, config=config, seed=3)


class TestStudy:
    def test_runs_and_draws(self, tmp_path):
        """Every claim gets a verdict, every figure can be drawn, progress ends at the end."""
        matplotlib.use("Agg")
        told: list[int] = []
        findings = STUDY.run(
            tiny(),
            seed=3,
            progress=lambda done, total, what: told.append(done),
            workspace=tmp_path,
        )
        assert told == sorted(told)
        assert told[-1] == 1_000
        assert tuple(result.claim.id for result in findings.claims) == CLAIMS
        assert all(result.evidence.control is not None for result in findings.claims)
        for section in findings.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    drawing = item.draw()
                    drawing.canvas.draw()
                    plt.close(drawing)

    def test_measures_the_same_however_many_work(self, tmp_path):
        """Populations have streams of their own."""
        one, two = (
            STUDY.run(
                replace(tiny(), workers=workers), seed=3, progress=no_progress, workspace=tmp_path
            )
            for workers in (1, 2)
        )
        assert [repr(result.as_json()) for result in one.claims] == [
            repr(result.as_json()) for result in two.claims
        ]

    def test_has_a_paper_preset_that_is_larger(self):
        """The paper's 512 features, with several projections."""
        large = STUDY.presets["paper"]()
        assert (large.features, large.inputs, large.device) == (512, 64, "cuda")
        assert large.draws == 5

    def test_refuses_a_device_that_is_not_there(self, tmp_path):
        """The message says how to go on."""
        if torch.cuda.is_available():
            pytest.skip("a GPU is here")
        with pytest.raises(InputError, match="--set device=cpu"):
            STUDY.run(
                replace(tiny(), device="cuda"), seed=0, progress=no_progress, workspace=tmp_path
            )


class TestConfig:
    def test_refuses_what_cannot_be_judged(self):
        """One projection has no spread; the judged rate must be among those of the sweep."""
        with pytest.raises(InputError, match="few_draws=1"):
            MonosemanticityConfig(few_draws=1)
        with pytest.raises(InputError, match=r"training\.judged_rate=0\.1"):
            TrainingConfig(judged_rate=0.1)
        with pytest.raises(InputError, match="widths"):
            MonosemanticityConfig(widths=(2, 1, 4))
        with pytest.raises(InputError, match="inputs=200"):
            MonosemanticityConfig(inputs=200)

    def test_can_swing_the_learning_rate(self):
        """As the paper's public code does, behind a flag."""
        assert TrainingConfig().population().schedule == "cosine"
        assert TrainingConfig(cyclic_lr=True).population().schedule == "cyclic"


class TestLevers:
    @pytest.mark.parametrize(("steps", "rate"), [(6_000, 3e-3), (131_072, 1e-3), (500, 1e-2)])
    def test_decay_as_far_at_any_length(self, steps, rate):
        """All factors together leave e^-10, whatever the steps and the rate."""
        training = TrainingConfig(steps=steps)
        lever = make_lever("lever", rate, training)
        assert lever.keep ** (steps // 2) == pytest.approx(math.exp(-10), rel=0.2)
        assert lever.decay == matched_decay(training, rate)

    def test_differ_by_bias_and_decay(self):
        """The controls take one part of the lever away, or turn it round."""
        training = TrainingConfig()
        made = {
            kind: make_lever(kind, 3e-3, training)
            for kind in ("plain", "lever", "decay alone", "positive", "published decay")
        }
        assert [lever.initial_bias for lever in made.values()] == [0, -1, 0, 1, -1]
        assert made["plain"].keep == 1
        assert made["published decay"].decay == 0.03

    def test_are_pulled_in_the_first_half_only(self):
        """At rate zero nothing but the lever moves a bias: half of ten steps at a half each."""
        still = Lever(kind="plain", rate=0.0)
        made = nursery(Lever(kind="lever", rate=1e-9, initial_bias=-1.0, decay=0.5e9), still)
        model = made.model()
        before = model.bias.detach().clone()
        torch.testing.assert_close(before[0], before[1] - 1)
        for _ in grow(made, model):
            pass
        torch.testing.assert_close(model.bias[0], before[0] * 0.5**5, atol=1e-6, rtol=1e-5)
        assert torch.equal(model.bias[1], before[1])


class TestNursery:
    def test_gives_a_population_one_start(self):
        """Models behind one projection differ by their levers only; other projections differ."""
        plain = Lever(kind="plain", rate=1e-3)
        model = nursery(plain, plain).model()
        assert torch.equal(model.weight_in[0], model.weight_in[1])
        other = nursery(plain, plain, draw=1).model()
        assert not torch.equal(model.projection, other.projection)

    def test_asks_each_task(self):
        """Signed features for absolute values, fewer outputs for the re-projector."""
        plain = Lever(kind="plain", rate=1e-3)
        signed = nursery(plain, task="abs")
        values = signed.examples(200, signed.generator("x"))
        assert values.min() < 0
        assert torch.equal(signed.targets()(values), values.abs())
        assert signed.setting.cases(signed.config) == 16
        other = nursery(plain, task="re-projector")
        assert other.targets()(values).shape == (200, 6)
        assert other.model()(values).shape == (1, 200, 6)

    def test_learns(self):
        """A few hundred steps lower the loss by far, and faster rates more at first."""
        made = nursery(Lever(kind="plain", rate=1e-4), Lever(kind="plain", rate=1e-2), steps=200)
        model = made.model()
        before = made.test_loss(model)
        for _ in grow(made, model):
            pass
        slow, fast = (made.test_loss(model) / before).tolist()
        assert fast < 0.6
        assert fast < slow < 1

    def test_measures_what_is_there(self):
        """The untrained population is looked at first, then at powers of two and at the end."""
        plain = Lever(kind="plain", rate=1e-3)
        made = nursery(plain, replace(plain, kind="lever"))
        grown = measure(made)
        assert grown.course.steps.tolist() == [0, 1, 2, 4, 8, 10]
        assert grown.mono.shape == (2, 3)
        assert grown.solo.shape == (2, 4, 8)
        untrained = solo_activations(made.model())
        assert not np.array_equal(grown.solo, untrained.numpy())


class TestSettings:
    def test_change_one_thing_each(self):
        """Every row of the paper's list, and twice the neurons for absolute values."""
        found = {setting.name: setting for setting in all_settings(MonosemanticityConfig())}
        assert found["narrow"].neurons == 128
        assert found["wide"].neurons == 512
        assert found["abs"].neurons == 512
        assert found["gelu"].activation == "gelu"
        assert found["power-law"].frequencies == "power law"
        kinds = [lever.kind for lever in found["sweep"].levers]
        assert kinds == ["plain", "lever", "plain", "lever", "positive", "published decay"]


class TestArithmetic:
    def test_compares_rates_of_equal_loss_only(self):
        """By hand: the largest gap belongs to a rate whose loss is a half worse."""
        assert gap_at_equal_loss([0.1, 0.4, 0.9], [1.0, 1.05, 1.5]) == pytest.approx(0.3)
        assert math.isnan(gap_at_equal_loss([0.1, 0.9], [1.0, 1.2]))

    def test_takes_the_smallest_step(self):
        """One fall spoils a rise."""
        assert smallest_step(np.array([0.1, 0.4, 0.5])) == pytest.approx(0.1)
        assert smallest_step(np.array([0.1, 0.4, 0.3])) == pytest.approx(-0.1)

    def test_finds_no_difference_between_shuffled_biases(self):
        """Called mono and poly at random, both have the mean of all."""
        found = [Biases(mono=np.full(50, -1.0), poly=np.full(50, 1.0))]
        mono, poly = shuffled_means(found, np.random.default_rng(0))
        assert mono[0] == pytest.approx(0, abs=0.05)
        assert poly[0] == pytest.approx(0, abs=0.05)

    def test_resamples_projections(self):
        """An undefined resample leaves the interval unbounded."""
        rng = np.random.default_rng(0)
        values = np.array([1.0, 2.0, 3.0])
        low, high = resampled(lambda drawn: float(values[drawn].mean()), 3, rng=rng)
        assert 1 <= low < 2 < high <= 3
        assert math.isnan(resampled(lambda drawn: float("nan"), 3, rng=rng)[0])


class TestVerdicts:
    def judged(self, gains: list[float], control: list[float]) -> Verdict:
        return over_draws(
            LEVER,
            np.array(gains),
            seed=0,
            text="gain",
            control=np.array(control),
            control_text="decay alone",
        ).verdict

    def test_need_the_gain_and_a_control_without_it(self):
        """The decay alone must not gain as much."""
        gains = [0.5, 0.6, 0.7, 0.6, 0.5]
        assert self.judged(gains, [0.0, -0.05, 0.02, 0.0, 0.01]) is Verdict.REPRODUCED
        assert self.judged(gains, [0.4, 0.3, 0.5, 0.4, 0.4]) is Verdict.NOT_SEEN
        assert self.judged([0.05, 0.06, 0.2, 0.1, 0.01], [0.0] * 5) is Verdict.TREND
        assert self.judged([0.1, -0.1, 0.05, -0.02, 0.0], [0.0] * 5) is Verdict.NOT_SEEN
