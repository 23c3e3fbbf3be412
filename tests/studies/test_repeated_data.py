"""The study of repeated data: planted losses give verdicts that fit, and one tiny whole run."""

import json
from dataclasses import replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.studies.claims import Verdict
from glasshouse.studies.repeated_data import STUDY, RepeatedDataConfig, claims, paper, small
from glasshouse.studies.repeated_data.evidence import interior_gap, results
from glasshouse.studies.repeated_data.grow import Job, grow, held_out, moments
from glasshouse.studies.repeated_data.measure import jobs_of
from glasshouse.studies.repeated_data.seen import RepeatedRun, Seen
from glasshouse.studies.study import Figure, no_progress

TINY = RepeatedDataConfig(
    widths=(8, 16),
    clean_widths=(4,),
    d_head=4,
    symbols=12,
    sequence=24,
    least=6,
    most=10,
    steps=24,
    rows=8,
    much_repeats=(2, 16, 64),
    little_repeats=(2, 4, 8),
    little_replicas=2,
    warmup_steps=4,
    tune_steps=6,
    held_out=16,
    moments=4,
    draws=30,
)


def planted(*, harm: bool, seed: int = 0) -> Seen:
    """Runs whose losses obey what the paper says, or in which repetition costs nothing."""
    config = replace(small(), draws=100)
    rng = np.random.default_rng(seed)
    at = moments(config)
    runs = []
    for width in (*config.clean_widths, *config.widths):
        params = config.params(width)
        clean = 3 * params**-0.05
        for job in jobs_of(config, width):
            cost = 0.0
            if harm and job.share == config.much:
                peak = 256 if width == config.widths[-1] else 1_024
                cost = 1.5 * np.exp(-((np.log(job.repeats / peak) / 1.5) ** 2))
            if harm and job.share == config.little:
                cost = 0.08 * np.exp(-((np.log(job.repeats / 32)) ** 2))
            loss = clean + cost + 0.001 * rng.standard_normal()
            low = min(loss, clean + 0.2 * cost)
            runs.append(
                RepeatedRun(
                    width=width,
                    share=job.share,
                    repeats=job.repeats,
                    replica=job.replica,
                    course=(*np.linspace(4, low, len(at) - 1).tolist(), loss),
                    copied=loss / 2 + 2 * cost,
                    subset=0.0,
                    matching=(0.8 - 4 * cost if job.share == config.little else 0.8, 0.6)
                    if width == config.widths[-1]
                    else (),
                    elsewhere=None if job.share == config.little else loss + 0.1,
                )
            )
    return Seen(config=config, runs=tuple(runs), moments=at)


class TestVerdicts:
    def test_finds_the_planted_harm(self):
        """Everything that the paper says is in these losses, and is reproduced."""
        found = {one.claim.id: one for one in results(planted(harm=True), seed=0)}
        assert list(found) == [claim.id for claim in claims.CLAIMS]
        missed = {name: one.reason for name, one in found.items() if one.verdict != "reproduced"}
        assert not missed

    def test_finds_nothing_where_nothing_is(self):
        """Runs that repetition does not touch reproduce no claim, whatever the noise."""
        for seed in range(3):
            found = results(planted(harm=False, seed=seed), seed=seed)
            assert [one.claim.id for one in found if one.verdict is Verdict.REPRODUCED] == []

    def test_does_not_test_heads_that_never_formed(self):
        """A clean model that does not copy has no heads to weaken."""
        seen = planted(harm=True)
        runs = tuple(replace(run, matching=(0.05, 0.05)) for run in seen.runs)
        found = {one.claim.id: one for one in results(replace(seen, runs=runs), seed=0)}
        assert found["induction-heads-weaker"].verdict is Verdict.OUT_OF_SCALE
        assert "prefixes" in found["induction-heads-weaker"].reason


class TestInteriorGap:
    def test_is_below_nothing_where_an_end_is_worst(self):
        """A loss that only rises has its worst at an end."""
        assert interior_gap([1.0, 2.0, 3.0]) == -1
        assert interior_gap([1.0, 3.0, 2.0]) == 1


class TestGrow:
    def test_clean_runs_read_no_document_twice(self):
        """And runs with a subset remember it better than fresh documents."""
        jobs = [Job(share=0.0, repeats=1, replica=0), Job(share=0.9, repeats=64, replica=0)]
        fresh = held_out(TINY.language(0), 16, np.random.default_rng(0))
        grown = grow(replace(TINY, steps=60, moments=2), 16, jobs, fresh, seed=0, tick=lambda: None)
        assert [len(one) for one in grown.subsets] == [0, 6]
        assert grown.courses.shape == (2, 2)
        assert np.isfinite(grown.courses).all()

    def test_runs_do_not_touch_each_other(self):
        """A run alone is the run it is among others."""
        jobs = [Job(share=0.0, repeats=1, replica=0), Job(share=0.9, repeats=16, replica=1)]
        fresh = held_out(TINY.language(0), 16, np.random.default_rng(0))
        both, alone = (
            grow(TINY, 8, some, fresh, seed=0, tick=lambda: None) for some in (jobs, jobs[1:])
        )
        torch.testing.assert_close(
            torch.from_numpy(both.courses[:, 1]), torch.from_numpy(alone.courses[:, 0])
        )


class TestStudy:
    def test_runs_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """All claims are judged, figures draw, and what is kept is not grown again."""
        first = STUDY.run(TINY, seed=101, progress=no_progress, workspace=tmp_path)
        assert len(first.claims) == len(claims.CLAIMS)
        with matplotlib.rc_context():
            for section in first.sections:
                for item in section.items:
                    if isinstance(item, Figure):
                        plt.close(item.draw())
        monkeypatch.setattr(
            "glasshouse.studies.repeated_data.measure.grow",
            lambda *given, **more: pytest.fail("what was kept is grown again"),
        )
        again = STUDY.run(TINY, seed=101, progress=no_progress, workspace=tmp_path)
        assert [one.as_json() for one in again.claims] == [one.as_json() for one in first.claims]
        (population,) = tmp_path.rglob("population.json")
        sizes = (*TINY.clean_widths, *TINY.widths)
        named = {one["name"] for one in json.loads(population.read_text())["members"]}
        assert len(named) == sum(len(jobs_of(TINY, width)) for width in sizes)


class TestConfig:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"widths": (32, 16)}, "must rise"),
            ({"little_repeats": (4, 8)}, "three or more"),
            ({"little": 0.95}, "little="),
            ({"replicas": 1}, "spread"),
            ({"moments": 1}, "moments=1"),
            ({"clean_widths": (12,)}, "multiple of d_head"),
            ({"much_repeats": (4, 64, 100_000)}, "repeat less often"),
        ],
    )
    def test_refuses_what_cannot_be(self, changes: dict, message: str):
        """One sentence says what to change."""
        with pytest.raises(InputError, match=message):
            replace(small(), **changes)

    def test_presets_can_be_made(self):
        """The paper's too."""
        assert paper().widths[-1] > small().widths[-1]
