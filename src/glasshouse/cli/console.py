"""Where the command line writes: data to standard output, talk to standard error."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
else:
    # rich costs a third of the time that `--help` may take; only what draws imports it.
    Console = Any

_UNSEEN_WIDTH = 200
"""Of tables that go to a file or another program."""


def talk(words: str) -> None:
    """Say something to whoever watches; it never mixes with the data."""
    typer.echo(words, err=True)


def data(line: str) -> None:
    """Write one line of the command's answer."""
    typer.echo(line)


def json_line(record: Any) -> None:
    """Write one record of the command's answer as a line of JSON."""
    import msgspec

    data(msgspec.json.encode(record).decode())


def data_console() -> Console:
    """A console on standard output for tables and colour; plain when it is not a terminal."""
    from rich.console import Console as RichConsole

    return RichConsole(highlight=False, soft_wrap=False)


def table_console() -> Console:
    """A console for wide tables: as wide as the terminal, and wide where nobody looks at one."""
    from rich.console import Console as RichConsole

    console = RichConsole(highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNSEEN_WIDTH
    return console


def shown_path(path: Path) -> str:
    """A path as the user would type it: relative where it lies below the current folder."""
    resolved, here = path.resolve(), Path.cwd()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(resolved)
