"""Curves come back as they were written, however they were cut into stretches."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.errors import InputError
from glasshouse.notebook import Curve, Metric, Notebook
from glasshouse.notebook.curves import (
    STRETCH,
    by_curve,
    cut_curves,
    delete_curves,
    flatten,
    read_curve,
    read_curves,
    summarise,
    write_curves,
)
from glasshouse.records import Query


@pytest.fixture(scope="module")
def shared():
    with Notebook.open("memory:curves") as notebook:
        yield notebook


def written(notebook, name: str, steps, values=None) -> None:
    values = [float(step) for step in steps] if values is None else values
    notebook.run(lambda store: write_curves(store, "r", {name: Curve(list(steps), values)}))


class TestWriteCurves:
    def test_keeps_one_row_for_many_values(self, notebook):
        """A value a row would cost ten times as much to write."""
        for begin in range(0, 700, 70):
            written(notebook, "loss", range(begin, begin + 70))
        assert notebook.curve("r", "loss") == Curve(
            list(range(700)), [float(step) for step in range(700)]
        )
        stretches = list(notebook.query(Query(Metric).where(Metric.run == "r")))
        assert [len(one.steps) for one in stretches] == [STRETCH, 700 - STRETCH]

    def test_replaces_what_is_done_anew(self, notebook):
        """A run that goes on from step 2 does steps 3 and 4 again, with what they then give."""
        written(notebook, "loss", [1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0])
        written(notebook, "loss", [3, 4], [2.5, 1.5])
        assert notebook.curve("r", "loss").values == [4.0, 3.0, 2.5, 1.5]

    def test_replaces_whole_stretches(self, notebook):
        """Also where it goes back by more than one."""
        written(notebook, "loss", range(3 * STRETCH))
        written(notebook, "loss", [10], [0.5])
        assert notebook.curve("r", "loss").steps == list(range(11))
        assert notebook.curve("r", "loss").values[-1] == 0.5

    def test_keeps_runs_and_names_apart(self, notebook):
        """A name that begins like another is another."""
        written(notebook, "loss", [1])
        written(notebook, "loss/all", [1, 2])
        notebook.run(lambda store: write_curves(store, "r2", {"loss": Curve([9], [9.0])}))
        assert {name: len(one) for name, one in notebook.curves("r").items()} == {
            "loss": 1,
            "loss/all": 2,
        }

    @pytest.mark.parametrize(
        ("steps", "values"), [([2, 1], [0.0, 0.0]), ([1], []), ([1, 1], [0, 0])]
    )
    def test_refuses_what_is_no_curve(self, notebook, steps, values):
        """Steps ascend, each has a value."""
        with pytest.raises(InputError, match="loss"):
            written(notebook, "loss", steps, values)

    @settings(max_examples=12, deadline=None)
    @given(
        st.lists(
            st.lists(st.integers(0, 60), min_size=1, max_size=40, unique=True).map(sorted),
            max_size=6,
        )
    )
    def test_gives_what_a_list_would(self, shared, batches):
        """Against a model: what is at or behind the first new step goes, the new steps come."""
        expected: list[tuple[int, float]] = []
        shared.run(lambda store: delete_curves(store, "r"))
        for number, steps in enumerate(batches):
            values = [number + step / 100 for step in steps]
            written(shared, "x", steps, values)
            kept = [one for one in expected if one[0] < steps[0]]
            expected = kept + list(zip(steps, values, strict=True))
        found = shared.curve("r", "x")
        assert list(zip(found.steps, found.values, strict=True)) == expected


class TestCutCurves:
    def test_leaves_what_was_measured_up_to_a_step(self, notebook):
        """What a resumed run has not done anew."""
        written(notebook, "loss", range(1, 2 * STRETCH))
        written(notebook, "held_out", [100, 1000])
        written(notebook, "late", [900])
        notebook.run(lambda store: cut_curves(store, "r", 600))
        found = notebook.curves("r")
        assert {name: one.steps[-1] for name, one in found.items()} == {
            "loss": 600,
            "held_out": 100,
        }

    def test_can_leave_nothing(self, notebook):
        """All of one run's curves, and no other's."""
        written(notebook, "loss", [1])
        notebook.run(lambda store: write_curves(store, "r2", {"loss": Curve([9], [9.0])}))
        notebook.run(lambda store: delete_curves(store, "r"))
        assert notebook.run(lambda store: read_curves(store, "r")) == {}
        assert len(notebook.run(lambda store: read_curve(store, "r2", "loss"))) == 1


class TestSummarise:
    def test_leaves_out_what_is_no_number(self):
        """A gradient that overflowed once is no largest gradient."""
        found = summarise([1, 2, 3], [2.0, math.inf, 1.0])
        assert (found.steps, found.last, found.least, found.most) == (3, 1.0, 1.0, 2.0)
        assert summarise([1], [math.nan]).last is None

    @given(st.lists(st.floats(-5, 5), min_size=2), st.data())
    def test_goes_on_from_what_is_summarised(self, values, data):
        """In parts as at once: a log never reads back what it wrote."""
        cut = data.draw(st.integers(1, len(values) - 1))
        steps = list(range(len(values)))
        before = summarise(steps[:cut], values[:cut])
        assert summarise(steps[cut:], values[cut:], before=before) == summarise(steps, values)


class TestByCurve:
    def test_gives_values_inside_others_a_path(self):
        """Held-out losses by kind are curves of their own; what was not measured has none."""
        lines = [(1, {"loss": 2, "held_out": None}), (2, {"loss": 1.5, "held_out": {"all": 3}})]
        assert by_curve(lines) == {
            "loss": Curve([1, 2], [2.0, 1.5]),
            "held_out/all": Curve([2], [3.0]),
        }

    def test_has_no_curves_of_words(self):
        """Only numbers are drawn."""
        assert flatten({"phase": "warm-up", "loss": 1, "is_done": True}) == {
            "loss": 1.0,
            "is_done": 1.0,
        }
