"""The study of transfer: planted laws come back, texts do not leak, and one tiny whole run."""

import json
import sysconfig
from dataclasses import replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from glasshouse.corpora import text_of
from glasshouse.errors import InputError
from glasshouse.scaling import FitConfig, unified_loss
from glasshouse.studies.study import Figure, no_progress
from glasshouse.studies.transfer_scaling import STUDY, LongConfig, TransferConfig, claims, small
from glasshouse.studies.transfer_scaling.config import PRETRAINED, Arm
from glasshouse.studies.transfer_scaling.evidence import EVIDENCE
from glasshouse.studies.transfer_scaling.fits import Compared, PowerLaw, power_law
from glasshouse.studies.transfer_scaling.grow import (
    Course,
    epochs,
    first_weights,
    learn,
    moments,
    pretrain,
)
from glasshouse.studies.transfer_scaling.measure import Missing, Seen, read
from glasshouse.studies.transfer_scaling.sweep import Learned, TransferRun
from glasshouse.studies.transfer_scaling.texts import make_texts, without_comments
from glasshouse.studies.transfer_scaling.worth import neighbours, of_arm, worth_of

K, ALPHA, BETA = 300.0, 0.2, 0.3
"""The planted law after prose; after nearer texts k is three times as large."""
_SCRATCH = (0.07, 1e10, 0.12, 4e7)
"""The planted L(N, D): alpha_N, N_c, alpha_D, D_c."""


def course(loss: float, *, best: int = 8) -> Course:
    """A run whose loss falls to a value at one step and rises again."""
    return Course(
        steps=(0, best, 2 * best),
        stopping=(loss + 1, loss, loss + 0.1),
        measured=(loss + 1, loss, loss + 0.1),
    )


def planted(*, ossified: float = 0.0) -> Learned:
    """Runs that obey a known law; with `ossified` the smallest loses so much on the most code."""
    config = TransferConfig(widths=(8, 16, 32, 64), draws=200)
    runs = []

    def add(width: int, arm: Arm, characters: int, loss: float, replica: int = 0, best: int = 8):
        params = config.shape(width).params
        runs.append(
            TransferRun(
                width=width,
                params=params,
                arm=arm,
                characters=characters,
                replica=replica,
                course=course(loss, best=best),
            )
        )

    def scratch_loss(width: int, data: float) -> float:
        params = float(config.shape(width).params)
        return unified_loss(params=params, data=data, transfer=(1.0, 1.0, 0.0), scratch=_SCRATCH)

    for width in config.widths:
        params = config.shape(width).params
        for characters in (*config.tuned, *config.more):
            add(width, "scratch", characters, scratch_loss(width, characters), best=40)
        for characters in config.tuned:
            amount = K * characters**ALPHA * params**BETA
            add(width, "prose", characters, scratch_loss(width, characters + amount))
            add(width, "near", characters, scratch_loss(width, characters + 3 * amount))
        add(width, "dealt", config.tuned[0], scratch_loss(width, 1.5 * config.tuned[0]))
        most = scratch_loss(width, config.long.characters)
        for replica in range(3):
            add(width, "scratch", config.long.characters, most * (1 + 0.0005 * replica), replica)
            gain = ossified if width == config.widths[0] else -0.05
            add(width, "prose", config.long.characters, most * (1 + gain), replica)
    return Learned(
        config=config,
        seed=0,
        runs=tuple(runs),
        origin="a law",
        digest="0",
        sizes={"prose": 1, "code": 1, "other": 1},
        seconds=0.0,
    )


@pytest.fixture(scope="module")
def seen() -> Seen:
    return read(planted(ossified=0.02))


class TestReadingPlantedRuns:
    def test_finds_the_exponents(self, seen: Seen):
        """Interpolation on eight points bends D_E a little: exponents are near, not equal."""
        law = seen.laws["prose"]
        assert isinstance(law, PowerLaw)
        assert law.estimates["alpha"].value == pytest.approx(ALPHA, abs=0.05)
        assert law.estimates["beta"].value == pytest.approx(BETA, abs=0.05)
        assert law.r2.value > 0.95

    def test_finds_how_much_more_nearer_texts_are_worth(self, seen: Seen):
        assert isinstance(seen.compared, Compared)
        assert np.exp(np.log(seen.compared.ratios).mean()) == pytest.approx(3, rel=0.1)
        assert abs(seen.compared.beta.value) < 0.1

    def test_orders_all_neighbours(self, seen: Seen):
        prose = of_arm(seen.cells, "prose")
        for along, pairs in (("size", 15), ("data", 16)):  # of 4 sizes and 5 amounts
            found = neighbours(prose, along=along)
            assert found.right == found.decided == pairs

    def test_undecided_where_censoring_hides_the_order(self, seen: Seen):
        """Two cells beyond the end of the curve may lie either way."""
        two = [one for one in of_arm(seen.cells, "prose") if one.characters == 1_000][:2]
        hidden = [replace(one, censored="above") for one in two]
        found = neighbours(hidden, along="size")
        assert (found.right, found.decided, found.undecided) == (0, 0, 1)

    def test_censored_cells_are_not_fitted(self):
        """A loss below the whole scratch curve says that D_E is larger than its end, no more."""
        learned = planted()
        better = [
            replace(run, course=course(0.1))
            if (run.arm, run.width, run.characters) == ("prose", 64, 1_000)
            else run
            for run in learned.runs
        ]
        cells = of_arm(worth_of(replace(learned, runs=tuple(better))), "prose")
        law = power_law(cells, FitConfig(draws=20))
        strange = [one for one in cells if one.censored == "above"]
        assert len(strange) == 1
        assert strange[0] not in law.cells
        assert strange[0].bounds[1] == np.inf

    def test_foretells_sizes_held_out(self, seen: Seen):
        assert isinstance(seen.foretold, list)
        assert {one.cell.width for one in seen.foretold} == {8, 16, 32, 64}
        errors = [one.error for one in seen.foretold]
        assert np.mean(errors) < 0.05 < np.mean([one.error_without for one in seen.foretold])

    def test_verdicts_of_a_world_that_obeys_the_paper(self, seen: Seen):
        rng = np.random.default_rng(0)
        for claim in (claims.WORTH, claims.SIZE, claims.FALLS, claims.CLOSER, claims.LARGE):
            evidence = EVIDENCE[claim](seen, rng)
            facing = claim.facing(evidence.interval[0 if claim.direction == "above" else 1])
            assert facing > claim.facing(claim.threshold), claim.id

    @pytest.mark.parametrize(("ossified", "hurts"), [(0.02, True), (-0.02, False)])
    def test_tells_the_sign_of_ossification(self, ossified: float, hurts: bool):
        nothing = Missing(reason="not asked")
        seen = Seen(
            learned=planted(ossified=ossified),
            cells=[],
            laws={},
            compared=nothing,
            foretold=nothing,
        )
        found = EVIDENCE[claims.HURTS](seen, np.random.default_rng(0))
        assert found.measured == pytest.approx(ossified, abs=0.001)
        assert (found.interval[0] > 0) == hurts

    def test_counts_steps_to_the_loss_from_scratch(self, seen: Seen):
        """Pretrained runs are at their best, which is better, after 8 steps and not 40."""
        found = EVIDENCE[claims.COMPUTE](seen, np.random.default_rng(0))
        assert found.measured == 1.0
        assert "1,000: 0.20" in found.text


class TestCourse:
    def test_counts_where_the_other_half_is_lowest(self):
        """Stopping on what is measured would flatter every run."""
        one = Course(steps=(0, 4, 8), stopping=(3.0, 2.0, 2.5), measured=(3.1, 2.2, 2.1))
        assert one.loss == 2.2
        assert one.first_step(2.15) == 8
        assert one.first_step(1.0) == float("inf")


class TestLearning:
    shape = small().shape(8)

    def test_arms_that_share_everything_learn_alike(self):
        """Replicas do not mix, and the same order gives the same losses."""
        windows = torch.randint(0, 97, (12, 49), generator=torch.Generator().manual_seed(1))
        start = {n: v.repeat(2, *[1] * (v.ndim - 1)) for n, v in self.start().items()}
        order = epochs(12, steps=6, batch=4, rng=np.random.default_rng(0))
        held_out = (windows[:3], windows[3:5])
        first, second = learn(
            start, self.shape, windows, [order] * 2, held_out, rates=[0.03] * 2, warmup_steps=2
        )
        np.testing.assert_allclose(first.measured, second.measured, rtol=1e-5)
        assert first.loss < first.measured[0]

    def test_pretraining_reads_each_text_into_its_own_replica(self):
        """A model that has read only the letter A expects it."""
        texts = [torch.full((8, 49), letter) for letter in (33, 34)]
        both = {n: v.repeat(2, *[1] * (v.ndim - 1)) for n, v in self.start().items()}
        read = pretrain(both, self.shape, texts, batch=2, lr=0.03, warmup_steps=1)
        order = epochs(8, steps=2, batch=2, rng=np.random.default_rng(0))
        found = learn(
            read,
            self.shape,
            texts[0],
            [order] * 2,
            (texts[0], texts[0]),
            rates=[1e-6] * 2,
            warmup_steps=1,
        )
        assert found[0].measured[0] < found[1].measured[0] - 0.5

    def test_moments_begin_densely_and_end_at_the_end(self):
        found = sorted(moments(80))
        assert found[:4] == [1, 2, 3, 4]
        assert found[-1] == 80
        assert len(found) < 20

    def test_epochs_read_everything_before_anything_again(self):
        order = epochs(10, steps=5, batch=4, rng=np.random.default_rng(0)).ravel()
        assert sorted(order[:10]) == list(range(10)) == sorted(order[10:])

    def start(self):
        return first_weights(self.shape, 1, seed=0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TransferConfig:
    """Everything once, with next to nothing in it."""
    code, other = tmp_path_factory.mktemp("code"), tmp_path_factory.mktemp("headers")
    home = Path(sysconfig.get_paths()["stdlib"])
    for name in ("bisect.py", "contextlib.py", "shlex.py", "textwrap.py"):
        (code / name).write_text((home / name).read_text(encoding="utf-8"), encoding="utf-8")
    (other / "one.h").write_text("/* about\nit */ int one(int x); // said\n" * 40)
    return TransferConfig(
        widths=(8, 16, 24),
        num_layers=1,
        context=32,
        batch=4,
        tuned=(200, 500),
        tuned_steps=(6, 6),
        more=(1_200,),
        most_steps=6,
        pretrain_steps=8,
        warmup_steps=2,
        long=LongConfig(characters=3_000, steps=8, replicas=2),
        held_out_characters=1_000,
        windows=6,
        draws=40,
        code=code,
        other=other,
    )


class TestTexts:
    def test_code_holds_no_prose(self, tiny: TransferConfig):
        """What has been read in docstrings must not be met again in code."""
        texts = make_texts(tiny, seed=0)
        everything = text_of(texts.code.numpy().ravel())
        assert '"""' not in everything
        other = text_of(texts.before["near"][1::2].numpy().ravel())
        assert "int one" in other
        assert "about" not in other

    def test_held_out_windows_stand_apart(self, tiny: TransferConfig):
        """They come from whole files that nothing learns from."""
        texts = make_texts(tiny, seed=0)
        held_out = {tuple(row.tolist()) for row in (*texts.stopping, *texts.measured)}
        assert not held_out & {tuple(row.tolist()) for row in texts.code}

    def test_dealt_windows_keep_their_characters(self, tiny: TransferConfig):
        texts = make_texts(tiny, seed=0)
        for dealt, prose in zip(texts.before["dealt"], texts.before["prose"], strict=True):
            assert sorted(dealt.tolist()) == sorted(prose.tolist())

    def test_refuses_too_little_code(self, tiny: TransferConfig):
        greedy = replace(tiny, long=replace(tiny.long, characters=10_000_000))
        with pytest.raises(InputError, match="code to learn from"):
            make_texts(greedy, seed=0)

    def test_refuses_a_folder_without_headers(self, tiny: TransferConfig, tmp_path: Path):
        with pytest.raises(InputError, match="headers"):
            make_texts(replace(tiny, other=tmp_path), seed=0)

    def test_comments_go(self):
        assert without_comments("int a; // b\n\n/* c\n d */ int e;\n") == "int a;\n int e;\n"


class TestConfig:
    def test_long_runs_differ_in_their_past_alone(self):
        """Fine-tuning slowly would pass for ossification."""
        config = small()
        most = config.long.characters
        assert config.rate(8, "prose", most) == config.rate(8, "scratch", most)
        assert config.rate(8, "prose", 1_000) == config.tuned_lr * config.rate(8, "scratch", 1_000)

    @pytest.mark.parametrize(
        ("change", "word"),
        [
            ({"widths": (16, 8, 32)}, "widths"),
            ({"tuned": (2_000, 1_000, 4_000, 8_000, 16_000)}, "rise"),
            ({"tuned_steps": (80, 120)}, "number of steps"),
            ({"warmup_steps": 80}, "warmup_steps"),
            ({"tuned": (40, 2_000, 4_000, 8_000, 16_000)}, "context"),
        ],
    )
    def test_refuses_contradictions(self, change: dict[str, object], word: str):
        with pytest.raises(InputError, match=word):
            replace(small(), **change)  # pyright: ignore[reportArgumentType]


class TestTheStudy:
    def test_runs_judges_draws_and_goes_on_where_it_was(self, tiny: TransferConfig, tmp_path: Path):
        """The second time nothing is trained, and everything is found the same."""
        findings = STUDY.run(tiny, seed=5, progress=no_progress, workspace=tmp_path)
        assert [one.claim for one in findings.claims] == list(claims.ALL)
        items = [item for section in findings.sections for item in section.items]
        matplotlib.use("agg")
        for item in items:
            if isinstance(item, Figure):
                plt.close(item.draw())
        kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("width-*.json")}
        assert len(kept) == 3
        again = STUDY.run(tiny, seed=5, progress=no_progress, workspace=tmp_path)
        assert [one.evidence.text for one in again.claims] == [
            one.evidence.text for one in findings.claims
        ]
        assert kept == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("width-*.json")}
        (population,) = tmp_path.rglob("population.json")
        members = json.loads(population.read_text())["members"]
        assert {one["config"]["arm"] for one in members} == {"scratch", *PRETRAINED}
