"""The study on sparse autoencoders: its arithmetic by hand, and tiny whole runs."""

from dataclasses import replace
from itertools import pairwise

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.dictionaries.baselines import LinearCoder
from glasshouse.studies.claims import Verdict
from glasshouse.studies.sparse_autoencoders import STUDY, DictionariesConfig
from glasshouse.studies.sparse_autoencoders.claims import CLAIMS, SPLICE, TRADEOFF
from glasshouse.studies.sparse_autoencoders.config import (
    GivingConfig,
    GrowConfig,
    LearnConfig,
    ScoreConfig,
    ToyConfig,
)
from glasshouse.studies.sparse_autoencoders.evidence import over_units
from glasshouse.studies.sparse_autoencoders.grow import shuffled_weights
from glasshouse.studies.sparse_autoencoders.learning import Plan, Quality, learn
from glasshouse.studies.sparse_autoencoders.patching import Curve
from glasshouse.studies.sparse_autoencoders.reading import readers
from glasshouse.studies.sparse_autoencoders.scoring import above, score_coder
from glasshouse.studies.sparse_autoencoders.toy import planted
from glasshouse.studies.sparse_autoencoders.tradeoff import UNEVEN, slope_ratio
from glasshouse.studies.study import Figure, Findings, no_progress
from glasshouse.world.streams import stream

NEED_TRUTH = {
    "toy-recovery",
    "toy-beats-baselines",
    "fewer-patches",
    "larger-penalty-higher-floor",
    "ablation-names-follower",
}


def tiny() -> DictionariesConfig:
    """Models too small to learn anything."""
    return DictionariesConfig(
        grow=GrowConfig(models=2, layers=2, d_model=8, heads=2, steps=3, batch=4),
        learn=LearnConfig(
            penalties=(0.1, 0.4, 1.6),
            ratios=(1, 4),
            mlp_ratios=(4,),
            steps=4,
            mlp_steps=3,
            batch_rows=64,
            texts=20,
        ),
        score=ScoreConfig(texts=30, latents=4, least=2, fit_rows=200),
        toy=ToyConfig(d=6, features=9, latents=12, steps=3, norm_steps=3, rows=32),
        giving=GivingConfig(models=2, steps=3, batch=4, layer=0, learn_steps=3, texts=20, pairs=4),
        topics=4,
        length=24,
    )


@pytest.fixture(scope="module")
def findings() -> Findings:
    """One tiny run, with what it told of its progress."""
    return STUDY.run(tiny(), seed=3, progress=no_progress, workspace=None)  # type: ignore[arg-type]


def draw_all(findings: Findings) -> int:
    """Draw every figure; return how many there were."""
    matplotlib.use("Agg")
    drawn = 0
    for section in findings.sections:
        for item in section.items:
            if isinstance(item, Figure):
                plt.close(item.draw())
                drawn += 1
    return drawn


class TestStudy:
    def test_judges_every_claim(self, findings):
        """In the paper's order; only what a model must have learned first may be out of scale."""
        assert [one.claim.id for one in findings.claims] == [claim.id for claim in CLAIMS]
        out = {one.claim.id for one in findings.claims if one.verdict is Verdict.OUT_OF_SCALE}
        assert out <= {
            "fewer-patches",
            "larger-penalty-higher-floor",
            "ablation-names-follower",
        } | {"splice-cost"}
        measured = [one for one in findings.claims if one.claim.id not in out]
        assert all(one.evidence.control is not None for one in measured)

    def test_draws_every_figure(self, findings):
        """Six chapters."""
        assert len(findings.sections) == 6
        assert draw_all(findings) == 8

    def test_is_a_function_of_the_seed(self):
        """The same weights and texts from the same seed, and others from another."""
        one, two, other = (next(iter(readers(tiny(), seed=seed))) for seed in (3, 3, 4))
        assert all(torch.equal(one.weights[key], two.weights[key]) for key in one.weights)
        assert torch.equal(one.learn, two.learn)
        assert not torch.equal(one.weights["embed.weight"], other.weights["embed.weight"])
        assert not torch.equal(one.learn, other.learn)


class TestGivenModel:
    def test_runs_on_a_checkpoint_of_a_stranger(self, tmp_path):
        """A GPT-2 in Hugging Face layout and a text: all that needs no truth is measured."""
        transformers = pytest.importorskip("transformers")
        config = transformers.GPT2Config(
            vocab_size=60,
            n_positions=24,
            n_embd=8,
            n_layer=2,
            n_head=2,
            bos_token_id=0,
            eos_token_id=0,
        )
        torch.manual_seed(0)
        transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path / "model")
        from glasshouse.models import word_tokenizer

        words = tuple(f"word{number}" for number in range(58))
        word_tokenizer(("<start>", *words)).save(tmp_path / "model")
        drawn = stream(1, "text").integers(58, size=4_000)
        (tmp_path / "text.txt").write_text(" ".join(words[number] for number in drawn))
        given = replace(tiny(), model=str(tmp_path / "model"), text=str(tmp_path / "text.txt"))
        found = STUDY.run(given, seed=3, progress=no_progress, workspace=tmp_path)
        out = {one.claim.id for one in found.claims if one.verdict is Verdict.OUT_OF_SCALE}
        assert NEED_TRUTH <= out <= NEED_TRUTH | {"splice-cost"}
        assert len(found.sections) == 3
        assert draw_all(found) == 5

    def test_needs_a_text(self):
        """A model has nothing to read without one."""
        with pytest.raises(InputError, match="go together"):
            DictionariesConfig(model="somewhere")


class TestConfig:
    def test_refuses_what_cannot_be_judged(self):
        """Slopes need three penalties, the dead need four latents a dimension."""
        with pytest.raises(InputError, match=r"learn\.penalties"):
            LearnConfig(penalties=(0.1, 0.2))
        with pytest.raises(InputError, match=r"learn\.ratios"):
            LearnConfig(ratios=(1, 2))
        with pytest.raises(InputError, match=r"giving\.layer=3"):
            DictionariesConfig(giving=GivingConfig(layer=3))

    def test_has_a_paper_preset_that_is_larger(self):
        """On a GPU."""
        large = STUDY.presets["paper"]()
        assert large.grow.d_model == 512
        assert large.device == "cuda"


class TestSlopes:
    def test_compares_neighbours(self):
        """FVU rises by 1 a latent, then by 3: a ratio of 3."""
        curve = [quality(l0, fvu) for l0, fvu in ((3, 0.0), (2, 1.0), (1, 4.0))]
        assert slope_ratio(curve) == pytest.approx(3)

    def test_counts_a_curve_that_turns_as_uneven(self):
        """More latents at a larger penalty is no trade-off."""
        curve = [quality(l0, fvu) for l0, fvu in ((2, 0.0), (3, 1.0), (1, 4.0))]
        assert slope_ratio(curve) == UNEVEN


class TestEvidence:
    def test_needs_two_units(self):
        """One value has no spread."""
        result = over_units(SPLICE, [0.9], seed=0, text="", control=[0.1], control_text="chance")
        assert result.verdict is Verdict.OUT_OF_SCALE

    def test_a_control_that_shows_the_effect_spoils_a_claim(self):
        """As smooth without what should make it smooth."""
        arguments = {"seed": 0, "text": "", "control_text": "other order"}
        good = over_units(TRADEOFF, [2.0, 3.0], control=[UNEVEN, UNEVEN], **arguments)
        bad = over_units(TRADEOFF, [2.0, 3.0], control=[2.0, 3.0], **arguments)
        assert good.verdict is Verdict.REPRODUCED
        assert bad.verdict is Verdict.NOT_SEEN

    def test_counts_in_standard_errors(self):
        """Means 1 apart, each with a standard error of 1/2: 1 / sqrt(1/2)."""
        one = np.array([0.5, 1.5, np.nan])
        assert above(one, one - 1) == pytest.approx(np.sqrt(2))


class TestScore:
    def test_finds_the_rule_of_a_token(self):
        """A latent that is active on one token alone scores 1, one that is noise far less."""
        rng = stream(4, "score")
        ids = rng.integers(6, size=(60, 12))
        values = np.stack([(ids == 2) * 1.0, rng.normal(size=ids.shape)], axis=-1)
        rows = Activations(
            values={"v": torch.from_numpy(values.reshape(-1, 2)).float()},
            ids=torch.from_numpy(ids.reshape(-1)),
            document=torch.arange(60).repeat_interleave(12),
            position=torch.arange(12).repeat(60),
        )
        axes = torch.eye(2)
        coder = LinearCoder(name="axes", readers=axes, writers=axes, mean=torch.zeros(2))
        found = score_coder(
            coder,
            rows,
            "v",
            ScoreConfig(latents=2, least=5),
            words=tuple("abcdef"),
            truth=None,
            names=(),
            rng=stream(5, "score"),
        )
        assert sorted(found.together)[1] == pytest.approx(1)
        assert sorted(found.together)[0] < 0.6
        assert found.example == "the token is c"
        # One token in six: the moments of a coin with that chance.
        share = float((ids == 2).mean())
        expected = (1 - 2 * share) / np.sqrt(share * (1 - share))
        assert found.skew.max() == pytest.approx(expected, abs=0.01)


class TestPatching:
    def test_reads_curves(self):
        """Half is left after two features; a curve that stays up counts one more than all."""
        edit = np.array([0.0, 1.0, 2.0])
        curve = Curve(kl=np.array([4.0, 3.0, 1.0]), edit=edit, own=np.array([4.0, 2.0]))
        assert curve.halved_alone == 1
        assert curve.halved == 2
        assert curve.edit_at_half == 2
        stuck = Curve(kl=np.array([4.0, 3.0, 3.0]), edit=edit, own=np.array([4.0, 3.0]))
        assert stuck.halved == 3
        assert stuck.area == pytest.approx(2.5 / 3)


class TestControls:
    def test_shuffles_numbers_within_tensors(self):
        """The same numbers elsewhere; one order where two names share a tensor."""
        shared = torch.arange(100.0).view(10, 10)
        weights = {"embed": shared, "unembed": shared, "bias": torch.arange(50.0)}
        found = shuffled_weights(weights, stream(1, "shuffle"))
        assert torch.equal(found["embed"].flatten().sort().values, torch.arange(100.0))
        assert not torch.equal(found["embed"], shared)
        assert torch.equal(found["embed"], found["unembed"])


class TestToy:
    def test_plants_what_it_says(self):
        """Frequencies average to the mean density, rows are sums of directions."""
        config = ToyConfig(d=8, features=20)
        truth = planted(config, stream(2, "toy"))
        rows, magnitudes = truth.sample(20_000, torch.Generator().manual_seed(1))
        assert torch.allclose(rows, magnitudes @ truth.directions)
        assert float((magnitudes > 0).float().mean()) == pytest.approx(0.03, abs=0.002)
        assert torch.allclose(truth.directions.norm(dim=1), torch.ones(20))

    def test_learns_planted_directions(self):
        """With as many dimensions as directions, a short training finds most of them."""
        config = ToyConfig(d=8, features=8, mean_density=0.1, zipf=0.0)
        truth = planted(config, stream(2, "toy"))
        rows, _ = truth.sample(4_000, torch.Generator().manual_seed(1))
        plan = Plan(latents=16, penalty=0.5, start=1)
        training = LearnConfig(lr=1e-2).training(seed=1, steps=400)
        dictionary = learn(rows, [plan], training, batch_rows=256)[0]
        nearest = (truth.directions @ dictionary.directions.T).max(dim=1).values
        assert float(nearest.mean()) > 0.9


def quality(l0: float, fvu: float) -> Quality:
    """A point of a curve."""
    return Quality(l0=float(l0), fvu=float(fvu), dead=0.0, tokens=1)


def test_penalties_of_every_preset_rise():
    """So that neighbours in the sweep are neighbours on the curve."""
    for preset in STUDY.presets.values():
        penalties = preset().learn.penalties
        assert len(penalties) >= 6
        assert all(one < other for one, other in pairwise(penalties))
