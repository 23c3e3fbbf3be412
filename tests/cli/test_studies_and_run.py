"""`glasshouse studies`, `run` and `tour`: one command, one table of claims."""

import json
import os
from dataclasses import replace

import pytest
from tests.cli.commands import glasshouse, refused
from tests.cli.fake_study import CARD

from glasshouse.cli import tour
from glasshouse.studies import STUDIES


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder, with the fake study among the others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(STUDIES, "fake", CARD)


class TestStudies:
    def test_lists_every_study_with_paper_and_presets(self, capfd):
        """What can be run, what it asks, what it needs."""
        told = glasshouse(capfd, "studies")
        assert told.status == 0
        for words in ("toy-superposition", "2209.10652", "small"):
            assert words in told.out

    def test_writes_one_record_per_study(self, capfd):
        """For programs."""
        records = [
            json.loads(line) for line in glasshouse(capfd, "studies", "--json").out.splitlines()
        ]
        assert [record["name"] for record in records] == list(STUDIES)


class TestRun:
    def test_writes_a_report_under_runs(self, capfd, tmp_path):
        """The default folder is named for study and seed; the claims are shown."""
        told = glasshouse(capfd, "run", "fake", "--seed", 7)
        assert told.status == 0
        assert "reproduced" in told.out
        assert "report: runs/fake-seed7/report.html" in told.err
        folder = tmp_path / "runs" / "fake-seed7"
        claims = json.loads((folder / "claims.json").read_text())
        assert claims[0]["verdict"] == "reproduced"
        run = json.loads((folder / "run.json").read_text())
        assert run["command"] == "glasshouse run fake --preset small --seed 7"
        assert run["studies"][0]["seed"] == 7

    def test_tells_of_several_studies_on_one_page(self, capfd, tmp_path, monkeypatch):
        """One seed, one command that repeats all, one table of claims."""
        monkeypatch.setitem(STUDIES, "other", replace(CARD, name="other", title="Another"))
        told = glasshouse(capfd, "run", "fake", "other", "--seed", 7)
        assert told.status == 0
        folder = tmp_path / "runs" / "fake-seed7"
        claims = json.loads((folder / "claims.json").read_text())
        assert len(claims) == 2
        run = json.loads((folder / "run.json").read_text())
        assert run["command"] == "glasshouse run fake other --preset small --seed 7"
        assert "A fake study; Another" in (folder / "report.html").read_text()

    def test_repeats_from_the_command_it_records(self, capfd, tmp_path):
        """The command in the report is the whole recipe, presets and overrides included."""
        first = ("run", "fake", "--preset", "sure", "--set", "measured=0.7", "--out", "one")
        glasshouse(capfd, *first)
        command = json.loads((tmp_path / "one" / "run.json").read_text())["command"]
        glasshouse(capfd, *command.split()[1:], "--out", "two")
        one, two = ((tmp_path / name / "claims.json").read_bytes() for name in ("one", "two"))
        assert one == two

    def test_prints_claims_as_json(self, capfd):
        """One claim a line, and nothing else on standard output."""
        told = glasshouse(capfd, "run", "fake", "--json")
        assert [json.loads(line)["id"] for line in told.out.splitlines()] == ["fake/high"]

    def test_ends_well_whatever_the_verdicts_unless_strict(self, capfd):
        """Honest negatives are results; `--strict` is for those who gate on them."""
        low = ("run", "fake", "--set", "measured=0.5")
        assert glasshouse(capfd, *low).status == 0
        assert glasshouse(capfd, *low, "--strict").status == 1
        assert glasshouse(capfd, "run", "fake", "--set", "measured=0.7", "--strict").status == 0

    def test_replaces_its_own_report(self, capfd):
        """Running a study again into the same folder is no accident."""
        for _ in range(2):
            assert glasshouse(capfd, "run", "fake", "--out", "x").status == 0


class TestRunRefuses:
    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["toy-superpositon"], "did you mean toy-superposition"),
            (["qqq"], "choose one of: "),
            (["fake", "--preset", "smal"], "no preset 'smal'; did you mean small"),
            (["fake", "--set", "spred=1"], "did you mean spread"),
            (["fake", "--set", "spread=wide"], "spread must be a number"),
            (["fake", "--set", "spread=-1"], "spread=-1.0 must be 0 or more"),
            (["fake", "fake"], "names a study twice"),
            (["fake", "base-model", "--set", "spread=1"], "does not say whose field"),
            (["fake", "--seed", "seven"], "'seven' is not a whole number"),
            (["fake", "--seed", "-1"], "'-1' is not a whole number"),
            (["fake", "--sed", "1"], "--seed"),
            ([], "missing argument"),
        ],
    )
    def test_what_does_not_exist_in_one_sentence(self, capfd, tmp_path, words, sentence):
        """Exit status 2, the way out, and nothing written."""
        assert sentence in refused(glasshouse(capfd, "run", *words))
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_is_in_the_way(self, capfd, tmp_path):
        """Before the study runs, not after; what was there stays."""
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "photo.jpg").write_text("mine")
        assert "not a report" in refused(glasshouse(capfd, "run", "fake", "--out", "x"))
        assert [p.name for p in (tmp_path / "x").iterdir()] == ["photo.jpg"]

    def test_a_file_that_is_in_the_way(self, capfd, tmp_path):
        """`--out` names a folder."""
        (tmp_path / "x").write_text("mine")
        assert "is a file" in refused(glasshouse(capfd, "run", "fake", "--out", "x"))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_cannot_be_written(self, capfd, tmp_path):
        """No permission is known before the study runs."""
        (tmp_path / "x").mkdir(mode=0o500)
        assert "no permission" in refused(glasshouse(capfd, "run", "fake", "--out", "x/y"))


class TestTour:
    def test_runs_every_stop_into_one_report_and_says_where_it_is(
        self, capfd, tmp_path, monkeypatch
    ):
        """The last line of standard output is the page."""
        monkeypatch.setattr(tour, "STOPS", (("fake", "small"),))
        told = glasshouse(capfd, "tour", "--seed", 3, "--out", "t")
        assert told.status == 0
        assert told.out.splitlines()[-1] == "t/report.html"
        assert (tmp_path / "t" / "report.html").exists()

    def test_stops_at_studies_and_presets_that_exist(self):
        """The tour is the main job; a renamed preset must not break it."""
        for name, preset in tour.STOPS:
            assert preset in STUDIES[name].presets
