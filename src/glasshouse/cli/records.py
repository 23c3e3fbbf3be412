"""`glasshouse records`: looking after stores of records, the notebook or any other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, table_console, talk
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Project
from glasshouse.cli.options import AsJson, named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.records import Database, StoreHandle, Subspace
    from glasshouse.records.operations.problems import Problem
else:
    Database = Problem = StoreHandle = Subspace = Any

app = typer.Typer(
    help="Look after the notebook, or any other store of records.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Place = Annotated[
    str | None,
    typer.Option(
        "--path",
        metavar="A/B/C",
        help="Where in the engine another store than the notebook's stands, as shop/berlin.",
    ),
]
SchemaName = Annotated[
    str | None,
    typer.Option(
        "--schema", metavar="MODULE:NAME", help="The schema of a store that is not a notebook."
    ),
]
Everything = Annotated[
    bool, typer.Option("--everything", help="All that the engine holds, every project of it.")
]


@app.command()
def stats(
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    path: Place = None,
    json: AsJson = False,
) -> None:
    """Count rows and bytes of each record type and each index.

    [green]glasshouse records stats[/green]
    """
    from glasshouse.records.operations.stats import stats as count

    with _database(notebook) as database:
        found = count(database.engine, _place(project, path).key)
    if json:
        json_line(found)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "kind", "records", "rows", "bytes", "state"):
        is_number = heading in ("records", "rows", "bytes")
        table.add_column(heading, justify="right" if is_number else "left")
    for one in (*found.record_types, *found.indexes):
        records = "" if one.records is None else f"{one.records:,}"
        kind = "records" if one.kind is None else one.kind
        table.add_row(one.name, kind, records, f"{one.rows:,}", f"{one.bytes:,}", one.state or "")
    table_console().print(table)
    talk(
        f"schema {found.schema!r} version {found.version}, format {found.format}: "
        f"{found.bytes:,} bytes in all"
    )


@app.command()
def explain(
    record: Annotated[str, typer.Argument(metavar="TYPE", help="A record type, as run.")],
    where: Annotated[
        str | None, typer.Option(metavar="CONDITION", help="What is asked, as for `runs`.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="FIELD", help="In what order; a minus turns it round.")
    ] = None,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    path: Place = None,
    schema: SchemaName = None,
) -> None:
    """Say how a query would be answered: by which indexes, in which steps.

    [green]glasshouse records explain run --where "study == 'rlhf' and loss < 2"[/green]
    """
    from glasshouse.records import Query, desc, parse_where
    from glasshouse.records import explain as explain_query
    from glasshouse.records.query import parse_field

    with _store(notebook, project, path, schema) as handle:
        kinds = {kind.__name__.lower(): kind for kind in handle.schema.records}
        if record.lower() not in kinds:
            raise InputError(f"TYPE {record} is none of {', '.join(kinds)}")
        kind = kinds[record.lower()]
        query = Query(kind)
        if where is not None:
            query = query.where(parse_where(where, kind))
        if sort is not None:
            field = parse_field(sort.removeprefix("-"), kind)
            query = query.order_by(desc(field) if sort.startswith("-") else field)
            query = query.sorted_in_memory()
        data(handle.read(lambda store: explain_query(store, query)))


@app.command()
def scrub(
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    path: Place = None,
    schema: SchemaName = None,
    json: AsJson = False,
) -> None:
    """Compare records with indexes, both ways, and check the file.

    The exit status is 1 if something is wrong.

    [green]glasshouse records scrub[/green]
    """
    from glasshouse.cli.progress import progress_bar
    from glasshouse.errors import CorruptionError
    from glasshouse.notebook.place import notebook_url
    from glasshouse.records.operations.problems import ProblemKind
    from glasshouse.records.operations.scrub import scrub_steps

    num_wrong = num_rows = 0
    try:
        with _store(notebook, project, path, schema) as handle, progress_bar("scrubbing") as bar:
            for step in scrub_steps(handle):
                num_rows += step.num_rows
                bar(num_rows, num_rows + 1, step.where)
                for problem in step.problems:
                    num_wrong += problem.kind is not ProblemKind.NOT_CHECKED
                    _tell(problem, json=json)
    except CorruptionError:
        # Too damaged to be opened: the pages of the file say what is wrong.
        pages = list(_damaged_pages(notebook_url(notebook) or ""))
        if not pages:
            raise
        for problem in pages:
            _tell(problem, json=json)
        num_wrong += len(pages)
    if num_wrong:
        things = "1 thing is" if num_wrong == 1 else f"{num_wrong} things are"
        talk(f"{things} wrong; `glasshouse records repair` mends what can be mended")
        raise typer.Exit(1)
    talk("all is well")


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(parser=named_path, metavar="FILE", help="The file to write.")
    ],
    everything: Everything = False,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    path: Place = None,
    json: AsJson = False,
) -> None:
    """Write a store into one file, as it is at this moment; the file is whole or absent.

    [green]glasshouse records backup notebook.backup[/green]
    """
    from glasshouse.records.operations.backup import backup as write

    with _database(notebook) as database:
        prefix = b"" if everything else _place(project, path).key
        totals = write(database.engine, prefix, file)
    if json:
        json_line({"path": shown_path(file), "rows": totals.rows, "bytes": totals.num_bytes})
        return
    data(shown_path(file))
    talk(f"{totals.rows:,} rows, {totals.num_bytes:,} bytes of keys and values")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(parser=named_path, metavar="FILE", help="A backup.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="What is there already may go.")
    ] = False,
    everything: Everything = False,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    path: Place = None,
    json: AsJson = False,
) -> None:
    """Make a store of a backup; stopped half-way, the same command goes on.

    [green]glasshouse records restore notebook.backup --notebook lmdb:copy[/green]
    """
    from glasshouse.cli.progress import progress_bar
    from glasshouse.errors import BackupError
    from glasshouse.records.operations.restore import restore as write

    if not file.is_file():
        raise InputError(f"there is no file {file} to restore")
    totals = None
    with _database(notebook, is_new=True) as database, progress_bar("restoring") as bar:
        prefix = b"" if everything else _place(project, path).key
        try:
            for totals in write(file, database.engine, prefix, overwrite=overwrite):
                bar(totals.rows, totals.rows + 1, f"{totals.rows:,} rows")
        except BackupError as error:
            # The library knows places by their keys; people know them by the words they gave.
            where = "the engine" if everything else path or f"project {project!r}"
            sentence = str(error).replace(f"at {prefix!r}", f"in {where}")
            sentence = sentence.replace("overwrite it if", "give --overwrite if")
            raise BackupError(sentence.replace("or overwrite it", "or give --overwrite")) from None
    rows = 0 if totals is None else totals.rows
    if json:
        json_line({"path": shown_path(file), "rows": rows})
        return
    talk(f"{rows:,} rows restored")


@app.command()
def repair(
    set_aside: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="FILE",
            help="Move the bytes of damaged records here; without, they are only named.",
        ),
    ] = None,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    path: Place = None,
    schema: SchemaName = None,
    json: AsJson = False,
) -> None:
    """Mend what `scrub` finds: build indexes anew, remove lost parts of records.

    The exit status is 1 if something is left that nobody can mend.

    [green]glasshouse records repair --set-aside damaged.bin[/green]
    """
    from glasshouse.records.operations.repair import repair as mend

    num_left = 0
    with _store(notebook, project, path, schema) as handle:
        for one in mend(handle, set_aside=set_aside):
            num_left += not one.is_done
            if json:
                json_line(one)
            else:
                data(f"{'done' if one.is_done else 'left'}: {one.where}: {one.sentence}")
    if num_left:
        raise typer.Exit(1)
    talk("all is well")


def _tell(problem: Problem, *, json: bool) -> None:
    kind, where, sentence = problem.kind.value, problem.where, problem.sentence
    if json:
        json_line({"kind": kind, "where": where, "sentence": sentence, "key": problem.key.hex()})
    else:
        data(f"{kind}: {where}: {sentence}")


def _damaged_pages(url: str) -> Iterator[Problem]:
    """What is wrong with the file of an LMDB store that cannot be opened."""
    from glasshouse.records.engines.pages import check_pages
    from glasshouse.records.operations.problems import Problem, ProblemKind

    scheme, _, place = url.partition(":")
    file = Path(place.partition("?")[0]) / "data.mdb"
    if scheme == "lmdb" and file.is_file():
        for sentence in check_pages(file):
            yield Problem(ProblemKind.DAMAGED_PAGE, str(file), sentence)


@contextmanager
def _database(url: str | None, *, is_new: bool = False) -> Iterator[Database]:
    """The engine that a notebook's URL names."""
    from glasshouse.notebook.place import is_there, notebook_url
    from glasshouse.records import Database

    found = notebook_url(url)
    if found is None:
        raise InputError("the notebook is switched off (none); name a store with --notebook URL")
    if not is_new and not is_there(found):
        raise InputError(f"there is no store at {found}; name one with --notebook URL")
    with Database.open(found) as database:
        yield database


@contextmanager
def _store(
    url: str | None, project: str, path: str | None, schema: str | None
) -> Iterator[StoreHandle]:
    """A store with its schema: the notebook's, or what --path and --schema name."""
    from glasshouse.notebook.schema import SCHEMA

    if (path is None) != (schema is None):
        raise InputError("--path A/B and --schema MODULE:NAME go together")
    known = SCHEMA if schema is None else _schema(schema)
    with _database(url) as database:
        yield database.store(known, _place(project, path))


def _place(project: str, path: str | None) -> Subspace:
    """Where a store stands: a project of the notebook, or a path of texts and whole numbers."""
    from glasshouse.notebook.place import project_place
    from glasshouse.records import Subspace

    if path is None:
        return project_place(project)
    parts = path.strip("/").split("/")
    return Subspace(tuple(int(part) if part.isdecimal() else part for part in parts))


def _schema(name: str) -> Any:
    """A schema by the module and the name that it has there."""
    import sys
    from importlib import import_module

    from glasshouse.records import Schema

    module, _, attribute = name.partition(":")
    if not attribute:
        raise InputError(f"--schema {name} is no MODULE:NAME, as shop.records:SCHEMA")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"--schema {name} cannot be had: {error}") from None
    if not isinstance(found, Schema):
        raise InputError(f"--schema {name} is a {type(found).__name__}, not a Schema")
    return found
