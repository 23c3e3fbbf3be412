"""The notebook behind the verbs: opened by those that read it, never in the way of those that work.

A notebook that cannot be opened or written costs one sentence on standard error. What was done
stays in its folder, and `glasshouse import` brings it in later.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import shown_path, talk
from glasshouse.errors import EngineError, GlasshouseError, InputError

if TYPE_CHECKING:
    from glasshouse.notebook import Notebook
    from glasshouse.notebook.types import Run
else:
    # the record layer takes a third of the time that `--help` may take
    Notebook = Run = Any

_HELP = (
    "The notebook: lmdb:FOLDER, postgresql://… or fdb:FILE; `none` switches it off. By default "
    "what GLASSHOUSE_NOTEBOOK says, or a folder in your data directory."
)

NotebookUrl = Annotated[str | None, typer.Option("--notebook", metavar="URL", help=_HELP)]
Project = Annotated[
    str, typer.Option(metavar="NAME", help="Whose records; projects see nothing of each other.")
]
DEFAULT_PROJECT = "default"

PATIENCE_SECONDS = 20.0
"""How long a command waits for a notebook that another process has locked."""

AddStep = Callable[[int, dict[str, Any]], None]
"""Takes what was measured at a step."""


def open_to_read(url: str | None, project: str) -> Notebook:
    """The notebook for a verb that reads it.

    Raises:
        GlasshouseError: If it cannot be opened, is switched off, or is not there yet.
    """
    from glasshouse.notebook import Notebook
    from glasshouse.notebook.place import is_there, notebook_url

    found = notebook_url(url)
    if found is not None and not is_there(found):
        raise InputError(
            f"there is no notebook at {found} yet; train or run something, bring folders in with "
            "`glasshouse import`, or name another with --notebook URL"
        )
    return Notebook.open(url, project)


def named(notebook: Notebook, name: str, *kinds: type) -> Any:
    """The record that a name means: the first digits of an id, a run's folder or a run's name.

    Raises:
        InputError: If it means none, or several.
    """
    from glasshouse.notebook.importing import ids_of_folder

    folder = Path("runs") / name[4:] if name.startswith("run:") else Path(name)
    if ids := ids_of_folder(folder):
        known: list[Any] = [notebook.find(one, *kinds) for one in ids if notebook.has(one)]
        if len(known) == 1:
            return known[0]
        if not known:
            raise InputError(
                f"{shown_path(folder)} is not in project {notebook.project!r} of the notebook; "
                f"bring it in with `glasshouse import {shown_path(folder)}`"
            )
        several = ", ".join(f"{one.study} {one.id}" for one in known)
        raise InputError(f"{shown_path(folder)} holds several runs ({several}); name one by its id")
    if "/" in name or name.startswith("run:"):
        if folder.is_dir():
            raise InputError(f"{shown_path(folder)} is no run's folder: it holds no run.json")
        raise InputError(
            f"there is no run's folder {folder}; `glasshouse runs` lists what the notebook has"
        )
    return _called(notebook, name) or notebook.find(name, *kinds)


def _called(notebook: Notebook, name: str) -> Any | None:
    """The one run of a name; None if none has it.

    Raises:
        InputError: If several have it.
    """
    from glasshouse.notebook import Run
    from glasshouse.records import Query

    runs = list(notebook.query(Query(Run).where(Run.name == name))) if name else []
    if len(runs) > 1:
        several = ", ".join(run.id for run in runs[:4])
        raise InputError(f"several runs are called {name!r} ({several}); name one by its id")
    return runs[0] if runs else None


class Notes:
    """The notebook as verbs write to it: one that fails is mentioned once, and the work goes on."""

    def __init__(self, url: str | None, project: str) -> None:
        """Nothing is opened until something is to be written."""
        self._url = url
        self._project = project
        self._has_failed = False

    def write(self, work: Callable[[Notebook], object], *, instead: str = "") -> None:
        """Do work on the notebook, if there is one.

        Args:
            work: Gets it open.
            instead: What to tell the user that can be done if it fails.
        """
        with self._guarded(instead):
            notebook = self._open()
            if notebook is not None:
                with notebook:
                    work(notebook)

    @contextmanager
    def training(self, folder: Path, *, from_step: int) -> Iterator[AddStep]:
        """Keep a run while the block trains it; yields what takes its steps."""
        from contextlib import ExitStack

        later = f"`glasshouse import {shown_path(folder)}` brings the run in later"
        add: AddStep = _nothing
        with ExitStack() as until_end:
            with self._guarded(later):
                notebook = self._open()
                if notebook is not None:
                    until_end.enter_context(self._closing(notebook, later))
                    from glasshouse.notebook.keeping import RunKeeper

                    keeper = RunKeeper(
                        notebook,
                        folder,
                        from_step=from_step,
                        on_failure=lambda sentence: self._say(sentence, later),
                    )
                    until_end.enter_context(self._closing(keeper, later))
                    add = keeper.add
            yield add

    @contextmanager
    def sweep(self, folder: Path) -> Iterator[Callable[[str], None]]:
        """Keep a sweep while the block runs it; yields what takes the names of trials done."""
        from contextlib import ExitStack

        later = f"`glasshouse import {shown_path(folder)}` brings the sweep in later"
        keeper: Any = None

        def add(name: str) -> None:
            with self._guarded(later):
                if keeper is not None:
                    keeper.add(name)

        with ExitStack() as until_end:
            with self._guarded(later):
                notebook = self._open()
                if notebook is not None:
                    until_end.enter_context(self._closing(notebook, later))
                    from glasshouse.notebook.importing import SweepKeeper

                    keeper = SweepKeeper(notebook, folder)
                    until_end.enter_context(self._closing(keeper, later))
            yield add

    def _open(self) -> Notebook | None:
        from glasshouse.notebook import Notebook
        from glasshouse.notebook.place import notebook_url

        if self._has_failed or notebook_url(self._url) is None:
            return None
        return _open_in_time(lambda: Notebook.open(self._url, self._project))

    @contextmanager
    def _closing(self, what: Any, later: str) -> Iterator[None]:
        """Close something after the block; what then fails does not hide what the block raised."""
        try:
            yield
        finally:
            with self._guarded(later):
                what.close()

    @contextmanager
    def _guarded(self, instead: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Whatever is wrong with the notebook, the work it was to remember is done.
            words = str(error)
            is_said = isinstance(error, GlasshouseError | OSError) and words
            self._say(words if is_said else f"{type(error).__name__}: {words}", instead)

    def _say(self, sentence: str, instead: str) -> None:
        if self._has_failed:
            return
        self._has_failed = True
        words = f"the notebook takes nothing down: {' '.join(sentence.split())}"
        talk(words + (f"; {instead}" if instead else ""))


def _open_in_time(open_notebook: Callable[[], Notebook]) -> Notebook:
    """Open a notebook, or give it up: no work waits for long for one that somebody has locked.

    Raises:
        EngineError: If another process has kept it locked all the while.
    """
    import threading

    opened: list[Notebook] = []
    failed: list[BaseException] = []

    def attempt() -> None:
        try:
            opened.append(open_notebook())
        except BaseException as error:
            failed.append(error)
        if given_up.is_set() and opened:
            opened[0].close()

    # Whoever waits for LMDB's lock cannot be called back; a daemon ends with the process.
    given_up = threading.Event()
    thread = threading.Thread(target=attempt, name="open-notebook", daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    if failed:
        raise failed[0]
    if not opened:
        given_up.set()
        raise EngineError("another process keeps it locked")
    return opened[0]


def _nothing(step: int, values: dict[str, Any]) -> None:
    """Take nothing down."""
