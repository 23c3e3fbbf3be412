"""Where the notebook is: what was asked for, or the environment, or the user's data directory."""

import os
from pathlib import Path

from glasshouse.errors import InputError
from glasshouse.records import Subspace, Transaction
from glasshouse.records.keyspace import KeySpace, KeySpaceDirectory

VARIABLE = "GLASSHOUSE_NOTEBOOK"
"""The environment variable that names the notebook."""

OFF = "none"
"""What to say instead of a URL to have no notebook."""

DEFAULT_PROJECT = "default"

_SPACE = KeySpace(
    KeySpaceDirectory(
        "application",
        str,
        constant="glasshouse",
        children=(KeySpaceDirectory("project", str),),
    )
)
"""Where notebooks stand in an engine that may hold other things: one directory a project."""


def notebook_url(given: str | None = None) -> str | None:
    """The URL of the notebook; None if there is to be none.

    Args:
        given: A URL as `records` takes them, a folder, or "none". Without, the environment's
            GLASSHOUSE_NOTEBOOK; without that, a folder in the user's data directory.
    """
    url = given or os.environ.get(VARIABLE) or f"lmdb:{default_folder()}"
    if url == OFF:
        return None
    return url if ":" in url else f"lmdb:{url}"


def default_folder() -> Path:
    """Where the notebook is when nobody says: in the user's data directory."""
    from platformdirs import user_data_path

    return user_data_path("glasshouse", appauthor=False) / "notebook"


def is_there(url: str) -> bool:
    """Whether opening a notebook to read it would not have to make it first."""
    scheme, _, place = url.partition(":")
    return scheme != "lmdb" or (Path(place.partition("?")[0]) / "data.mdb").exists()


def project_place(project: str) -> Subspace:
    """Where a project's records stand: projects know nothing of each other.

    Raises:
        InputError: If the name is empty or has characters that cannot be printed.
    """
    if not project or not project.isprintable() or project != project.strip():
        raise InputError(f"project={project!r} is no name; give a word, as in --project rlhf")
    return _SPACE.path("application").add("project", project).subspace()


def list_projects(transaction: Transaction) -> list[str]:
    """The names of all projects that hold something, in order."""
    found = _SPACE.path("application").list(transaction, "project")
    return [path.to_tuple()[-1] for path in found]
