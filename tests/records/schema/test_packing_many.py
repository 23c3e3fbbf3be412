"""From many records to the rows of an index: the quick way beside the one record by record."""

from hypothesis import given
from hypothesis import strategies as st

from glasshouse.records import Record, computed, desc, fan_out
from glasshouse.records.schema.keys import key_of
from glasshouse.records.schema.packing import compile_key, compile_keys
from glasshouse.records.schema.packing_many import compile_key_list, compile_rows


class Run(Record):
    id: int
    study: str
    loss: float
    parent: str | None
    tags: list[str]
    scores: list[float] | None


RUNS = st.lists(
    st.builds(
        Run,
        id=st.integers(0, 3) | st.integers(),
        study=st.sampled_from(["a", "a\x00b", ""]) | st.text(max_size=3),
        loss=st.sampled_from([0.0, -0.0, 1.0]),
        parent=st.sampled_from([None, "a", "b"]),
        tags=st.lists(st.sampled_from("xyz") | st.text(max_size=2), max_size=4),
        scores=st.none() | st.lists(st.sampled_from([0.0, -0.0]), max_size=2),
    ),
    max_size=12,
)

KEYS = {
    "text": Run.study,
    "number": Run.id,
    "float": Run.loss,
    "optional": Run.parent,
    "descending": desc(Run.study),
    "fan-out": fan_out(Run.tags),
    "fan-out of floats that may be missing": fan_out(Run.scores),
    "several": (Run.study, desc(Run.loss), Run.parent),
    "several with a fan-out": (Run.study, fan_out(Run.tags)),
    "computed": computed("initial", lambda run: run.study[:1], type=str),
}


class TestCompileRows:
    @given(runs=RUNS)
    def test_gives_the_rows_that_records_give_one_by_one(self, runs):
        """Equal values may be packed once only where they pack alike: 0.0 and -0.0 do not."""
        ends = [b"%d" % place for place in range(len(runs))]
        for name, key in KEYS.items():
            columns = key_of(key, Run)
            keys = compile_keys(columns, 1)
            expected = [
                b"at " + one + end for end, run in zip(ends, runs, strict=True) for one in keys(run)
            ]
            found = compile_rows(columns, 1)(b"at ", ends, runs)
            assert sorted(found) == sorted(expected), name


class TestCompileKeyList:
    @given(runs=RUNS)
    def test_gives_the_keys_in_the_order_of_the_records(self, runs):
        """So that each stands beside its record."""
        for key in (Run.id, Run.parent, (Run.study, Run.id)):
            columns = key_of(key, Run)
            one = compile_key(columns, 1)
            assert compile_key_list(columns, 1)(runs) == [one(run) for run in runs]
