"""Record types: what their classes and their instances are."""

import msgspec
import pytest

from glasshouse.errors import QueryError, SchemaError
from glasshouse.records.expressions import Record, concatenate, fan_out, one_of
from glasshouse.records.expressions.conditions import Comparison, Operator
from glasshouse.records.expressions.reference import path_of, type_of


class Optimizer(msgspec.Struct):
    lr: float = 0.1


class Run(Record, kw_only=True):
    id: str
    loss: float | None = None
    tags: list[str] = []
    optimizer: Optimizer | None = None


class TestRecord:
    def test_shows_references_on_the_class_and_values_on_instances(self):
        """`Run.loss` is for queries, `run.loss` for programs."""
        run = Run(id="a", loss=2.0)
        assert run.loss == 2.0
        assert repr(Run.loss) == "Run.loss"
        assert path_of(Run.loss) == ("loss",)

    def test_is_still_a_struct(self):
        """Encoding, comparing and copying work as for any msgspec struct."""
        run = Run(id="a", tags=["x"], optimizer=Optimizer(0.5))
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(run), type=Run) == run
        assert Run.__struct_fields__ == ("id", "loss", "tags", "optimizer")

    def test_reaches_into_structs_and_elements(self):
        """A path may go through optional structs and through the elements of a list."""
        assert path_of(Run.optimizer.lr) == ("optimizer", "lr")
        assert path_of(one_of(Run.tags)) == ("tags[]",)
        assert type_of(fan_out(Run.tags)) is str
        assert path_of(concatenate(Run.tags)) == ("tags[*]",)

    def test_names_what_there_is_instead(self):
        """A mistyped field is answered with the fields."""
        with pytest.raises(SchemaError, match="optimizer has no field 'rate'; it has lr"):
            Run.optimizer.rate  # noqa: B018
        with pytest.raises(SchemaError, match="one_of"):
            Run.tags.text  # noqa: B018
        with pytest.raises(SchemaError, match="needs a list, set or tuple"):
            one_of(Run.loss)

    def test_refuses_what_python_cannot_overload(self):
        """`and` would silently drop a condition, so it is refused."""
        with pytest.raises(QueryError, match=r"write \(a\) & \(b\)"):
            bool(Run.loss < 2 and Run.id == "a")
        with pytest.raises(QueryError, match="put comparisons in parentheses"):
            (Run.loss < 2) & True
        with pytest.raises(QueryError, match="is a field, not a value"):
            assert Run.loss
        with pytest.raises(QueryError, match="fields compare with values"):
            assert Run.id == Run.loss
        with pytest.raises(QueryError, match="say one_of"):
            list(Run.tags)

    def test_compares_into_conditions(self):
        """Each operator gives its condition."""
        assert (Run.loss < 2) == Comparison(("loss",), Operator.LESS, 2)
        assert str(~((Run.id == "a") | (Run.loss >= 1))) == "~((id == 'a') | (loss >= 1))"
