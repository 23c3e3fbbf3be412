"""The study on scaling monosemanticity: its arithmetic by hand, and one tiny whole run."""

from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries import Dictionary, DictionaryConfig, ReLU
from glasshouse.interpret.dictionaries.losses import dictionary_loss
from glasshouse.interpret.features import LatentEntries
from glasshouse.models import LanguageModel, Transformer, word_tokenizer
from glasshouse.studies.claims import Verdict
from glasshouse.studies.scaling_monosemanticity import (
    STUDY,
    ScalingConfig,
    alphabets,
    dead,
    grid,
    planted,
)
from glasshouse.studies.scaling_monosemanticity.claims import CLAMPS, DEAD
from glasshouse.studies.scaling_monosemanticity.config import (
    BilingualConfig,
    GridConfig,
    GrowConfig,
    LearnConfig,
    PlantedConfig,
    PushConfig,
    TwoHopConfig,
)
from glasshouse.studies.scaling_monosemanticity.evidence import (
    control_of,
    over_units,
    ratio_over_units,
)
from glasshouse.studies.scaling_monosemanticity.grow import Grown, grow
from glasshouse.studies.scaling_monosemanticity.learning import (
    Recipe,
    flops,
    loss_by_text,
    train_side_by_side,
)
from glasshouse.studies.scaling_monosemanticity.meaning import tenths
from glasshouse.studies.scaling_monosemanticity.neighbourhood import agreement, topical, turned
from glasshouse.studies.scaling_monosemanticity.reading import named
from glasshouse.studies.scaling_monosemanticity.search import contrast
from glasshouse.studies.study import Figure
from glasshouse.world.streams import stream


def ignore(what: str) -> None:
    """Watch nothing."""


def tiny() -> ScalingConfig:
    """Models and dictionaries too small to learn much."""
    model = GrowConfig(layers=2, d_model=16, layer=0, steps=8, heads=2, batch=8)
    return ScalingConfig(
        grow=model,
        topics=4,
        learn=LearnConfig(texts=40, held_texts=60, batch=64),
        grid=GridConfig(
            sizes=(8, 16, 32),
            steps=(6, 12, 24),
            rates=(1e-3, 1e-2),
            swept=((8, 4), (32, 8)),
            large=(8, 32),
            large_steps=6,
            planted=2,
            planted_steps=(6, 12, 24),
        ),
        planted=PlantedConfig(features=40, d_model=8, sizes=(4, 8, 16, 32), steps=120, rows=2_000),
        push=PushConfig(
            multiples=(0.0, 1.0, 4.0), random=2, prompts=8, unsafe=3, flagged=3, searches=2
        ),
        explained=3,
        two_hops=TwoHopConfig(
            grow=replace(model, steps=60, peak_lr=1e-2),
            people=12,
            latents=16,
            steps=8,
            texts=20,
            prompts=12,
            facts=1,
        ),
        bilingual=BilingualConfig(grow=model, latents=16, steps=8, texts=20, held_texts=12),
    )


IDS = (
    "loss-power-law",
    "optimal-size-and-steps",
    "dead-share-grows",
    "completeness-collapses",
    "strong-activations-are-specific",
    "specificity-rises",
    "clamping-writes-the-topic",
    "clamping-by-degrees",
    "neighbours-are-related",
    "features-split",
    "attribution-names-causes",
    "attribution-beats-activation",
    "features-are-not-neurons",
    "features-speak-both-alphabets",
    "features-say-more-than-neurons",
    "search-finds-the-unsafe-topic",
    "unsafe-latent-steers",
)
"""Claims in the order of the paper."""


def grown_model() -> LanguageModel:
    """A model that nobody asks anything."""
    world = tiny().world
    config = tiny().grow.architecture(world.vocab_size, world.length + 1)
    return LanguageModel(Transformer(config), word_tokenizer(world.vocabulary), "made here")


class TestStudy:
    def test_runs_and_draws(self, tmp_path):
        """Every claim gets a verdict, every figure can be drawn, progress ends at the end."""
        matplotlib.use("Agg")
        told: list[int] = []
        findings = STUDY.run(
            tiny(), seed=3, progress=lambda done, total, what: told.append(done), workspace=tmp_path
        )
        assert told == sorted(told)
        assert told[-1] == 1_000
        assert tuple(result.claim.id for result in findings.claims) == IDS
        for result in findings.claims:
            assert result.evidence.control or result.verdict is Verdict.OUT_OF_SCALE
        for section in findings.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    plt.close(item.draw())

    def test_says_when_a_device_is_missing(self, tmp_path):
        """With the way out."""
        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")
        config = replace(tiny(), device="cuda")
        with pytest.raises(InputError, match="--set device=cpu"):
            STUDY.run(config, seed=0, progress=lambda *_: None, workspace=tmp_path)


class TestConfig:
    def test_refuses_what_cannot_be_run(self):
        """Layers, sizes and topics must be there."""
        with pytest.raises(InputError, match="layer=2"):
            GrowConfig(layers=2, d_model=8, layer=2, steps=1)
        with pytest.raises(InputError, match=r"grid\.sizes"):
            GridConfig(sizes=(64, 32))
        with pytest.raises(InputError, match=r"grid\.swept"):
            GridConfig(swept=((512, 100), (64, 100)))
        with pytest.raises(InputError, match=r"planted\.sizes"):
            PlantedConfig(sizes=(16, 32))
        with pytest.raises(InputError, match=r"push\.unsafe=9"):
            ScalingConfig(topics=8)

    def test_has_a_paper_preset_that_is_larger(self):
        """With the paper's lambda, on a GPU."""
        large = STUDY.presets["paper"]()
        assert large.learn.penalty == 5
        assert large.grid.large[-1] == 131_072
        assert large.device == "cuda"


class TestGrow:
    def test_is_a_function_of_seed_and_name(self):
        """The same weights again; others for another seed."""
        world = tiny().world

        def weights(seed: int) -> torch.Tensor:
            grown = grow(
                replace(tiny().grow, steps=2),
                lambda count, rng: world.sample(count, rng).ids,
                world.vocabulary,
                world.length + 1,
                name="topics",
                seed=seed,
                device="cpu",
                tick=ignore,
            )
            return grown.model.network.embed.weight

        assert torch.equal(weights(1), weights(1))
        assert not torch.equal(weights(1), weights(2))


class TestLearning:
    def test_trains_each_as_it_would_have_been_alone(self):
        """Neighbours change nothing."""
        values = torch.randn(200, 8, generator=torch.Generator().manual_seed(1))
        recipes = [Recipe(latents=8, steps=5, lr=1e-2), Recipe(latents=16, steps=9, lr=1e-3)]

        def train(some: list[Recipe]) -> list[Dictionary]:
            return train_side_by_side(
                values, some, penalty=1.0, batch=32, name="x", seed=2, tick=ignore
            )

        together, alone = train(recipes), [train([one])[0] for one in recipes]
        for one, other in zip(together, alone, strict=True):
            assert torch.equal(one.decoder, other.decoder)
            assert one.decoder.norm(dim=1) == pytest.approx(np.ones(one.num_latents), abs=1e-5)

    def test_measures_the_loss_that_was_trained(self):
        """Mean over texts: what training makes small, in canonical form or not."""
        values = torch.randn(60, 8, generator=torch.Generator().manual_seed(1))
        own = Dictionary(
            DictionaryConfig(d_in=8, num_latents=12, kind=ReLU(penalty=2.0)),
            generator=torch.Generator().manual_seed(3),
        )
        own.fit_scale(values)
        scaled = values * own.input_scale
        trained = float(dictionary_loss(own, scaled, scaled).total.detach())
        by_text = loss_by_text(own.canonical(), values, 6, penalty=2.0)
        assert by_text.shape == (6,)
        assert by_text.mean() == pytest.approx(trained, rel=1e-5)

    def test_counts_twelve_operations_a_weight(self):
        """Encoder and decoder, forwards and twice backwards, two operations each."""
        assert flops(10, 5, 3, 2) == 12 * 10 * 5 * 6


class TestGrid:
    def test_finds_runs_that_no_cheaper_run_beats(self):
        """Runs that are better by a hair do not count."""
        compute = np.array([1.0, 2, 3, 4, 5, 6])
        loss = np.array([10.0, 8, 9, 7.99, 6, 5])
        assert grid.frontier(compute, loss).tolist() == [0, 1, 4, 5]

    def test_fits_a_power_law(self):
        """Exponent and R² of one that is exact, and of none."""
        x = np.geomspace(1, 1e4, 9)
        assert grid.power_law(x, 3 * x**-0.25) == pytest.approx((-0.25, 1.0))
        assert np.isnan(grid.power_law(np.ones(4), x[:4])[0])
        assert grid.power_law(x, np.full(9, 64.0))[0] == 0

    def test_sees_that_a_size_does_not_grow(self):
        """Where only steps help, the exponent of size is exactly none, in every resample."""
        steps = np.repeat([1.0, 2, 4, 8], 2)
        latents = np.tile([64.0, 128], 4)
        loss = np.stack([steps**-0.5] * 4, axis=1)
        fit = grid.fit_frontier(latents * steps, latents, steps, loss, stream(2, "grid"))
        assert (fit.size, fit.steps) == pytest.approx((0.0, 1.0))
        assert fit.interval(2) == (0, 0)

    def test_finds_exponents_of_an_exact_grid(self):
        """Where loss is a power of the smaller of size and steps, both grow with the root."""
        sizes, steps = np.meshgrid(2.0 ** np.arange(6), 2.0 ** np.arange(6))
        latents, many = sizes.ravel(), steps.ravel()
        loss = np.minimum(latents, many) ** -0.5
        fit = grid.fit_frontier(
            latents * many, latents, many, np.stack([loss] * 4, axis=1), stream(1, "grid")
        )
        assert (fit.exponent, fit.r2) == pytest.approx((-0.25, 1.0))
        assert (fit.size, fit.steps) == pytest.approx((0.5, 0.5))
        assert fit.interval(0) == pytest.approx((-0.25, -0.25))

    def test_chooses_rates_between_those_tried(self):
        """The lowest point of a parabola; at an end, the end."""
        rates = {lr: (np.log(lr) - np.log(2e-3)) ** 2 for lr in (1e-4, 1e-3, 1e-2, 1e-1)}
        assert grid.best_rate(rates) == pytest.approx(2e-3)
        assert grid.best_rate({1e-3: 1.0, 1e-2: 2.0, 1e-1: 3.0}) == 1e-3

    def test_gives_rates_by_compute(self):
        """A power law through both corners."""
        law = grid.RateLaw(
            tried=((10, 10), (100, 100)),
            losses=({1e-2: 1.0}, {1e-3: 1.0}),
            compute=(100.0, 10_000.0),
            unit=1.0,
        )
        assert law.exponent == pytest.approx(-0.5)
        assert law.recipe(10, 10).lr == pytest.approx(1e-2)
        assert law.recipe(100, 10).lr == pytest.approx(10**-2.5)


class TestDead:
    def test_judges_the_smallest_rise(self):
        """One step down is no rise, whatever the others do."""

        def seen(*shares: float) -> dead.Dead:
            trained = {
                size: np.arange(size) < share * size
                for size, share in zip((100, 1_000, 4_000), shares, strict=True)
            }
            none = {size: np.zeros(size, dtype=bool) for size in trained}
            flat = dict.fromkeys(trained, 1.0)
            return dead.Dead(trained=trained, untrained=none, l0=flat, explained=flat, rows=10)

        rises, falls = (dead.claims(seen(*s), 0)[0] for s in ((0.02, 0.35, 0.65), (0.3, 0.4, 0.1)))
        assert rises.claim is DEAD
        assert rises.verdict is Verdict.REPRODUCED
        assert rises.evidence.measured == pytest.approx(0.3)
        assert falls.verdict is Verdict.CONTRADICTED


class TestPlanted:
    def test_finds_the_middle_of_a_curve(self):
        """Where half is found; NaN where all is, or none."""
        frequency = np.geomspace(1e-4, 1e-1, 400)
        chance = 1 / (1 + (1e-2 / frequency) ** 3)
        found = stream(1, "found").random(400) < chance
        middle, steep = planted.midpoint(frequency, found)
        assert middle == pytest.approx(1e-2, rel=0.2)
        assert steep == pytest.approx(3, rel=0.4)
        step = planted.midpoint(frequency, frequency > 1e-2)[0]
        assert step == pytest.approx(1e-2, rel=0.05)
        assert np.isnan(planted.midpoint(frequency, found | True)[0])

    def seen(self, power: float) -> planted.Completeness:
        """Curves whose middle is a power of the number of living latents."""
        frequency = np.geomspace(1e-3, 1e-1, 300)
        rng = stream(2, "seen")
        sizes = (16, 32, 64, 128)
        return planted.Completeness(
            frequency=frequency,
            found={
                size: rng.random(300) < 1 / (1 + (0.3 * size**-power / frequency) ** 4)
                for size in sizes
            },
            alive={size: size for size in sizes},
            explained=dict.fromkeys(sizes, 1.0),
        )

    def test_tells_curves_that_collapse_from_others(self):
        """Middles at 1 over alive collapse; middles that stay do not."""
        collapsed = planted.claims(self.seen(1.0), 0)[0]
        assert collapsed.verdict is Verdict.REPRODUCED
        still = planted.claims(replace(self.seen(0.0)), 0)[0]
        assert not still.verdict.is_at_least_trend or still.evidence.measured > 5

    def test_plants_what_it_says(self):
        """Rows are sums of directions, as often as their frequencies say."""
        config = PlantedConfig(features=30, d_model=40, sizes=(4, 32), rows=5_000)
        directions, frequency, rows = planted.plant(config, 1)
        codes = np.linalg.lstsq(directions.T, rows.T, rcond=None)[0].T
        assert (codes > 0.4).mean(axis=0) == pytest.approx(frequency, abs=0.03)
        assert np.linalg.norm(directions, axis=1) == pytest.approx(np.ones(30), abs=1e-5)


class TestMeaning:
    def test_reads_tenths_of_activation(self):
        """The stronger, the righter; dealt anew, no longer."""
        tokens = np.arange(200, dtype=np.int32)
        entries = LatentEntries(
            latents=np.array([0]),
            offsets=np.array([0, 200]),
            tokens=tokens,
            activations=(tokens + 1).astype(np.float32),
            num_tokens=200,
        )
        has = tokens >= 100
        everywhere = np.ones(200, dtype=bool)
        assert tenths(entries, 0, has, everywhere).tolist() == [0.0] * 5 + [1.0] * 5
        dealt = tenths(entries, 0, has, everywhere, stream(1, "dealt"))
        assert np.abs(dealt - 0.5).max() < 0.4
        few = tokens < 5
        assert np.isnan(tenths(entries, 0, has, few)).all()

    def test_names_words_by_topic(self):
        """So that a report can be read."""
        assert named("noun3-1") == "court-N1"
        assert named("verb9-0") == "fraud-V0"
        assert named("the") == "the"


class TestNeighbourhood:
    def test_labels_latents_by_where_they_are_active(self):
        """Half of the activation in one topic, on enough tokens."""
        topic = np.repeat([0, 1], 40)
        codes = np.zeros((80, 3))
        codes[:40, 0] = 1.0
        codes[:, 1] = 1.0
        codes[:5, 2] = 1.0
        assert topical(codes, topic, 2, least=0.6).tolist() == [0, -1, -1]

    def test_finds_neighbours_of_one_topic(self):
        """Directions of two bundles; dealt at random they agree no more."""
        rng = stream(3, "bundles")
        topics = np.repeat([0, 1], 12)
        directions = np.eye(2)[topics] + 0.1 * rng.standard_normal((24, 2))
        assert agreement(directions, topics).mean() == 1
        assert agreement(rng.permutation(directions), topics).mean() < 0.8
        assert len(agreement(directions[:4], topics[:4])) == 0

    def test_turns_directions(self):
        """The control keeps every coordinate, in another order."""
        own = Dictionary(
            DictionaryConfig(d_in=6, num_latents=4, kind=ReLU()),
            generator=torch.Generator().manual_seed(1),
        ).requires_grad_(False)
        order = torch.tensor([1, 2, 3, 4, 5, 0])
        other = turned(own, order)
        assert torch.equal(other.decoder, own.decoder[:, order])
        assert torch.equal(other.encoder, own.encoder)


class TestAlphabets:
    def test_counts_latents_that_agree(self):
        """Of four that stand for something, two for the same in both."""
        topics = np.array([[0, 1, 2, -1, -1], [0, 1, -1, 3, -1]])
        one = alphabets.Alphabets(
            bridge="true",
            grown=Grown(model=grown_model(), losses=()),
            topics=topics,
            permuted=0.0,
            l0=1.0,
            explained=1.0,
        )
        assert one.both.tolist() == [1, 1, 0, 0]

    def test_knows_what_a_permuted_lexicon_gives(self):
        """One in as many as there are topics, of those in both."""
        topics = np.tile(np.arange(4), (2, 10))
        share = alphabets.permuted_share(topics, 4, stream(1, "permuted"), draws=2_000)
        assert share == pytest.approx(0.25, abs=0.02)


class TestSearch:
    def test_prefers_what_tells_texts_apart(self):
        """Not what is loud in all of them, nor what never speaks."""
        rng = stream(4, "contrast")
        others = np.stack([5 + rng.random(20), 0.1 * rng.random(20), np.zeros(20)], axis=1)
        flagged = np.stack([5.5 + rng.random(6), 1 + rng.random(6), np.zeros(6)], axis=1)
        assert contrast(flagged, others).tolist() == [1, 0, 2]


class TestEvidence:
    def test_holds_ratios_against_their_control(self):
        """A large ratio counts only where the control stays small."""
        rng = stream(5, "ratio")
        above, below = (1 + 0.1 * rng.random(20)).tolist(), (0.1 + 0.01 * rng.random(20)).tolist()
        for control, verdict in (([1.0, 1.2], Verdict.REPRODUCED), ([8.0, 9.0], Verdict.NOT_SEEN)):
            judged = ratio_over_units(
                CLAMPS,
                above,
                below,
                seed=0,
                text="x",
                control=control_of(CLAMPS, control, seed=0, text="y"),
            )
            assert judged.verdict is verdict

    def test_does_not_judge_one_unit(self):
        """One has no spread."""
        control = control_of(CLAMPS, [1.0], seed=0, text="y")
        judged = over_units(CLAMPS, [9.0], seed=0, text="x", control=control)
        assert judged.verdict is Verdict.OUT_OF_SCALE
