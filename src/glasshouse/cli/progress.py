"""Progress bars on standard error, which hide when nobody is watching."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Bar:
    """A bar that is moved by calling it: the `Progress` that studies are given."""

    def __init__(self, bars: Progress, title: str) -> None:
        self._bars = bars
        self._task = bars.add_task("", total=None, title=title)

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show how far the work is, and what it is at."""
        self._bars.update(self._task, completed=done, total=total, description=what)

    def say(self, line: str) -> None:
        """Write a line above the bar; it stays, and it is written without a bar too."""
        self._bars.console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress_bar(title: str) -> Iterator[Bar]:
    """Show one bar while the body runs.

    Args:
        title: What stands before the bar.
    """
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[title]}", style="bold"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]left[/]"),
        TimeRemainingColumn(),
        TextColumn("{task.description}", style="dim"),
    )
    hidden = not console.is_terminal
    with Progress(*columns, console=console, disable=hidden, transient=True) as bars:
        yield Bar(bars, title)
