"""The notebook keeps every kind of record, and finds it by what people ask for."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from glasshouse.errors import EngineError, InputError, SchemaError, UniquenessError
from glasshouse.notebook import (
    ActivationExample,
    Attack,
    Checkpoint,
    Choice,
    Claim,
    Comparison,
    Control,
    Curve,
    Feature,
    Finding,
    Metric,
    Notebook,
    Rating,
    Run,
    RunStatus,
    Severity,
    Summary,
    Transcript,
    Turn,
    derived_id,
    new_id,
)
from glasshouse.notebook.curves import write_curves
from glasshouse.notebook.place import default_folder, is_there, notebook_url
from glasshouse.notebook.schema import RECORDS, SCHEMA
from glasshouse.records import Query, changes, desc, explain, one_of
from glasshouse.records.operations.scrub import scrub

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
VECTOR = np.arange(4, dtype="<f4").tobytes()

ONE_OF_EACH = (
    Run(
        id="a1",
        kind="text",
        started=NOW,
        status=RunStatus.FINISHED,
        config={"train": {"lr": 0.1, "widths": [1, 2]}},
        metrics={"loss": Summary(3, 1.0, 0.5, 2.0, 3)},
        tags=["keep"],
    ),
    Metric(run="a1", name="loss", first_step=1, steps=[1, 2], values=[2.0, 1.0]),
    Checkpoint(id="c1", run="a1", step=2, path="/runs/a/checkpoints/step-00000002"),
    Claim(
        id="d1",
        run="a1",
        study="fake",
        name="high",
        claim="It is high.",
        verdict="trend",
        created=NOW,
        control=Control(0.1, False, "shuffled"),
    ),
    Feature(id="e1", dictionary="sae", number=0, direction=VECTOR, explanation="the word cat"),
    ActivationExample(
        feature="e1", number=0, tokens=["a", "cat"], activations=[0.0, 2.0], strongest=2.0, peak=1
    ),
    Transcript(
        id="f1", kind="completion", created=NOW, turns=[Turn("prompt", "hi"), Turn("model", "ho")]
    ),
    Comparison(id="g1", created=NOW, choice=Choice.FIRST, first="f1", second="f2", margin=0.3),
    Rating(id="h1", created=NOW, of="f1", value=4.0, scale="1-5"),
    Attack(id="i1", created=NOW, target="c1", method="human", prompt="ignore all", success=0.5),
    Finding(id="j1", created=NOW, kind="audit", title="It lies.", severity=Severity.HIGH),
)


def run_at(hour: int, **fields) -> Run:
    defaults = {"id": new_id(), "kind": "text", "started": NOW + timedelta(hours=hour)}
    return Run(**{**defaults, **fields})


class TestSchema:
    def test_has_a_case_of_every_type_here(self):
        """A type that is added is added to these tests."""
        assert {type(one) for one in ONE_OF_EACH} == set(RECORDS)

    def test_gives_back_what_was_written(self, notebook):
        """Every type, every field; and every index is true of them."""
        notebook.add(*ONE_OF_EACH)
        for record in ONE_OF_EACH:
            key = SCHEMA.keys[type(record)]
            values = [getattr(record, column.path[0]) for column in key]
            assert notebook.load(type(record), *values) == record
        assert list(scrub(notebook.handle)) == []

    def test_needs_no_more_than_what_a_record_is(self):
        """Each type has a handful of required fields; later rooms fill in what they know."""
        required = {
            kind.__name__: [one.name for one in msgspec.structs.fields(kind) if one.required]
            for kind in RECORDS
        }
        assert required["Run"] == ["id", "kind", "started"]
        assert all(len(names) <= 7 for names in required.values())

    @pytest.mark.parametrize(
        ("query", "index"),
        [
            (Query(Run).order_by(desc(Run.started)), "runs_by_start"),
            (Query(Run).where(Run.study == "x").order_by(Run.started), "runs_by_study"),
            (Query(Run).where(Run.kind == "x").order_by(desc(Run.started)), "runs_by_kind"),
            (Query(Run).where(Run.loss < 2), "runs_by_loss"),
            (Query(Run).where(one_of(Run.tags) == "keep"), "runs_by_tag"),
            (Query(Run).where(Run.parent == "x"), "runs_by_parent"),
            (Query(Checkpoint).where(Checkpoint.run == "x"), "checkpoints_by_run"),
            (Query(Checkpoint).where(Checkpoint.weights == "x"), "checkpoints_by_weights"),
            (Query(Claim).where(Claim.verdict == "trend"), "claims_by_verdict"),
            (Query(Claim).where(Claim.study == "x", Claim.name == "y"), "claims_by_study"),
            (Query(Feature).where(Feature.dictionary == "x"), "features_by_"),
            (
                Query(Feature).where(Feature.dictionary == "x").order_by(desc(Feature.density)),
                "features_by_density",
            ),
            (Query(Transcript).where(Transcript.model == "x"), "transcripts_by_model"),
            (Query(Transcript).where(Transcript.run == "x"), "transcripts_by_"),
            (Query(Comparison).where(Comparison.run == "x"), "comparisons_by_run"),
            (Query(Rating).where(Rating.of == "x"), "ratings_by_subject"),
            (
                Query(Attack).where(Attack.target == "x").order_by(Attack.success),
                "attacks_by_target",
            ),
            (Query(Attack).where(one_of(Attack.harms) == "x"), "attacks_by_harm"),
            (Query(Finding).where(Finding.severity >= Severity.HIGH), "findings_by_severity"),
            (Query(Finding).where(Finding.subject == "x"), "findings_by_subject"),
        ],
    )
    def test_answers_what_people_ask_by_an_index(self, notebook, query, index):
        """None of these goes through all records of a type."""
        plan = notebook.run(lambda store: explain(store, query))
        assert index in plan
        assert "sort" not in plan

    def test_tells_what_changed_since(self, notebook):
        """The change feed goes over all types, in the order of commits."""
        notebook.add(ONE_OF_EACH[0])
        (first,) = notebook.run(lambda store: list(changes(store, "changes")))
        notebook.add(ONE_OF_EACH[6])
        notebook.delete(Run, "a1")
        later = notebook.run(lambda store: list(changes(store, "changes", since=first.version)))
        assert [(one.record_type, one.record is None) for one in later] == [
            (Transcript, False),
            (Run, True),
        ]


class TestNotebook:
    def test_finds_by_any_unambiguous_beginning(self, notebook):
        """Nobody types sixteen digits."""
        notebook.add(run_at(0, id="abc1"), run_at(0, id="abc2"), run_at(0, id="b"), *ONE_OF_EACH)
        assert notebook.find("abc1").id == "abc1"
        assert isinstance(notebook.find("j"), Finding)
        assert notebook.find("b", Run).id == "b"
        with pytest.raises(InputError, match="several ids: run abc1, run abc2"):
            notebook.find("abc")
        with pytest.raises(InputError, match="has an id that begins with 'zz'"):
            notebook.find("zz")

    def test_prefers_a_whole_id(self, notebook):
        """One id may be the beginning of another."""
        notebook.add(run_at(0, id="ab"), run_at(0, id="abc"))
        assert notebook.find("ab").id == "ab"
        assert notebook.has("ab")
        assert not notebook.has("a")

    def test_writes_more_than_a_batch(self, notebook, monkeypatch):
        """In several transactions; a question gets them in order, each once."""
        monkeypatch.setattr("glasshouse.notebook.notebook._BATCH", 7)
        notebook.add(*(run_at(hour, id=f"{hour:04d}") for hour in range(40)))
        ids = [run.id for run in notebook.query(Query(Run).order_by(desc(Run.started)))]
        assert ids == [f"{hour:04d}" for hour in reversed(range(40))]
        assert notebook.counts() == {"Run": 40}

    def test_counts_without_going_through_records(self, notebook):
        """Each type once; what is gone is not counted."""
        notebook.add(*ONE_OF_EACH)
        notebook.delete(Rating, "h1")
        assert notebook.counts() == {kind.__name__: 1 for kind in RECORDS if kind is not Rating}

    def test_removes_a_run_with_what_is_its_own(self, notebook):
        """Not with what others made of it."""
        notebook.add(*ONE_OF_EACH)
        notebook.run(lambda store: write_curves(store, "a1", {"x": Curve([1], [1.0])}))
        assert notebook.delete_run("a1")
        assert not {"Run", "Metric", "Checkpoint", "Claim"} & notebook.counts().keys()
        assert "Transcript" in notebook.counts()
        assert list(scrub(notebook.handle)) == []

    def test_refuses_two_features_of_one_number(self, notebook):
        """In one dictionary; in another, the number is another feature."""
        notebook.add(Feature(id="x", dictionary="sae", number=1))
        notebook.add(Feature(id="y", dictionary="other", number=1))
        with pytest.raises(UniquenessError):
            notebook.add(Feature(id="z", dictionary="sae", number=1))


class TestProjects:
    def test_see_nothing_of_each_other(self, tmp_path):
        """Tenants of one engine, each with its own records and indexes."""
        url = f"lmdb:{tmp_path / 'notes'}"
        with Notebook.open(url, "one") as one:
            with Notebook.open(url, "two") as two:
                assert two.projects() == []
                one.add(run_at(0, id="a"))
                two.add(run_at(0, id="b"))
                assert [run.id for run in two.query(Query(Run))] == ["b"]
                assert two.projects() == ["one", "two"]
            assert one.load(Run, "b") is None

    @pytest.mark.parametrize("name", ["", " ", "a\n", " a"])
    def test_need_a_name(self, name):
        """One that can be typed again."""
        with pytest.raises(InputError, match="is no name"):
            Notebook.open("memory:", name)


class TestPlace:
    def test_is_what_was_asked_for_first(self, monkeypatch):
        """The option, then the environment, then the user's data directory."""
        monkeypatch.setenv("GLASSHOUSE_NOTEBOOK", "memory:env")
        assert notebook_url("memory:given") == "memory:given"
        assert notebook_url() == "memory:env"
        monkeypatch.setenv("GLASSHOUSE_NOTEBOOK", "")
        monkeypatch.setenv("XDG_DATA_HOME", "/data")
        assert notebook_url() == f"lmdb:{default_folder()}"
        assert notebook_url("notes") == "lmdb:notes"

    def test_can_be_nowhere(self, monkeypatch):
        """`none` switches it off, and who then asks for one is told so."""
        monkeypatch.setenv("GLASSHOUSE_NOTEBOOK", "none")
        assert notebook_url() is None
        with pytest.raises(EngineError, match="switched off"):
            Notebook.open()

    def test_is_looked_for_without_making_it(self, tmp_path):
        """A question leaves no folder behind."""
        url = f"lmdb:{tmp_path / 'notes'}"
        assert not is_there(url)
        assert list(tmp_path.iterdir()) == []
        Notebook.open(url).close()
        assert is_there(url + "?sync=off")

    def test_refuses_a_notebook_of_a_later_version(self, tmp_path, monkeypatch):
        """One sentence that says to upgrade; nothing is touched."""
        url = f"lmdb:{tmp_path / 'notes'}"
        with Notebook.open(url) as notebook:
            notebook.add(run_at(0, id="a"))
            later = type(SCHEMA)(
                name=SCHEMA.name, version=99, records=SCHEMA.records, indexes=SCHEMA.indexes
            )
            notebook.database.store(later, notebook.handle.place).run(lambda store: None)
        with pytest.raises(SchemaError, match="upgrade the program"):
            Notebook.open(url)

    def test_brings_an_earlier_version_up_to_date(self, tmp_path, monkeypatch):
        """New indexes are built while the notebook is open, a few records at once."""
        url = f"lmdb:{tmp_path / 'notes'}"
        fewer = tuple(one for one in SCHEMA.indexes if one.name != "runs_by_loss")
        before = type(SCHEMA)(name=SCHEMA.name, version=1, records=SCHEMA.records, indexes=fewer)
        now = type(SCHEMA)(
            name=SCHEMA.name, version=2, records=SCHEMA.records, indexes=SCHEMA.indexes
        )
        monkeypatch.setattr("glasshouse.records.store.opening.BUILT_AT_ONCE", 5)
        monkeypatch.setattr("glasshouse.notebook.notebook.SCHEMA", before)
        with Notebook.open(url) as notebook:
            notebook.add(*(run_at(0, loss=float(number)) for number in range(20)))
        monkeypatch.setattr("glasshouse.notebook.notebook.SCHEMA", now)
        with Notebook.open(url) as notebook:
            best = Query(Run).where(Run.loss < 3).order_by(Run.loss).sorted_in_memory()
            assert [run.loss for run in notebook.query(best)] == [0, 1, 2]


class TestIds:
    def test_are_the_same_for_the_same(self):
        """What is found twice stays one record; what is new has a name of its own."""
        assert derived_id("run", b"x") == derived_id("run", b"x") != derived_id("run", b"y")
        assert derived_id("a", "b") != derived_id("ab", "")
        assert new_id() != new_id()
        assert {len(new_id()), len(derived_id(1))} == {16}
