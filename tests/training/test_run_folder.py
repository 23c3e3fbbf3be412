"""Run folders."""

import json

import pytest
from tests.training.tiny_runs import make_config, make_run

from glasshouse.errors import InputError, RunError
from glasshouse.training import list_runs, open_run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run")


class TestStartRun:
    def test_records_what_another_person_needs(self, run):
        """Config, seed, versions, command and machine come back as they were."""
        record = open_run(run.folder).record
        assert record == run.record
        assert record.config == make_config()
        assert record.versions.keys() >= {"glasshouse", "python", "torch", "numpy"}
        assert record.decisions.threads == 1
        assert record.recipe["made by"] == "a test"

    def test_refuses_a_folder_that_is_taken(self, run):
        """And says how to go on with the run that is there."""
        with pytest.raises(InputError, match=r"exists already.*--resume"):
            make_run(run.folder)

    def test_leaves_nothing_when_the_data_is_too_short(self, tmp_path):
        """A folder that exists can be resumed, so there must be none."""
        with pytest.raises(InputError):
            make_run(tmp_path / "run", count=0)
        assert not list(tmp_path.iterdir())


class TestOpenRun:
    def test_refuses_a_missing_folder(self, tmp_path):
        """By name."""
        with pytest.raises(RunError, match=r"there is no run folder .*nowhere"):
            open_run(tmp_path / "nowhere")

    def test_refuses_a_folder_that_is_no_run(self, tmp_path):
        """Any other folder."""
        with pytest.raises(RunError, match=r"no run\.json"):
            open_run(tmp_path)

    def test_refuses_another_version(self, run):
        """It says which version wrote it and what this one reads."""
        path = run.folder / "run.json"
        path.write_text(json.dumps({"format": 7, "versions": {"glasshouse": "3.1"}}))
        with pytest.raises(RunError, match=r"format 7, written by glasshouse 3\.1"):
            open_run(run.folder)

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "kind"'])
    def test_refuses_a_damaged_record(self, run, content):
        """Cut off, empty, or some other JSON."""
        (run.folder / "run.json").write_text(content)
        with pytest.raises(RunError, match="damaged"):
            open_run(run.folder)

    @pytest.mark.parametrize("part", ["metrics.jsonl", "checkpoints/step-00000000"])
    def test_refuses_half_a_run(self, run, part):
        """Somebody has copied only some of it."""
        (run.folder / part).rename(run.folder.parent / "elsewhere")
        with pytest.raises(RunError, match="half a run folder"):
            open_run(run.folder)


class TestListRuns:
    def test_finds_the_sound_ones(self, run, tmp_path):
        """A broken neighbour hides nobody."""
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "run.json").write_text("{")
        assert [found.folder for found in list_runs(tmp_path)] == [run.folder]
