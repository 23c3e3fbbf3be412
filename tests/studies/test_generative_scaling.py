"""The study of generative models: planted laws give verdicts that fit; one tiny whole run."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from glasshouse.corpora import MarkovChain
from glasshouse.errors import InputError
from glasshouse.models import Transformer
from glasshouse.scaling import CurvePoint, TrialRecord, read_runs
from glasshouse.studies.claims import Verdict
from glasshouse.studies.generative_scaling import STUDY, GenerativeConfig, claims, paper, small
from glasshouse.studies.generative_scaling.asking import counted_loss, token_losses
from glasshouse.studies.generative_scaling.config import (
    READINGS,
    ClassifierConfig,
    FurtherConfig,
    LabelConfig,
    SumsConfig,
)
from glasshouse.studies.generative_scaling.evidence import results
from glasshouse.studies.generative_scaling.fits import DomainFits, fit_domains, unbeaten
from glasshouse.studies.generative_scaling.grow import (
    grow_all,
    image_information,
    label_information,
)
from glasshouse.studies.generative_scaling.seen import (
    Classified,
    DomainRuns,
    Further,
    Labelled,
    Reckoned,
    Seen,
    Shaped,
)
from glasshouse.studies.study import Figure, no_progress

TINY = GenerativeConfig(
    widths=(4, 8, 12, 16),
    steps=(6, 12),
    batch=4,
    sequence=10,
    symbols=4,
    sides=(2, 3),
    levels=3,
    labelled=LabelConfig(side=2, labels=2, steps=20),
    further=FurtherConfig(
        sums=SumsConfig(widths=(4, 8), steps=(2, 30), digits=1),
        classifier=ClassifierConfig(side=2, labels=2, steps=4, images=8, fine_steps=3),
        shapes=((1, 8), (2, 4), (3, 4)),
        shape_seeds=2,
    ),
    held_out=32,
    entropy_draws=100,
    draws=20,
)


def planted_further(*, by_size: bool = False) -> Further:
    """Hard sums that follow training loss or size, classifiers and shapes as the paper has them."""
    config, rng = small(), np.random.default_rng(1)
    sums = []
    for trial in config.sums_plan(0).trials:
        easy = 1 + 400 / (trial.steps * trial.shape.d_model)
        hard = 3 - 0.1 * trial.shape.d_model if by_size else 1.5 * easy
        sums.append(
            Reckoned(
                params=trial.shape.params, steps=trial.steps, seed=trial.seed, easy=easy, hard=hard
            )
        )
    classified = [
        Classified(
            params=trial.shape.params,
            seed=trial.seed,
            pretrained=pretrained,
            error=(0.5 - 0.006 * trial.shape.d_model * pretrained * (not by_size))
            + 0.002 * rng.standard_normal(),
        )
        for trial in config.classifier_plan(0).trials
        for pretrained in (True, False)
    ]
    shaped = [
        Shaped(
            layers=trial.shape.num_layers,
            width=trial.shape.d_model,
            params=trial.shape.params,
            seed=trial.seed,
            lack=0.1
            + (0.0 if by_size else 0.03 * math.log2(trial.shape.num_layers / 2) ** 2)
            + 0.001 * rng.standard_normal(),
        )
        for trial in config.shapes_plan(0).trials
    ]
    return Further(sums=tuple(sums), classified=tuple(classified), shaped=tuple(shaped))


def planted(*, raw: float = 2.0, seed: int = 0) -> Seen:
    """Runs on known laws; who never read a blank makes `raw` times as much of labels."""
    config = replace(small(), draws=20, sides=(4, 8))
    rng = np.random.default_rng(seed)
    domains = []
    for place, (name, domain) in enumerate(config.domains(0).items()):
        alpha, entropy = (0.6, 0.9, 0.5)[place], 0.8 + 0.2 * place
        plan = config.plan(domain, 0)
        records, lacks = [], {}
        for trial in plan.trials:
            params, tokens = trial.shape.params, trial.tokens
            lack = 0.6 * (params / 1e3) ** -alpha + 0.005 * (tokens / 1e6) ** -0.7
            loss = (entropy + lack) * math.exp(0.0005 * rng.standard_normal())
            records.append(TrialRecord(trial=trial, curve=(CurvePoint(tokens=tokens, loss=loss),)))
            if trial.steps == config.steps[-1] and not isinstance(domain, MarkovChain):
                noise = 1 + 0.05 * rng.standard_normal(config.held_out)
                lacks[records[-1].as_run(plan).name] = tuple((lack * noise).tolist())
        domains.append(
            DomainRuns(
                name=name,
                entropy=entropy,
                entropy_error=0.0,
                records=tuple(records),
                lacks=lacks,
                costs=tuple((entropy * np.linspace(0.5, 1.5, config.held_out)).tolist()),
            )
        )
    labelled = [
        Labelled(
            params=trial.shape.params,
            reading=reading,
            seed=trial.seed,
            information=(raw if reading == "no blanks" else 1)
            * (0.1 * math.log(trial.shape.params / 500) + 0.002 * rng.standard_normal()),
            dealt=-0.1,
        )
        for reading in READINGS
        for trial in config.label_plan(0).trials
    ]
    return Seen(
        config=config,
        seed=0,
        domains=tuple(domains),
        labelled=tuple(labelled),
        information=0.6,
        information_error=0.002,
        further=planted_further(),
    )


def judged(seen: Seen, fits: Sequence[DomainFits]) -> dict[str, Verdict]:
    return {one.claim.id: one.verdict for one in results(seen, fits)}


@pytest.fixture(scope="module")
def seen() -> Seen:
    return planted()


@pytest.fixture(scope="module")
def fits(seen: Seen) -> tuple[DomainFits, ...]:
    """Fitted once, for fits are what costs time here."""
    return fit_domains(seen)


class TestVerdicts:
    def test_finds_what_is_planted(self, seen: Seen, fits: tuple[DomainFits, ...]):
        """Constants are entropies, coarser images have larger exponents, blanks must be learned."""
        found = judged(seen, fits)
        assert list(found) == [claim.id for claim in claims.CLAIMS]
        for name in (
            "constant-is-entropy",
            "offset-beats-pure",
            "coarser-steeper",
            "single-images-alike",
            "label-information-grows",
            "blanks-must-be-learned",
            "read-both-ways",
            "harder-sums-by-training-loss",
            "classifiers-grow-with-size",
            "a-shape-is-best",
        ):
            assert found[name] is Verdict.REPRODUCED, name

    def test_sees_that_a_constant_is_no_entropy(self, fits: tuple[DomainFits, ...]):
        """Losses that go down to something else, and estimates that need no blanks."""
        lower = [
            replace(
                fit,
                domain=replace(fit.domain, costs=tuple(cost / 1.2 for cost in fit.domain.costs)),
            )
            for fit in fits
        ]
        found = judged(planted(raw=1.0), lower)
        assert found["constant-is-entropy"] is not Verdict.REPRODUCED
        assert found["blanks-must-be-learned"] is Verdict.NOT_SEEN

    def test_sees_nothing_where_size_decides_or_nothing_does(
        self, seen: Seen, fits: tuple[DomainFits, ...]
    ):
        """Hard sums by size, classifiers alike, shapes alike."""
        found = judged(replace(seen, further=planted_further(by_size=True)), fits)
        assert found["harder-sums-by-training-loss"] is not Verdict.REPRODUCED
        assert found["classifiers-grow-with-size"] is not Verdict.REPRODUCED
        assert found["a-shape-is-best"] is not Verdict.REPRODUCED

    def test_does_not_count_more_information_than_there_is(
        self, seen: Seen, fits: tuple[DomainFits, ...]
    ):
        """An estimate above the truth is no approach from below."""
        found = judged(replace(seen, information=0.2), fits)
        assert found["label-information-grows"] is Verdict.OUT_OF_SCALE


class TestFits:
    def test_leaves_out_runs_that_cheaper_ones_beat(self, seen: Seen):
        """What stays falls with compute."""
        runs = unbeaten(seen.runs(seen.domains[0]))
        assert len(runs) >= 4
        assert (np.diff([run.compute for run in runs]) >= 0).all()
        assert (np.diff([run.loss for run in runs]) < 0).all()


class TestLabels:
    def test_ask_for_the_own_label_a_blank_and_another(self):
        """A network that reads nothing makes nothing of either."""
        domain = TINY.labelled.domain(0)
        network = Transformer(TINY.shape(domain, 8).config)
        with torch.no_grad():
            for weight in network.parameters():
                weight.zero_()
        drawn = domain.draw(16, np.random.default_rng(0))
        assert label_information(network, domain, drawn) == (0.0, 0.0)
        losses = token_losses(network, torch.from_numpy(drawn.ids))
        assert losses.shape == (16, domain.length - 1)
        assert losses == pytest.approx(math.log(domain.vocab_size), abs=1e-5)
        unread = math.log(domain.labels) - math.log(domain.vocab_size)
        last = TINY.labelled.domain(0, "image first")
        told = image_information(network, last, last.draw(16, np.random.default_rng(0)))
        assert told == pytest.approx((unread, unread), abs=1e-5)


class TestSums:
    def test_ask_for_answers_alone(self):
        """A network that reads nothing loses the logarithm of the vocabulary on them."""
        easy = TINY.further.sums.easy
        assert easy.length == TINY.further.sums.hard.length
        network = Transformer(TINY.shape(easy, 8).config)
        with torch.no_grad():
            for weight in network.parameters():
                weight.zero_()
        drawn = easy.draw(16, np.random.default_rng(0))
        assert counted_loss(network, drawn) == pytest.approx(math.log(easy.vocab_size), abs=1e-5)


class TestStudy:
    def test_runs_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """All claims are judged, figures draw, and what is kept is not grown again."""
        first = STUDY.run(TINY, seed=101, progress=no_progress, workspace=tmp_path)
        assert len(first.claims) == len(claims.CLAIMS)
        for section in first.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    plt.close(item.draw())
        monkeypatch.setattr(
            "glasshouse.studies.generative_scaling.grow.train_trials",
            lambda *given, **more: pytest.fail("what was kept is grown again"),
        )
        grow_all(TINY, seed=101, progress=no_progress, workspace=tmp_path)
        sweeps = {
            path.parent.name: len(read_runs(path.parent).runs)
            for path in tmp_path.rglob("sweep.json")
        }
        assert sweeps == {
            "chain": 16,
            "2x2-images": 16,
            "3x3-images": 16,
            "labelled-blanks": 8,
            "labelled-no-blanks": 8,
            "labelled-image-first": 8,
        }

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"widths": (8, 16, 24)}, "four or more"),
            ({"steps": (10,)}, "two or more"),
            ({"sides": (8, 4)}, "sides="),
            ({"seeds": 1}, "seeds=1"),
            ({"draws": 5}, "20 at least"),
            ({"further": FurtherConfig(shapes=((1, 8), (2, 4)))}, "three or more"),
            ({"further": FurtherConfig(sums=SumsConfig(steps=(5,)))}, "two lengths"),
            ({"widths": (8, 12, 16, 18)}, "multiple of d_head"),
        ],
    )
    def test_refuses_what_cannot_be(self, changes: dict, message: str):
        """One sentence says what to change."""
        with pytest.raises(InputError, match=message):
            replace(small(), **changes)

    def test_presets_can_be_made(self):
        """The paper's too."""
        assert paper().widths[-1] > small().widths[-1]
