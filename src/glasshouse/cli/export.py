"""`glasshouse export`: the notebook's records for other tools."""

from pathlib import Path
from typing import Annotated

import typer

from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Project, open_to_read
from glasshouse.cli.options import AsJson, named_path
from glasshouse.errors import InputError


def export(
    parquet: Annotated[
        Path | None,
        typer.Option(
            parser=named_path, metavar="DIR", help="A new folder, with a table a record type."
        ),
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option(parser=named_path, metavar="FILE", help="A file of one record a line."),
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option(parser=named_path, metavar="DIR", help="A new folder, with events a run."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION",
            help="Only runs for which this is true, and what belongs to them; see `runs`.",
        ),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="TYPE", help="Only records of this type; may be given again."
        ),
    ] = None,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Write the notebook's records for other tools; each file or folder is whole or absent.

    The answer is what was written; --parquet and --tensorboard need the extra `export`.

    [green]glasshouse export --parquet tables --where "study == 'induction-heads'"[/green]
    """
    if parquet is None and jsonl is None and tensorboard is None:
        raise InputError("give --parquet DIR, --jsonl FILE or --tensorboard DIR")
    if tensorboard is not None and kinds:
        raise InputError("--type does not go with --tensorboard, which holds curves of runs")
    with open_to_read(notebook, project) as opened:
        from glasshouse.notebook import Run
        from glasshouse.notebook.exporting import (
            Selection,
            export_jsonl,
            export_parquet,
            export_tensorboard,
            refuse_taken,
        )
        from glasshouse.notebook.schema import RECORDS
        from glasshouse.records.query import parse_where

        by_name = {kind.__name__.lower(): kind for kind in RECORDS}
        for name in kinds or ():
            if name.lower() not in by_name:
                raise InputError(f"--type {name} is none of {', '.join(by_name)}")
        chosen = [by_name[name.lower()] for name in kinds or by_name]
        runs = None if where is None else parse_where(where, Run)
        selection = Selection(types=tuple(dict.fromkeys(chosen)), runs=runs)
        for option, folder in (("--parquet", parquet), ("--tensorboard", tensorboard)):
            if folder is not None:
                refuse_taken(folder, option)
        written: list[tuple[Path, str, int]] = []
        if jsonl is not None:
            written.append((jsonl, "records", export_jsonl(opened, jsonl, selection)))
        if parquet is not None:
            rows = export_parquet(opened, parquet, selection)
            written += [(parquet / f"{name}.parquet", "rows", n) for name, n in rows.items()]
        if tensorboard is not None:
            values = export_tensorboard(opened, tensorboard, selection)
            written += [(tensorboard / name, "values", n) for name, n in values.items()]
    for path, what, count in written:
        if json:
            json_line({"path": shown_path(path), "count": count, "of": what})
        else:
            data(shown_path(path))
            talk(f"{shown_path(path)}: {count} {what}")
    if not written:
        talk("there was nothing to write")
