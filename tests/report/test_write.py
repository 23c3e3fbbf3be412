"""A report is whole or absent, and never takes another's place."""

import errno
import json

import pytest
from tests.report.sample import sample_provenance, sample_result

from glasshouse.errors import InputError
from glasshouse.report import check_destination, write_report
from glasshouse.report import write as write_module
from glasshouse.studies import Figure, Findings, Section, StudyResult


def write(out, *names):
    results = [sample_result(name) for name in names or ("sample",)]
    return write_report(results, out, title="A report", provenance=sample_provenance())


class TestWriteReport:
    def test_writes_claims_page_figures_and_what_to_run_again(self, tmp_path):
        """The files that DESIGN promises, and the config, seed and versions beside them."""
        page = write(tmp_path / "out")
        assert page == tmp_path / "out" / "report.html"
        names = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")}
        assert names == {
            "claims.json",
            "report.html",
            "run.json",
            "figures/phases.svg",
            "figures/facts.svg",
        }
        claims = json.loads((tmp_path / "out" / "claims.json").read_text())
        assert claims[0]["id"] == "sample/boundary"
        run = json.loads((tmp_path / "out" / "run.json").read_text())
        assert run["studies"][0]["config"] == {"models": "12", "train.peak_lr": "0.001"}
        assert page.stat().st_size < 3_000_000

    def test_names_no_host(self, tmp_path):
        """A report is shown to others; it says what the machine is, not whose."""
        import platform

        write(tmp_path / "out")
        for file in (tmp_path / "out").rglob("*.*"):
            assert platform.node() not in file.read_text()

    def test_replaces_an_earlier_report_of_the_same_study(self, tmp_path):
        """Files of the old report that the new one lacks go; a reader's own notes stay."""
        write(tmp_path / "out")
        (tmp_path / "out" / "figures" / "old.svg").write_text("<svg/>")
        (tmp_path / "out" / "notes.txt").write_text("mine")
        write(tmp_path / "out")
        assert not (tmp_path / "out" / "figures" / "old.svg").exists()
        assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]

    def test_prefixes_figures_when_there_are_several_studies(self, tmp_path):
        """Two studies may both have a figure called `phases`."""
        write(tmp_path / "out", "one", "two")
        assert (tmp_path / "out" / "figures" / "one--phases.svg").exists()
        assert (tmp_path / "out" / "figures" / "two--phases.svg").exists()

    def test_leaves_nothing_when_the_disk_is_full(self, tmp_path, monkeypatch):
        """A half-written report would be worse than none."""

        def full(*arguments):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(write_module, "standalone", full)
        with pytest.raises(OSError, match="No space left"):
            write(tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_keeps_the_old_report_when_a_new_one_cannot_be_drawn(self, tmp_path):
        """A figure that fails is our mistake; the earlier report is not its price."""
        write(tmp_path / "out")
        before = (tmp_path / "out" / "report.html").read_bytes()

        def broken():
            raise ZeroDivisionError

        figure = Figure(name="bad", title="Bad", caption="Bad.", draw=broken)
        findings = Findings(claims=(), sections=(Section(title="s", items=(figure,)),))
        good = sample_result()
        bad = StudyResult(card=good.card, preset="small", seed=0, config=None, findings=findings)
        with pytest.raises(ZeroDivisionError):
            write_report([bad], tmp_path / "out", title="t", provenance=sample_provenance())
        assert (tmp_path / "out" / "report.html").read_bytes() == before


class TestCheckDestination:
    def test_takes_a_new_or_empty_folder(self, tmp_path):
        """Nothing is in the way."""
        check_destination(tmp_path / "a" / "b", ["sample"])
        check_destination(tmp_path, ["sample"])

    def test_refuses_a_file(self, tmp_path):
        """A file cannot hold a report."""
        (tmp_path / "out").write_text("x")
        with pytest.raises(InputError, match="is a file"):
            check_destination(tmp_path / "out", ["sample"])

    def test_refuses_a_folder_below_a_file(self, tmp_path):
        """The folder could never be made."""
        (tmp_path / "file").write_text("x")
        with pytest.raises(InputError, match="is a file"):
            check_destination(tmp_path / "file" / "out", ["sample"])

    def test_refuses_a_folder_of_other_things(self, tmp_path):
        """A training run, or someone's photographs."""
        (tmp_path / "run.json").write_text('{"kind": "text"}')
        with pytest.raises(InputError, match="not a report"):
            check_destination(tmp_path, ["sample"])

    def test_refuses_another_studys_report(self, tmp_path):
        """Results of another study would be lost."""
        write(tmp_path / "out", "other")
        with pytest.raises(InputError, match="holds a report of other"):
            check_destination(tmp_path / "out", ["sample"])
