"""The study on scaling laws: its arithmetic by hand, and one tiny whole run."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import matplotlib
import matplotlib.pyplot as plt
import msgspec
import numpy as np
import pytest
import torch

from glasshouse.corpora import MarkovChain
from glasshouse.errors import InputError
from glasshouse.models import Transformer
from glasshouse.scaling import (
    LAWS,
    CurvePoint,
    FitConfig,
    ScalingRun,
    SweepPlan,
    Trial,
    TrialRecord,
    fit_law,
    fitting,
    parametric_allocation,
    without_constant,
)
from glasshouse.scaling.estimates import Estimate
from glasshouse.studies.claims import Verdict
from glasshouse.studies.scaling_laws import STUDY, LawsConfig, foretelling
from glasshouse.studies.scaling_laws.batches import log_ratio
from glasshouse.studies.scaling_laws.claims import (
    ALL,
    BATCH_RISES,
    BEST_SIZE,
    CRITICAL_BATCH,
    CURVES,
    DATA,
    EFFICIENCY,
    ENTROPY,
    FORECAST,
    OVERFITTING,
    SIZES,
    TRANSFER,
)
from glasshouse.studies.scaling_laws.config import (
    BatchConfig,
    ChainConfig,
    DataConfig,
    MainConfig,
    ShapesConfig,
    paper,
    small,
)
from glasshouse.studies.scaling_laws.curves import falling_share, tokens_to
from glasshouse.studies.scaling_laws.evidence import distance_interval, log_line
from glasshouse.studies.scaling_laws.foretelling import Foretold, foretell
from glasshouse.studies.scaling_laws.frontier import counted_allocation, end_curves
from glasshouse.studies.scaling_laws.parts import falling_r2, scatter_around_curve
from glasshouse.studies.scaling_laws.sizes import scatter_around_line, with_embeddings
from glasshouse.studies.scaling_laws.sweeps import seed_noise, staged, stopped_early, sweep_all
from glasshouse.studies.scaling_laws.texts import encode, make_corpus
from glasshouse.studies.scaling_laws.work import ChainWork, Part, TextWork, first_tokens, loss_on
from glasshouse.studies.study import Figure, no_progress
from glasshouse.training import Batch, EncodedDocument, TokenShards


def tiny(**changes) -> LawsConfig:
    """A study that takes no time where its trials are trained by formula."""
    shapes = ((1, 8), (2, 8), (1, 16), (2, 16))
    config = LawsConfig(
        main=MainConfig(shapes=shapes, steps=(4, 8, 16), repeats=2, repeated=2, batch=4, settled=4),
        shapes=ShapesConfig(others=((3, 8),), alike=((1, 16), (2, 8), (3, 8)), steps=8),
        data=DataConfig(
            shapes=shapes,
            tokens=(200, 400, 800, 1_600),
            steps=(5, 6, 7, 9),
            most_tokens=3_200,
            most_steps=10,
        ),
        batches=BatchConfig(
            shapes=((1, 8), (2, 16)), sizes=(2, 8, 32, 128), steps=(800, 400, 200, 100)
        ),
        chain=ChainConfig(shapes=shapes, symbols=4, order=1, steps=6, repeats=2),
        context=16,
        held_out_characters=2_000,
        held_out_windows=4,
        moments=8,
        draws=20,
        small_share=4.0,
        engine="serial",
    )
    return replace(config, **changes)


def seeded(trial: Trial) -> float:
    """What a seed adds to a loss."""
    return float(1 + 1e-3 * np.random.default_rng([trial.seed, trial.steps]).standard_normal())


def by_law(work: TextWork, plan: SweepPlan, trials: Sequence[Trial]) -> list[TrialRecord]:
    """Losses of a world in which the paper's laws hold, in place of `TextWork`."""
    found = []
    for trial in trials:
        size, moments = (1e4 / trial.shape.params) ** 0.2, np.geomspace(0.02, 1, 30)
        part = next((p.tokens for p in work.parts if p.steps == trial.steps), None)
        if part is not None:
            loss = ((2e4 / trial.shape.params) ** (0.2 / 0.3) + 300 / part) ** 0.3 / moments**0.1
        elif plan.schedule == "constant":
            loss = 1 + (20 * (1 + 8 / trial.batch) / (moments * trial.steps)) ** 0.5
        else:
            loss = size + (100 / (moments * trial.tokens)) ** 0.2
        loss = loss * seeded(trial)
        answer = msgspec.json.encode({"prose": float(loss[-1]) + 0.5})
        (work.answers / f"{trial.name}.json").write_bytes(answer)
        points = zip((moments * trial.tokens).tolist(), loss.tolist(), strict=True)
        found.append(TrialRecord(trial=trial, curve=curve(*points)))
    return found


def of_a_chain(work: ChainWork, plan: SweepPlan, trials: Sequence[Trial]) -> list[TrialRecord]:
    """Losses that fall towards the entropy, in place of `ChainWork`."""
    return [
        TrialRecord(
            trial=one,
            curve=curve((96.0, work.true_loss() + seeded(one) * (100 / one.shape.params) ** 0.5)),
        )
        for one in trials
    ]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Folders of made-up code and prose."""
    folder = tmp_path_factory.mktemp("texts")
    for name in ("code", "prose"):
        (folder / name).mkdir()
    for number in range(8):
        lines = "\n".join(f"x{place} = {place * number} + y" for place in range(60))
        (folder / "code" / f"m{number}.py").write_text(lines)
    (folder / "prose" / "a.txt").write_text("The value of a name is told in a sentence. " * 40)
    return folder


@pytest.fixture(scope="module")
def config(texts):
    """The tiny study on these."""
    return tiny(code=texts / "code", prose=texts / "prose")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Where the tiny study keeps what it trained."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module", autouse=True)
def quickly():
    """Trials by formula, one form of a forecast, one descent a fit: descents are what takes time,
    and fits have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foretelling, "FORMS", (without_constant(LAWS["ND"]),))
        patch.setattr(fitting, "minimise", partial(fitting.minimise, num_starts=1))
        yield


@pytest.fixture(scope="module")
def findings(config, workspace, quickly):
    """Of the tiny study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextWork, "__call__", by_law)
        patch.setattr(ChainWork, "__call__", of_a_chain)
        return STUDY.run(config, seed=0, progress=no_progress, workspace=workspace)


def run_of(name, params, tokens, loss, **more):
    return ScalingRun(name=name, params=params, tokens=tokens, loss=loss, **more)


def curve(*points):
    return tuple(CurvePoint(tokens=tokens, loss=loss) for tokens, loss in points)


class TestWholeRun:
    def test_finds_laws_where_they_hold(self, findings):
        """In a world made by them, what they say is reproduced, and what it lacks is not: its
        critical batch is one, and its law of data has a size beside it. No claim is lost."""
        assert [result.claim for result in findings.claims] == list(ALL)
        verdicts = {result.claim.id: result.verdict for result in findings.claims}
        holding = (SIZES, OVERFITTING, CURVES, CRITICAL_BATCH, EFFICIENCY, TRANSFER, FORECAST)
        for claim in (*holding, ENTROPY):
            assert verdicts[claim.id] is Verdict.REPRODUCED, claim.id
        assert verdicts[BATCH_RISES.id] is Verdict.NOT_SEEN
        assert verdicts[DATA.id] is Verdict.TREND

    def test_prints_the_best_size_as_contested(self, findings):
        """Whatever was measured, the dispute stands beside it, with both counts of compute."""
        found = next(one for one in findings.claims if one.claim.id == BEST_SIZE.id)
        told = found.evidence.text + (found.evidence.gate or "")
        assert "CONTESTED" in told
        assert "0.73" in found.claim.paper
        assert "0.50" in found.claim.paper
        if found.verdict is not Verdict.OUT_OF_SCALE:
            assert "6·N·D" in told
            assert "exact" in told

    def test_draws_its_figures(self, findings):
        """Each can be drawn, and closed."""
        matplotlib.use("Agg")
        figures = [
            item for part in findings.sections for item in part.items if isinstance(item, Figure)
        ]
        assert len(figures) == 8
        for figure in figures:
            plt.close(figure.draw())

    def test_writes_the_forecast_before_the_runs_it_is_about(self, findings, workspace):
        """Every large run is younger than the file, and is told of in it."""
        (path,) = workspace.rglob("forecast.json")
        kept = msgspec.json.decode(path.read_bytes(), type=Foretold)
        trials = {one.stem: one for one in (path.parent / "large" / "trials").glob("d*.json")}
        said = [one.name for one in kept.expected]
        assert said
        assert set(said) <= set(trials)
        assert all(os.stat(trials[name]).st_mtime_ns >= os.stat(path).st_mtime_ns for name in said)
        small_ones = {one.stem for one in (path.parent / "small" / "trials").glob("d*.json")}
        assert small_ones.isdisjoint(said)
        assert kept.num_runs == len(small_ones)

    def test_goes_on_where_it_stopped(self, config, findings, workspace, monkeypatch):
        """What is there is not trained again, and the forecast is the one that was kept."""

        def refuse(*args, **options):
            raise AssertionError("nothing was left to train")

        monkeypatch.setattr(TextWork, "__call__", refuse)
        monkeypatch.setattr(ChainWork, "__call__", refuse)
        again = sweep_all(config, seed=0, workspace=workspace, progress=no_progress)
        (path,) = workspace.rglob("forecast.json")
        assert again.foretold == msgspec.json.decode(path.read_bytes(), type=Foretold)
        assert len(again.main) == len([trial for stage in staged(config, 0) for trial in stage])
        assert not again.left_out

    def test_refuses_a_forecast_made_afterwards(self, config, findings, workspace):
        """A forecast that is gone cannot be made up for once its runs have begun."""
        (path,) = workspace.rglob("forecast.json")
        kept = path.read_bytes()
        path.unlink()
        try:
            with pytest.raises(InputError, match="have begun"):
                STUDY.run(config, seed=0, progress=no_progress, workspace=workspace)
        finally:
            path.write_bytes(kept)


class TestConfigs:
    def test_presets_can_be_planned(self):
        """Every trial of both presets has a shape, and both stages have runs."""
        for config in (small(), paper()):
            first, second = staged(config, 0)
            assert len(first) + len(second) >= 24
            limit = max(one.flops() for one in second) / config.small_share
            assert max(one.flops() for one in first) <= limit * 1.000001
            assert min(one.flops() for one in second) > limit * 0.999999

    def test_small_spans_a_decade_and_a_half(self):
        """Of parameters and of compute, on the grid alone."""
        trials = [one for stage in staged(small(), 0) for one in stage]
        for values in ([t.shape.params for t in trials], [t.flops() for t in trials]):
            assert np.log10(max(values) / min(values)) >= 1.5

    def test_contradictions_are_refused(self):
        """Each with a sentence that names the field."""
        with pytest.raises(InputError, match=r"shapes\.steps"):
            replace(tiny(), shapes=replace(tiny().shapes, steps=5))
        with pytest.raises(InputError, match=r"shapes\.alike"):
            replace(tiny(), shapes=replace(tiny().shapes, alike=((1, 16), (2, 8), (7, 8))))
        with pytest.raises(InputError, match="no number"):
            replace(tiny().data, steps=(5, 6, 6))
        with pytest.raises(InputError, match="at least four"):
            replace(tiny().batches, sizes=(2, 4, 8), steps=(3, 2, 1))
        with pytest.raises(InputError, match="at least 2"):
            replace(tiny().main, repeats=1)


class TestTexts:
    def test_encodes_every_character(self):
        """Printable ones, the end of a line, and one id for all else."""
        assert encode("a ~\n\té").tolist() == [65, 0, 94, 95, 96, 96]

    def test_parts_files_and_finds_them_again(self, texts, tmp_path):
        """Held-out text is whole files, other ones for other seeds; nothing is written twice."""

        def made(seed):
            return make_corpus(
                tmp_path, code=texts / "code", prose=texts / "prose", held_out=500, seed=seed
            )

        first = made(0)
        train, held_out, _ = first.sizes
        whole = sum(len(path.read_text()) for path in (texts / "code").glob("*.py"))
        assert train + held_out == whole
        assert made(0) == first
        assert made(1).digest != first.digest

    def test_refuses_a_folder_without_text(self, tmp_path):
        """With the ending that it looked for."""
        with pytest.raises(InputError, match=r"no \.py file"):
            make_corpus(tmp_path / "to", code=tmp_path, prose=None, held_out=1, seed=0)

    def test_takes_the_beginning_of_a_text(self):
        """So many tokens and one more, which the last window predicts."""
        text = TokenShards.pack(
            [
                EncodedDocument(ids=np.arange(20), kind="a"),
                EncodedDocument(ids=np.arange(9), kind="b"),
            ],
            shard_tokens=16,
        )
        part = first_tokens(text, 23)
        assert part.shards[0].tokens.tolist() == [*range(20), 0, 1, 2, 3]
        with pytest.raises(InputError, match="not smaller"):
            first_tokens(text, 29)


class TestWork:
    def test_trains_on_a_part_and_asks_for_prose(self, config, texts, tmp_path):
        """A run on a part comes to know it; each network's loss on prose is kept by its name."""
        corpus = make_corpus(tmp_path, code=config.code, prose=config.prose, held_out=500, seed=0)
        work = TextWork(
            train=corpus.train,
            held_out=corpus.held_out,
            prose=corpus.prose,
            answers=tmp_path,
            windows=4,
            moments=3,
            parts=(Part(batch=4, steps=6, tokens=200),),
        )
        trials = [
            Trial(shape=config.shape(1, 8), steps=6, batch=4, lr=2e-2, seed=seed) for seed in (0, 1)
        ]
        plan = SweepPlan(trials=tuple(trials), budget=1e12, base_width=8)
        records = work(plan, trials)
        assert [record.curve[-1].tokens for record in records] == [6 * 4 * 16] * 2
        whole = replace(work, parts=())(plan, trials)
        assert records[0].curve[-1].loss != whole[0].curve[-1].loss
        answers = [
            msgspec.json.decode((tmp_path / f"{one.name}.json").read_bytes()) for one in trials
        ]
        assert all(1 < answer["prose"] < 6 for answer in answers)

    def test_measures_a_network_as_it_is(self, config):
        """Without weights every character is as likely as any other."""
        network = Transformer(config.shape(1, 8).config)
        for value in network.parameters():
            torch.nn.init.zeros_(value)
        ids = torch.arange(34).reshape(2, 17)
        assert loss_on(network, Batch(ids[:, :-1], ids[:, 1:])) == pytest.approx(np.log(97))


class TestChain:
    def test_knows_what_the_best_reader_loses(self):
        """Near the entropy rate, on many sequences; between nothing and a guess on few."""
        chain = MarkovChain(symbols=5, order=1, sequence=16, seed=3)
        many = ChainWork(chain=chain, windows=4_000, moments=1)
        assert many.true_loss() == pytest.approx(chain.entropy.nats, rel=0.02)
        assert 0 < ChainWork(chain=chain, windows=3, moments=1).true_loss() < np.log(5) + 0.5


class TestForetelling:
    def runs(self):
        return [
            run_of(f"{n}-{d}", n, d, (1e3 / n) ** 0.3 + (1e4 / d) ** 0.3)
            for n in (1e3, 4e3, 1.6e4)
            for d in (1e5, 4e5, 1.6e6)
        ]

    def trial(self):
        shape = small().shape(2, 64)
        return Trial(shape=shape, steps=12_500, batch=16, lr=1e-2)

    def test_foretells_what_the_law_says_and_keeps_it(self, tmp_path):
        """Runs without noise give the next one; the file is then read, not made again."""
        trial = self.trial()
        fitting = FitConfig(draws=20)
        path = tmp_path / "forecast.json"
        found = foretell(path, self.runs(), [trial], fitting, is_too_late=False)
        truth = (1e3 / trial.shape.params) ** 0.3 + (1e4 / trial.tokens) ** 0.3
        assert found.expected[0].loss == pytest.approx(truth, rel=1e-3)
        assert found.laws[0][0].startswith("L(N, D) = (N_c/N)^alpha_N")
        again = foretell(path, self.runs(), [trial], FitConfig(draws=30), is_too_late=True)
        assert again == found

    def test_refuses_a_file_made_from_other_runs(self, tmp_path):
        """A forecast cannot be moved to runs that it does not stand on."""
        path = tmp_path / "forecast.json"
        fitting = FitConfig(draws=20)
        foretell(path, self.runs(), [self.trial()], fitting, is_too_late=False)
        other = [replace(one, loss=one.loss * 1.01) for one in self.runs()]
        with pytest.raises(InputError, match="other runs"):
            foretell(path, other, [self.trial()], fitting, is_too_late=False)
        path.write_text("{")
        with pytest.raises(InputError, match="damaged"):
            foretell(path, self.runs(), [self.trial()], fitting, is_too_late=False)


class TestMeasures:
    def test_noise_is_that_of_repeated_runs(self):
        """Pooled over cells; a cell with one run says nothing."""
        runs = [
            run_of("a", 1.0, 1.0, np.exp(0.0)),
            run_of("b", 1.0, 1.0, np.exp(0.2)),
            run_of("c", 2.0, 1.0, np.exp(1.0)),
        ]
        assert seed_noise(runs) == pytest.approx(np.sqrt(0.02))
        assert np.isnan(seed_noise(runs[2:]))

    def test_stops_where_held_out_loss_is_lowest(self):
        """The end of a run that overfits does not count, even if it is worse than guessing; one
        that lost its numbers on the way is no run."""
        trial = Trial(shape=small().shape(2, 8), steps=3, batch=1, lr=1e-2)
        plan = SweepPlan(trials=(trial,), budget=1e12, base_width=8)
        whole = curve((32.0, 3.0), (64.0, 2.0), (96.0, 6.5))
        overfit = TrialRecord(trial=trial, curve=whole, failure="overfitted: worse than guessing")
        early = stopped_early(overfit, plan)
        assert early is not None
        assert early.loss == 2.0
        assert stopped_early(TrialRecord(trial=trial, curve=whole[:2]), plan) is None
        assert stopped_early(TrialRecord(trial=trial), plan) is None

    def test_counts_what_a_token_costs_each_size(self):
        """Where a token costs 6N it agrees with the closed form; where it costs all sizes alike,
        larger ones are better everywhere and the search says so."""
        runs = [
            run_of(f"{n}-{d}", n, d, (1e3 / n) ** 0.3 + (1e4 / d) ** 0.3)
            for n in (1e3, 4e3, 1.6e4, 6.4e4)
            for d in (1e4, 1e5, 4e5, 1.6e6)
        ]
        fit = fit_law(without_constant(LAWS["ND"]), runs, FitConfig(draws=20))
        closed = parametric_allocation(fit).params_exponent.value
        assert counted_allocation(fit, runs).params_exponent.value == pytest.approx(
            closed, abs=0.03
        )
        alike = [replace(run, flops=1e4 * run.tokens) for run in runs]
        with pytest.raises(InputError, match="too few computes"):
            counted_allocation(fit, alike)

    def test_reads_tokens_off_a_curve(self):
        """Between two moments, in the logarithm of tokens; never reached is infinite."""
        run = run_of("a", 1.0, 1e4, 1.0, curve=curve((1e2, 3.0), (1e4, 1.0)))
        assert tokens_to(run, 2.0) == pytest.approx(1e3)
        assert tokens_to(run, 3.5) == pytest.approx(1e2)
        assert tokens_to(run, 0.5) == float("inf")

    def test_counts_falls_from_size_to_size(self):
        """Two of three; sizes that never reach a loss are no fall."""
        assert falling_share(np.array([[9.0, 5.0, 6.0, 2.0]])) == pytest.approx(2 / 3)
        assert falling_share(np.array([[np.inf, np.inf, 3.0]])) == pytest.approx(1 / 2)

    def test_joins_the_ends_of_runs(self):
        """One curve a size, seeds averaged."""
        runs = [
            run_of("a", 1.0, 10.0, 3.0),
            run_of("b", 1.0, 10.0, 2.0),
            run_of("c", 1.0, 20.0, 1.5),
            run_of("d", 2.0, 10.0, 2.2),
        ]
        first, second = end_curves(runs)
        assert [(p.tokens, p.loss) for p in first.curve] == [(10.0, 2.5), (20.0, 1.5)]
        assert second.loss == 2.2

    def test_a_line_in_logarithms_is_exact_for_a_power(self):
        """Slope and R²; data that do not help count as no law."""
        x = np.array([1.0, 10.0, 100.0])
        slope, r2 = log_line(x, np.stack([5 * x**-0.1, np.array([3.0, 3.5, 1.0])]))
        assert slope[0] == pytest.approx(-0.1)
        assert r2[0] == pytest.approx(1.0)
        assert falling_r2(x, np.array([[3.0, 3.5, 1.0]]))[1][0] == 0.0
        assert r2[1] > 0

    def test_scatter_is_nothing_on_a_line_and_on_a_curve(self):
        """And something beside them, under every weighting."""
        x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
        weights = np.array([[1.0, 1, 1, 1, 1], [3.0, 1, 0.5, 1, 1]])
        assert scatter_around_line(x, 2 * x + 1, weights) == pytest.approx(0, abs=1e-6)
        assert scatter_around_curve(x, x**2, weights) == pytest.approx(0, abs=1e-6)
        assert (scatter_around_line(x, x**2, weights) > 0.5).all()

    def test_counts_tables_once(self):
        """Tied tables of tokens, and those of positions."""
        shape = small().shape(2, 8)
        assert with_embeddings(shape) == shape.params + (97 + 32) * 8

    def test_distance_from_a_middle_has_an_interval(self):
        """It reaches down to nothing where the middle lies inside."""
        assert distance_interval(0.5, 0.7, 0.65) == pytest.approx((0.0, 0.15))
        assert distance_interval(0.7, 0.9, 0.65) == pytest.approx((0.05, 0.25))

    def test_a_ratio_of_estimates_keeps_both_doubts(self):
        """Errors of logarithms add up in squares."""
        wide = Estimate(value=2.0, low=2 * np.exp(-1.96), high=2 * np.exp(1.96))
        sharp = Estimate(value=1.0, low=1.0, high=1.0)
        value, error = log_ratio(wide, sharp)
        assert (value, error) == pytest.approx((np.log(2), 1.0))
        assert log_ratio(wide, wide)[1] == pytest.approx(np.sqrt(2))
