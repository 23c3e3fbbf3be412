import json

import pytest

from glasshouse.errors import InputError
from glasshouse.scaling import read_runs
from glasshouse.training import TextConfig, TrainConfig, continue_run, start_text_run


class TestTables:
    def test_read_alike_from_csv_and_json(self, tmp_path):
        """The same runs, whatever the file."""
        (tmp_path / "runs.csv").write_text(
            "name,params,tokens,loss\na,1e6,2e7,3.5\nb,2e6,2e7,3.2\n"
        )
        records = [
            {"name": "a", "params": 1e6, "tokens": 2e7, "loss": 3.5},
            {"name": "b", "params": 2e6, "tokens": 2e7, "loss": 3.2},
        ]
        (tmp_path / "runs.json").write_text(json.dumps(records))
        (tmp_path / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
        found = [read_runs(tmp_path / f"runs.{end}") for end in ("csv", "json", "jsonl")]
        assert found[0] == found[1] == found[2]
        assert found[0].runs[1].compute == 6 * 2e6 * 2e7

    def test_name_and_count_runs_without_a_loss(self, tmp_path):
        """An empty cell, a NaN and a word."""
        path = tmp_path / "runs.csv"
        path.write_text("params,tokens,loss\n1,1,2\n2,1,\n3,1,nan\n4,1,diverged\n")
        found = read_runs(path)
        assert len(found.runs) == 1
        assert [one.name for one in found.excluded] == ["run 2", "run 3", "run 4"]
        assert found.excluded[2].reason == "diverged"

    def test_hold_curves_in_json(self, tmp_path):
        """In order of tokens."""
        curve = [{"tokens": 2, "loss": 3.0}, {"tokens": 1, "loss": 4.0}]
        record = {"params": 1, "tokens": 2, "loss": 3.0, "curve": curve}
        (tmp_path / "runs.json").write_text(json.dumps({"runs": [record]}))
        assert [one.loss for one in read_runs(tmp_path / "runs.json").runs[0].curve] == [4, 3]

    @pytest.mark.parametrize(
        ("name", "text", "told"),
        [
            ("a.csv", "params,loss\n1,2\n", "no column tokens"),
            ("a.csv", "params,tokens,loss\n", "holds no run"),
            ("a.csv", "params,tokens,loss\nmany,1,2\n", "params='many' must be a number"),
            ("a.csv", "params,tokens,loss\n,1,2\n", "params='' must be a positive number"),
            ("a.csv", "params,tokens,loss\n-1,1,2\n", "must be a positive number"),
            ("a.json", "{", "is not JSON"),
            ("a.json", "3", "must hold a list"),
            ("a.json", '[{"params": 1, "tokens": 1, "loss": 1, "curve": 3}]', "curve must list"),
            ("a.json", '[{"params": true, "tokens": 1, "loss": 1}]', "must be a number"),
        ],
    )
    def test_refuse_what_is_no_table(self, tmp_path, name, text, told):
        """With the file, and the record."""
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=told):
            read_runs(tmp_path / name)

    def test_refuse_what_is_not_there(self, tmp_path):
        """By name."""
        with pytest.raises(InputError, match="no file or folder"):
            read_runs(tmp_path / "none.csv")
        with pytest.raises(InputError, match="no run folder"):
            read_runs(tmp_path)


class TestRunFolders:
    def test_say_size_data_and_curve(self, tmp_path):
        """A finished run counts; one that was stopped is named."""
        (tmp_path / "poem.txt").write_text("Roses are red, violets are blue.\n" * 200)
        for name, stop in (("whole", 99), ("half", 1)):
            config = TextConfig(
                context=16,
                num_layers=1,
                d_model=8,
                num_heads=1,
                train=TrainConfig(steps=2, batch_size=2, evaluate_every=1, precision="fp32"),
            )
            run = start_text_run(tmp_path / "poem.txt", tmp_path / "runs" / name, config)
            steps = continue_run(run)
            for step in steps:
                if step.step == stop:
                    break
            steps.close()
        (tmp_path / "runs" / "broken").mkdir()
        (tmp_path / "runs" / "broken" / "run.json").write_text("{")
        found = read_runs(tmp_path / "runs")
        assert [run.name for run in found.runs] == ["whole"]
        assert found.runs[0].tokens == 2 * 2 * 16
        assert len(found.runs[0].curve) == 2
        assert found.runs[0].params > 12 * 8 * 8  # biases and gains are counted here
        reasons = {one.name: one.reason for one in found.excluded}
        assert reasons["half"] == "stopped at step 1 of 2"
        assert "damaged" in reasons["broken"]
