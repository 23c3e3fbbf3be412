"""The study of predictability: texts keep their truth beside them, and one tiny whole run."""

import json
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.studies.predictability_surprise import (
    STUDY,
    PredictabilityConfig,
    evidence,
    paper,
    small,
)
from glasshouse.studies.predictability_surprise.claims import CLAIMS
from glasshouse.studies.predictability_surprise.config import AskConfig, FamilyConfig
from glasshouse.studies.predictability_surprise.evidence import (
    dealt,
    least_surprise,
    resampled,
    why_not_learned,
)
from glasshouse.studies.predictability_surprise.records import BIASED, Records
from glasshouse.studies.predictability_surprise.seen import Curve
from glasshouse.studies.predictability_surprise.texts import Echo
from glasshouse.studies.study import Figure, no_progress

FAMILY = FamilyConfig(widths=(4, 8, 12, 16), steps=4, rows=4, warmup_steps=2)
TINY = PredictabilityConfig(
    replicas=2,
    mixture=FAMILY,
    echo=replace(FAMILY, windows=(2, 4, 8, 12)),
    records=FAMILY,
    ratings=FAMILY,
    ask=AskConfig(rows=8, answer=2, records=200, users=40, told=4),
    tasks=8,
    keys=4,
    digits=1,
)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals as wide as they may be: no test here asks for their ends."""
    monkeypatch.setattr(evidence, "_DRAWS", 40)
    monkeypatch.setattr(evidence, "_DEALT", 20)


class TestTexts:
    def test_holds_out_the_same_sums_whatever_the_seed(self):
        """What is asked of models, none of them was trained on."""
        text = small().text(0)
        rng = np.random.default_rng(0)
        asked, trained = (text.write_sums(40, rng, held_out=flag) for flag in (True, False))
        words = asked.ids.shape[1]
        assert words == text.context + 1
        assert not {row.tobytes() for row in asked.ids} & {row.tobytes() for row in trained.ids}

    def test_counts_as_many_tokens_in_every_row(self):
        """Losses of rows compare."""
        for tokens in (
            small().text(1).write(20, np.random.default_rng(1)),
            Echo().write(20, np.random.default_rng(1)),
        ):
            assert not tokens.counts[:, 0].any()

    def test_echoes_repeat_what_stood_some_tokens_before(self):
        """Whoever looks back as far knows every token that counts."""
        echo = Echo()
        tokens = echo.write(30, np.random.default_rng(2))
        length = int(tokens.counts[0].sum())
        for row, counts in zip(tokens.ids, tokens.counts, strict=True):
            places = np.flatnonzero(counts)
            assert (row[places] == row[places - length]).all()


class TestRecords:
    def test_wrong_the_innocent_of_one_group_in_one_court(self):
        """And nobody else."""
        people = Records(bias=0.4, seed=3).draw(40_000, np.random.default_rng(0))
        innocent = ~people.is_guilty
        is_wronged = (people.court == BIASED) & (people.group == 1)
        assert people.label[innocent & is_wronged].mean() == pytest.approx(0.4, abs=0.03)
        assert not people.label[innocent & ~is_wronged].any()
        assert people.label[people.is_guilty].all()

    def test_know_what_the_best_reader_would_say(self):
        """His probabilities are right on average, in each tenth of them."""
        people = Records(seed=1).draw(40_000, np.random.default_rng(1))
        edges = np.quantile(people.best, np.linspace(0, 1, 11))
        place = np.clip(np.searchsorted(edges, people.best) - 1, 0, 9)
        for tenth in range(10):
            own = place == tenth
            assert people.label[own].mean() == pytest.approx(people.best[own].mean(), abs=0.04)


class TestResampled:
    def test_draws_replicas_anew_at_each_size(self):
        """Tables of one shape are drawn alike, so that what is the same stays the same."""
        table = np.random.default_rng(0).random((4, 5))
        rng = np.random.default_rng(1)
        low, high = resampled(lambda one, two: float((one - two).max()), table, table, rng=rng)
        assert low == high == 0
        low, high = resampled(lambda one: float(one.mean()), table, rng=rng)
        assert low < table.mean() < high

    def test_has_no_interval_where_the_statistic_has_no_value(self):
        """Doubt is no evidence."""
        found = resampled(lambda one: float("nan"), np.ones((3, 2)), rng=np.random.default_rng(0))
        assert np.isnan(found).all()


class TestAgainstLuck:
    def test_sees_no_jump_where_only_single_models_add(self):
        """A middle size with a lucky model does not make a skill that comes with size."""
        lottery = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 1.0]])
        skill = np.array([[0.0, 0.1], [0.0, 0.1], [0.9, 1.0], [1.0, 1.0]])
        curves = [
            Curve(params=np.array([1, 2, 4, 8]), values={"exact_match": table}, length=1)
            for table in (lottery[[0, 1, 3, 2]], skill)
        ]
        luck, learned = (why_not_learned(curve, "addition") for curve in curves)
        assert luck is not None
        assert "does not come with size" in luck
        assert learned is None

    def test_dealing_models_to_sizes_keeps_luck_and_undoes_size(self):
        """A lottery is as surprising as before, a climb with size no longer rises."""
        params = 100 * 4 ** np.arange(6)
        rng = np.random.default_rng(0)
        lottery = (np.arange(18).reshape(6, 3) % 7 == 3).astype(float)
        luck = dealt(lambda means: least_surprise(params, means), lottery, rng=rng)
        assert luck > 0.3
        climb = np.repeat(np.linspace(0, 1, 6)[:, None], 3, axis=1)
        rise = dealt(lambda means: float(means[-1] - means[0]), climb, rng=rng)
        assert abs(rise) < 0.2


class TestStudy:
    def test_runs_whole(self, tmp_path: Path):
        """All claims are judged, figures draw, and the same seed says the same."""
        first, again = (
            STUDY.run(TINY, seed=101, progress=no_progress, workspace=tmp_path) for _ in range(2)
        )
        assert [one.claim.id for one in first.claims] == [claim.id for claim in CLAIMS]
        assert [one.as_json() for one in again.claims] == [one.as_json() for one in first.claims]
        (population,) = tmp_path.rglob("population.json")
        members = json.loads(population.read_text())["members"]
        families = (TINY.mixture, TINY.echo, TINY.records, TINY.ratings)
        assert len(members) == TINY.replicas * sum(len(one.widths) for one in families)
        for section in first.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    plt.close(item.draw())

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"widths": (4, 8, 16)}, "four or more"),
            ({"windows": (2, 4)}, "give each of"),
            ({"widths": (4, 8, 12, 15)}, "multiples of heads"),
            ({"steps": 0}, "steps=0"),
        ],
    )
    def test_refuses_families_that_cannot_be(self, changes: dict, message: str):
        """One sentence says what to change."""
        with pytest.raises(InputError, match=message):
            replace(FAMILY, **changes)

    def test_presets_can_be_made(self):
        """The paper's too."""
        assert paper().replicas > small().replicas
