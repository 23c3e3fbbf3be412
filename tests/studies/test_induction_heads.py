"""The study on induction heads: its arithmetic by hand, its judgements, and one tiny whole run."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.interpret.icl import PhaseWindow
from glasshouse.studies.claims import Verdict
from glasshouse.studies.induction_heads import STUDY, InductionConfig, phase_change, sizes, smeared
from glasshouse.studies.induction_heads.ablation import draw_sets, split_heads
from glasshouse.studies.induction_heads.circuits import through
from glasshouse.studies.induction_heads.config import (
    KINDS,
    Kind,
    KindsConfig,
    LooksConfig,
    TextsConfig,
)
from glasshouse.studies.induction_heads.course import Course, grow
from glasshouse.studies.induction_heads.fuzzy import chance_of, other_form_targets
from glasshouse.studies.induction_heads.grow import Nursery, grow_all
from glasshouse.studies.induction_heads.measures import (
    bend,
    bump,
    distance_from,
    first_above,
    largest_share,
    principal_paths,
    turn,
)
from glasshouse.studies.induction_heads.texts import training_texts
from glasshouse.studies.study import Figure, no_progress
from glasshouse.world.blocks import BlockWorld


def toy(**kinds: Kind) -> InductionConfig:
    """Models too small to learn anything, of the kinds that are named."""
    none = Kind(layers=1, models=0)
    return InductionConfig(
        kinds=KindsConfig(**(dict.fromkeys(KINDS, none) | kinds)),
        texts=TextsConfig(words=12, length=25, shortest=3, longest=5, max_phase=2),
        looks=LooksConfig(every=2, texts=8, length=24, late=16, matched=6),
    )


def every_kind() -> InductionConfig:
    """Every kind of the study, tiny and alike where they can be: a graph costs a second."""
    tiny = {
        name: replace(kind, layers=min(kind.layers, 2), heads=2, d_model=8, models=2, steps=8)
        for name, kind in InductionConfig().grown.items()
    }
    return toy(**tiny)


SMALLEST = Kind(layers=1, heads=2, d_model=8, models=2, steps=4, batch=4)


def course(falls: float, *, matches_at: int = 4, is_even: bool = False) -> Course:
    """What a model would have shown whose late loss falls by `falls` nats, mostly at look 5.

    Its one head matches prefixes from look `matches_at` on. An even fall has no such look.
    """
    looks = np.arange(10)
    losses = np.full((10, 24), 4.0)
    abrupt = np.where(looks < 5, 0.05 * looks, falls)
    losses[:, 16:] -= (falls * looks / 9 if is_even else abrupt)[:, None]
    matching = np.where(looks < matches_at, 0.05, 0.9)[:, None, None]
    single = np.stack([looks, np.where(looks < 5, 0, falls)], axis=1).astype(float)
    return Course(
        kind=SMALLEST,
        steps=20 * looks,
        losses=losses,
        single=single,
        matching=matching,
        previous=np.zeros((10, 1, 1)),
        weights={},
        patterns=np.empty(0),
        text=np.empty(0),
    )


def nursery(**courses: tuple[Course, ...]) -> Nursery:
    """A run with made-up models."""
    config = replace(toy(), looks=replace(toy().looks, every=20))
    return Nursery(config=config, seed=0, courses=courses, probes={})


def verdicts(results) -> dict[str, Verdict]:
    return {result.claim.id: result.verdict for result in results}


class TestStudy:
    def test_runs_and_draws(self):
        """Every claim gets a verdict, every figure can be drawn, progress ends at the end."""
        matplotlib.use("Agg")
        told: list[int] = []
        findings = STUDY.run(
            every_kind(), seed=3, progress=lambda done, total, what: told.append(done)
        )
        assert told == sorted(told)
        assert told[-1] == 1_000
        assert len(findings.claims) == 14
        assert len(findings.sections) == 6
        for section in findings.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    drawing = item.draw()
                    drawing.canvas.draw()
                    matplotlib.pyplot.close(drawing)

    def test_measures_the_same_again_whoever_trains_beside(self):
        """Same seed, same bits, alone or beside others; another seed, another model."""
        config = toy(one_layer=SMALLEST)
        beside = grow_all(config, seed=1, progress=no_progress)
        first, probe = beside.courses["one_layer"][1], beside.probes["one_layer"]
        again, other = (grow("one_layer", 1, probe, config, seed=seed) for seed in (1, 2))
        assert np.array_equal(first.losses, again.losses)
        assert np.array_equal(first.matching, again.matching)
        assert not np.array_equal(first.losses, other.losses)

    def test_says_what_it_did_not_grow(self):
        """The tour grows two kinds; what needs others is out of scale, by name."""
        results = smeared.claims(nursery(one_layer=(course(0.1),)))
        assert set(verdicts(results).values()) == {Verdict.OUT_OF_SCALE}
        assert "2 layers, smeared keys" in results[1].evidence.gate

    def test_presets_are_configs(self):
        """A preset is a function that returns the config."""
        assert set(STUDY.presets) == {"small", "tour", "paper"}
        for preset in STUDY.presets.values():
            assert isinstance(preset(), InductionConfig)
        assert set(STUDY.presets["tour"]().grown) == {"one_layer", "two_layers"}

    def test_refuses_a_device_that_is_not_there(self):
        """The message says how to go on."""
        if torch.cuda.is_available():
            pytest.skip("a GPU is here")
        with pytest.raises(InputError, match="--set device=cpu"):
            STUDY.run(replace(toy(), device="cuda"), seed=0, progress=no_progress)

    def test_refuses_looks_that_do_not_fit(self):
        """The message names both sides of the contradiction."""
        with pytest.raises(InputError, match=r"looks\.matched=9"):
            replace(toy(), looks=LooksConfig(length=24, late=16, matched=9))
        with pytest.raises(InputError, match=r"looks\.late=60"):
            LooksConfig(late=60)


class TestVerdicts:
    """Made-up models that show an effect, or do not, must be judged so."""

    def test_believe_a_phase_change(self):
        """Two-layer models that change together with their heads, beside flat 1-layer ones."""
        shallow = tuple(course(f, matches_at=99, is_even=True) for f in (0.3, 0.35))
        deep = (course(3.0), course(2.8))
        found = verdicts(phase_change.claims(nursery(one_layer=shallow, two_layers=deep)))
        assert found["abrupt-icl"] is Verdict.REPRODUCED
        assert found["heads-form-together"] is Verdict.REPRODUCED
        assert found["not-in-one-layer"] is Verdict.REPRODUCED
        assert found["abrupt-icl-mlp"] is Verdict.OUT_OF_SCALE

    def test_doubt_heads_that_form_at_another_time(self):
        """Heads that match prefixes long before or never are no explanation of the change."""
        shallow = tuple(course(f, matches_at=99, is_even=True) for f in (0.3, 0.35))
        early = (course(3.0, matches_at=1), course(2.8, matches_at=1))
        never = (course(3.0, matches_at=99), course(2.8, matches_at=99))
        for deep in (early, never):
            found = verdicts(phase_change.claims(nursery(one_layer=shallow, two_layers=deep)))
            assert found["heads-form-together"] in (Verdict.TREND, Verdict.CONTRADICTED)

    def test_doubt_one_layer_with_induction_heads(self):
        """The claim fails where a 1-layer model matches prefixes."""
        found = verdicts(phase_change.claims(nursery(one_layer=(course(3.0), course(2.8)))))
        assert found["not-in-one-layer"] is Verdict.CONTRADICTED

    def test_judge_smeared_keys_by_gain_and_by_time(self):
        """One smeared layer that does half of it is a trend; two at the same time, not seen."""
        flat, full, half = course(0.2), course(3.2), course(1.7)
        found = verdicts(
            smeared.claims(
                nursery(
                    one_layer=(flat, flat),
                    two_layers=(full, full),
                    one_layer_smeared=(half, half),
                    two_layers_smeared=(full, full),
                )
            )
        )
        assert found == {
            "smeared-one-layer": Verdict.TREND,
            "smeared-two-layers": Verdict.NOT_SEEN,
        }

    def test_see_plain_models_that_differ_as_much_as_smeared_ones(self):
        """A gain that another start makes as well is no gain of smeared keys."""
        flat, lucky, full = course(0.2), course(3.0), course(3.2)
        gain, _ = smeared.claims(
            nursery(
                one_layer=(flat, lucky, flat),
                two_layers=(full, full, full),
                one_layer_smeared=(full, full, full),
                two_layers_smeared=(full, full, full),
            )
        )
        assert gain.evidence.control is not None
        assert gain.evidence.control.shows_effect

    def test_judge_sizes_by_range(self):
        """Scores of 3.0, 3.2 and 3.1 vary by 6%; of 1, 3 and 3.1 by 89%."""
        one, low, mid, high = (course(falls) for falls in (0.2, 3.0, 3.1, 3.2))
        alike = nursery(
            one_layer=(one, one), narrow=(low, low), two_layers=(high, high), wide=(mid, mid)
        )
        assert sizes.relative_ranges(alike, *sizes.WIDTHS) == pytest.approx([0.2 / 3.1] * 2)
        assert verdicts(sizes.claims(alike)) == {"constant-over-sizes": Verdict.REPRODUCED}
        small = course(1.0)
        unlike = nursery(
            one_layer=(one, one), narrow=(small, small), two_layers=(mid, mid), wide=(low, low)
        )
        assert verdicts(sizes.claims(unlike)) == {"constant-over-sizes": Verdict.TREND}


class TestMeasures:
    def test_share_of_an_even_fall_is_the_width(self):
        """A line falls by a quarter in a quarter of the steps; a cliff falls by all."""
        steps = np.arange(0, 101, 10)
        assert largest_share(steps, -steps / 100) == pytest.approx(0.25)
        assert largest_share(steps, np.where(steps < 50, 0.0, -3.0)) == pytest.approx(1)

    def test_first_above_reads_between_looks(self):
        """From 0.1 at step 20 to 0.9 at step 40: half-way."""
        steps, values = np.array([0, 20, 40]), np.array([0.0, 0.1, 0.9])
        assert first_above(steps, values, 0.5) == pytest.approx(30)
        assert np.isnan(first_above(steps, values, 0.95))
        assert first_above(steps, values, -1.0) == 0

    def test_bump_is_the_height_over_the_hull(self):
        """4, 4, 0: the line from first to last is at 2 in the middle; half of the fall."""
        steps = np.array([0, 1, 2])
        assert bump(steps, np.array([4.0, 4.0, 0.0])) == pytest.approx(0.5)
        assert bump(steps, np.array([4.0, 1.0, 0.0])) == pytest.approx(0)

    def test_bend_is_where_the_loss_falls_fastest(self):
        """A drop at step 40 of an otherwise level loss; a hyperbola never bends."""
        steps = np.array([0, 10, 20, 40, 80, 160])
        assert bend(steps, np.array([9.0, 5.0, 4.9, 3.0, 1.0, 0.9])) == 40
        assert np.isnan(bend(steps, 1 / np.maximum(steps, 1)))

    def test_distance_is_in_half_widths(self):
        """From 10 to 1000 the middle is 100, and 1000 lies one half-width away."""
        window = PhaseWindow(start=10.0, end=1000.0, steepest=100.0)
        assert distance_from(window, 100) == pytest.approx(0)
        assert distance_from(window, 1000) == pytest.approx(1)

    def test_turn_is_the_angle_where_the_window_opens(self):
        """East for two looks, then north: a right angle."""
        steps = np.array([0, 1, 2, 3])
        path = np.array([[0.0, 0], [1, 0], [2, 0], [2, 1]])
        assert turn(steps, path, PhaseWindow(2.0, 3.0, 2.5)) == pytest.approx(90)
        assert turn(steps, path, PhaseWindow(1.0, 2.0, 1.5)) == pytest.approx(0, abs=1e-5)

    def test_principal_paths_keep_distances_in_a_plane(self):
        """Points of one plane in five dimensions lose nothing, and share one drawing."""
        rng = np.random.default_rng(0)
        points = rng.normal(size=(7, 2)) @ rng.normal(size=(2, 5))
        (first, second), share = principal_paths(points[:3], points[3:])
        assert share == pytest.approx(1)
        assert np.linalg.norm(first[0] - second[0]) == pytest.approx(
            np.linalg.norm(points[0] - points[3])
        )


class TestHeads:
    def test_are_split_by_what_they_match(self):
        """Over 0.3 is an induction head."""
        found, others = split_heads(np.array([[0.1, 0.2], [0.8, 0.3]]))
        assert found == [(1, 0)]
        assert others == [(0, 0), (0, 1), (1, 1)]

    def test_are_drawn_as_many_or_all(self):
        """Two of three in several draws; all of three where five are wanted."""
        heads = [(0, 0), (0, 1), (1, 1)]
        rng = np.random.default_rng(0)
        drawn = draw_sets(heads, 2, rng)
        assert len(drawn) > 1
        assert all(len(set(some)) == 2 and set(some) <= set(heads) for some in drawn)
        assert draw_sets(heads, 5, rng) == [heads]
        assert draw_sets(heads, 0, rng) == []

    def test_compose_with_those_that_do_their_job(self):
        """An earlier head of score 3 weighs three times one of score 1; layer 0 has none."""
        composed = np.zeros((2, 2, 2, 2))
        composed[1, 0, 0] = 1.0, -1.0
        found = through(composed, np.array([[3.0, 1.0], [9.0, 9.0]]))
        assert found.tolist() == [[0, 0], [0.5, 0]]


class TestFuzzy:
    def test_targets_need_the_other_form_only(self):
        """Word 1 written 1, then 5 (its other form): the place after counts. Seen as 5: not."""
        world = BlockWorld(words=4, forms=2, shortest=1, longest=4)
        targets = other_form_targets(world, np.array([[8, 1, 2, 5], [8, 5, 2, 5]]))
        assert np.argwhere(targets).tolist() == [[0, 3, 2]]
        assert chance_of(targets) == pytest.approx(1 / 4)


class TestTexts:
    def test_are_one_endless_sequence(self):
        """However it is cut, text i is the same; another seed writes others."""
        source = training_texts(BlockWorld(), 20, seed=5)
        whole = source(250, 20).inputs
        parts = torch.cat([source(250, 3).inputs, source(253, 17).inputs])
        assert torch.equal(whole, parts)
        other = training_texts(BlockWorld(), 20, seed=6)(250, 20).inputs
        assert not torch.equal(whole, other)
