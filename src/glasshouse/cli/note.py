"""`glasshouse note`: what people add to a record: tags, and a sentence."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, talk
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Project, named, open_to_read
from glasshouse.cli.options import AsJson
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.notebook import Notebook
else:
    Notebook = Any


def note(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="The first digits of an id, or a run's folder.")
    ],
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="WORDS", help="The note, in place of an earlier one."),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="WORD", help="A tag to add; may be given again."),
    ] = None,
    untags: Annotated[
        list[str] | None,
        typer.Option("--untag", metavar="WORD", help="A tag to remove; may be given again."),
    ] = None,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Tag a run or another record, or write a note to it; importing it again keeps both.

    [green]glasshouse note 3f2a --tag keep --text "the one for the talk"[/green]

    [green]glasshouse runs --where "'keep' in tags"[/green]
    """
    if text is None and not tags and not untags:
        raise InputError("give --tag WORD, --untag WORD or --text WORDS")
    if any(not tag.strip() for tag in tags or ()):
        raise InputError("--tag is empty; give a word")
    with open_to_read(notebook, project) as opened:
        from glasshouse.notebook.exporting import as_json

        written = _write(opened, named(opened, name), text, tags or [], untags or [])
        if json:
            json_line(as_json(written))
            return
        data(written.id)
        words = ", ".join(getattr(written, "tags", [])) or "none"
        talk(f"{type(written).__name__.lower()} {written.id[:8]}: tags: {words}")


def _write(
    notebook: Notebook, found: Any, text: str | None, tags: list[str], untags: list[str]
) -> Any:
    """The record with its tags and note changed, as it is when they are written.

    Raises:
        InputError: If records of its type have no tags, or no note.
    """
    kind = type(found)
    for field, is_wanted in (("tags", bool(tags or untags)), ("note", text is not None)):
        if is_wanted and field not in kind.__struct_fields__:
            raise InputError(f"{found.id} is a {kind.__name__.lower()}, which has no {field}")

    def write(store: Any) -> Any:
        # Read again in the transaction that writes: a run may be going on meanwhile.
        record = store.load(kind, found.id) or found
        if tags or untags:
            kept = [tag for tag in record.tags if tag not in untags]
            record.tags = list(dict.fromkeys([*kept, *tags]))
        if text is not None:
            record.note = text
        store.save(record)
        return record

    return notebook.run(write)
