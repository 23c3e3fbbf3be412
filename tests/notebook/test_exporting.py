"""Exports hold what the notebook holds, and are whole or absent."""

import json
import math
import sys

import pytest
from tests.notebook.folders import report_folder, run_folder
from tests.notebook.test_notebook import ONE_OF_EACH

from glasshouse.errors import InputError
from glasshouse.notebook import Curve, Feature, Metric, Rating, Run, Transcript
from glasshouse.notebook.curves import write_curves
from glasshouse.notebook.exporting import (
    Selection,
    export_jsonl,
    export_parquet,
    export_tensorboard,
)
from glasshouse.notebook.importing import import_path


@pytest.fixture
def filled(notebook, tmp_path):
    """Two runs, a study with claims, and one record of each type."""
    notebook.add(*ONE_OF_EACH)
    run_folder(tmp_path / "in" / "book")
    report_folder(tmp_path / "in" / "fake")
    list(import_path(notebook, tmp_path / "in"))
    return notebook


class TestExportJsonl:
    def test_writes_one_record_a_line(self, filled, tmp_path):
        """Each says its type."""
        count = export_jsonl(filled, tmp_path / "out" / "all.jsonl", Selection())
        lines = [json.loads(line) for line in (tmp_path / "out/all.jsonl").read_text().splitlines()]
        assert len(lines) == count == sum(filled.counts().values())
        assert {line["type"] for line in lines} == {name.lower() for name in filled.counts()}

    def test_can_take_some_runs_and_what_is_theirs(self, filled, tmp_path):
        """And some types."""
        chosen = Selection(types=(Run, Metric, Rating), runs=Run.kind == "text")
        export_jsonl(filled, tmp_path / "some.jsonl", chosen)
        lines = [json.loads(line) for line in (tmp_path / "some.jsonl").read_text().splitlines()]
        assert [line["type"] for line in lines].count("run") == 2
        assert "rating" not in {line["type"] for line in lines}
        assert {line["run"] for line in lines if line["type"] == "metric"} == {
            line["id"] for line in lines if line["type"] == "run"
        }


class TestExportParquet:
    def test_writes_a_table_a_type(self, filled, tmp_path):
        """That others read back with the same values."""
        tables = pytest.importorskip("pyarrow.parquet")
        counts = export_parquet(filled, tmp_path / "tables", Selection())
        assert {one.stem for one in (tmp_path / "tables").iterdir()} == set(counts)
        runs = {
            row["id"]: row for row in tables.read_table(tmp_path / "tables/run.parquet").to_pylist()
        }
        assert len(runs) == filled.counts()["Run"]
        assert runs["a1"]["tags"] == ["keep"]
        assert runs["a1"]["status"] == "finished"
        assert runs["a1"]["started"] == ONE_OF_EACH[0].started
        assert json.loads(runs["a1"]["config"])["train"]["lr"] == 0.1
        (feature,) = tables.read_table(tmp_path / "tables/feature.parquet").to_pylist()
        assert feature["direction"] == filled.load(Feature, "e1").direction
        (said,) = tables.read_table(tmp_path / "tables/transcript.parquet").to_pylist()
        assert [turn["text"] for turn in json.loads(said["turns"])] == ["hi", "ho"]

    def test_has_a_row_for_each_value_of_a_curve(self, filled, tmp_path):
        """As whoever plots it wants them."""
        tables = pytest.importorskip("pyarrow.parquet")
        counts = export_parquet(filled, tmp_path / "t", Selection(types=(Metric,)))
        rows = tables.read_table(tmp_path / "t/metric.parquet").to_pylist()
        mine = [(row["step"], row["value"]) for row in rows if row["run"] == "a1"]
        assert mine == [(1, 2.0), (2, 1.0)]
        assert counts == {"metric": len(rows)}

    def test_leaves_nothing_of_what_failed(self, filled, tmp_path, monkeypatch):
        """A full disk half-way through."""
        pytest.importorskip("pyarrow")

        def fail(self, notebook, kind):
            if kind is Transcript:
                raise OSError(28, "no space left on device")
            return iter(())

        monkeypatch.setattr(Selection, "records", fail)
        with pytest.raises(OSError, match="no space"):
            export_parquet(filled, tmp_path / "tables", Selection())
        assert [one.name for one in tmp_path.iterdir()] == ["in"]

    def test_refuses_a_folder_with_something_in_it(self, filled, tmp_path):
        """Nobody loses a table to another one."""
        with pytest.raises(InputError, match="is there already"):
            export_parquet(filled, tmp_path, Selection())


class TestExportTensorboard:
    def test_writes_events_that_tensorboard_reads(self, filled, tmp_path):
        """Its own reader gives the curves back."""
        loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
        filled.run(
            lambda store: write_curves(store, "a1", {"loss": Curve([1, 2, 9], [2, math.nan, 0.5])})
        )
        counts = export_tensorboard(filled, tmp_path / "tb", Selection(runs=Run.id == "a1"))
        (folder,) = (tmp_path / "tb").iterdir()
        assert counts == {folder.name: 3}
        (file,) = folder.iterdir()
        events = [one for one in loader.LegacyEventFileLoader(str(file)).Load() if one.step]
        values = [one.summary.value[0] for one in events]
        assert [one.step for one in events] == [1, 2, 9]
        assert {one.tag for one in values} == {"loss"}
        assert values[2].simple_value == 0.5


PACKAGES = [
    ("pyarrow", export_parquet, "pyarrow"),
    ("tensorboard.summary.writer.event_file_writer", export_tensorboard, "tensorboard"),
]
"""A module that is asked for, who asks, and the package it comes in."""


class TestMissingPackages:
    @pytest.mark.parametrize(("module", "export", "package"), PACKAGES)
    def test_are_named_in_one_sentence(
        self, notebook, tmp_path, monkeypatch, module, export, package
    ):
        """With the way to get them; nothing is written."""
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(InputError, match=rf"needs the package {package}; .*\[export\]"):
            export(notebook, tmp_path / "out", Selection())
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(("module", "export", "package"), PACKAGES)
    def test_are_asked_for_last(self, notebook, tmp_path, monkeypatch, module, export, package):
        """Nobody installs a package to hear that the folder is taken."""
        monkeypatch.setitem(sys.modules, module, None)
        (tmp_path / "mine.txt").write_text("mine")
        with pytest.raises(InputError, match="is there already"):
            export(notebook, tmp_path, Selection())
