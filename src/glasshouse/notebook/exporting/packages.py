"""Packages that only exporting needs."""

from importlib import import_module
from types import ModuleType

from glasshouse.errors import InputError


def needed(module: str, *, package: str, what: str) -> ModuleType:
    """A module of a package that may not be installed.

    Raises:
        InputError: If it is not; the sentence says how to get it.
    """
    try:
        return import_module(module)
    except ImportError:
        raise InputError(
            f"{what} needs the package {package}; get it with pip install 'glasshouse[export]'"
        ) from None
