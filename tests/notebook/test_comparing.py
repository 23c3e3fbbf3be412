"""A comparison has what is apart, and nothing else."""

from tests.notebook.folders import report_folder, run_folder

from glasshouse.notebook.comparing import Difference, compare_runs, flat
from glasshouse.notebook.importing import import_report, import_run


class TestCompareRuns:
    def test_tells_configs_versions_and_curves_apart(self, notebook, tmp_path):
        """By the names that --set takes."""
        one = import_run(notebook, run_folder(tmp_path / "a")).run
        other = import_run(
            notebook,
            run_folder(
                tmp_path / "b",
                steps=4,
                saved=(4,),
                config={"steps": 6, "seed": 8, "schedule": {"peak_lr": 0.02}},
                versions={"glasshouse": "0.1.0", "torch": "2.10"},
            ),
        ).run
        found = {(one.section, one.name): one for one in compare_runs(notebook, one, other)}
        assert found["config", "train.schedule.peak_lr"] == Difference(
            "config", "train.schedule.peak_lr", 0.01, 0.02
        )
        assert found["versions", "torch"].second == "2.10"
        assert found["run", "seed"].first == 7
        assert found["metrics", "loss.last"].first < found["metrics", "loss.last"].second
        assert ("versions", "glasshouse") not in found
        assert ("config", "d_model") not in found

    def test_sets_claims_side_by_side(self, notebook, tmp_path):
        """Those of the same name; what one run lacks is None."""
        ((one, _),) = import_report(notebook, report_folder(tmp_path / "a"))
        run = import_run(notebook, run_folder(tmp_path / "b")).run
        claims = [d for d in compare_runs(notebook, one, run) if d.section == "claims"]
        assert claims[0] == Difference("claims", "high", "reproduced (0.94)", None)

    def test_has_nothing_to_say_of_the_same(self, notebook, tmp_path):
        """A run beside itself."""
        run = import_run(notebook, run_folder(tmp_path / "a")).run
        assert compare_runs(notebook, run, run) == []


class TestFlat:
    def test_gives_dotted_names(self):
        """An empty dict is a value."""
        assert flat({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "a.c": {}, "d": [2]}
