"""The file of step results."""

import resource
from dataclasses import replace

import pytest

from glasshouse.errors import RunError
from glasshouse.training import StepResult, best_held_out
from glasshouse.training.metrics import MetricsFile, cut_metrics, read_metrics


def result(step: int, loss: float = 1.0) -> StepResult:
    return StepResult(
        step=step, loss=loss, lr=0.1, grad_norm=1.0, tokens=step, tokens_per_second=1.0
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "metrics.jsonl"
    file = MetricsFile(path)
    for step in (1, 2, 3):
        file.append(result(step, loss=step / 3))
    file.close()
    return path


class TestMetricsFile:
    def test_leaves_no_part_of_a_line_that_did_not_fit(self, path):
        """A full disk takes a part of a line; the next line would be glued to it."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        whole = path.read_bytes()
        file = MetricsFile(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 10, before[1]))
        try:
            with pytest.raises(OSError, match="space"):
                file.append(result(4))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert path.read_bytes() == whole
        file.append(result(4))
        file.close()
        assert [r.step for r in read_metrics(path)] == [1, 2, 3, 4]


class TestReadMetrics:
    def test_gives_back_every_bit(self, path):
        """Numbers are written so that reading them gives the same float."""
        assert read_metrics(path) == [result(s, loss=s / 3) for s in (1, 2, 3)]

    def test_leaves_out_a_line_that_was_cut_off(self, path):
        """A full disk can stop a line half-way."""
        path.write_bytes(path.read_bytes()[:-10])
        assert [r.step for r in read_metrics(path)] == [1, 2]

    def test_refuses_a_line_that_is_no_result(self, path):
        """With the line's number."""
        path.write_bytes(b"[]\n")
        with pytest.raises(RunError, match="line 1 is damaged"):
            read_metrics(path)

    def test_refuses_steps_that_do_not_count_up(self, path):
        """Each step stands there exactly once."""
        path.write_bytes(path.read_bytes() * 2)
        with pytest.raises(RunError, match="line 4 is step 1"):
            read_metrics(path)


class TestCutMetrics:
    def test_leaves_the_lines_up_to_the_checkpoint(self, path):
        """What came after is done again, and must not stand there twice."""
        cut_metrics(path, 2)
        assert [r.step for r in read_metrics(path)] == [1, 2]

    def test_refuses_a_file_with_fewer_lines_than_the_checkpoint(self, path):
        """A checkpoint is saved after its lines, so somebody has changed the file."""
        with pytest.raises(RunError, match="3 whole lines"):
            cut_metrics(path, 4)

    def test_refuses_a_missing_file(self, tmp_path):
        """Half a run folder."""
        with pytest.raises(RunError, match="missing"):
            cut_metrics(tmp_path / "none.jsonl", 0)


class TestBestHeldOut:
    def test_is_the_step_with_the_lowest_loss_where_it_was_measured(self):
        """Most steps measure nothing, and a loss of one kind is not the whole."""
        measured = {2: {"all": 3.0, "a": 0.1}, 4: {"all": 2.0, "a": 2.0}, 6: {"all": 2.5, "a": 1.0}}
        steps = [replace(result(n), held_out=measured.get(n)) for n in range(1, 7)]
        best = best_held_out(steps)
        assert best is not None
        assert best.step == 4

    def test_is_none_where_nothing_was_measured(self):
        """A run may be told never to measure."""
        assert best_held_out([result(1)]) is None
