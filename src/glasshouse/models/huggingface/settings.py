"""A config.json read field by field, so that what is missing or wrong can be said in a sentence."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasshouse.errors import RunError

AS_IS = "load it with implementation='transformers' to have the model captured as it is"


@dataclass(frozen=True, slots=True)
class Settings:
    """The fields of a model's config.json."""

    path: Path
    """The file, for messages."""
    fields: Mapping[str, Any]
    """What it holds."""

    @property
    def model_type(self) -> str:
        """The family's name in transformers, such as `llama`; empty if there is none."""
        found = self.fields.get("model_type")
        return found if isinstance(found, str) else ""

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number; without a default it must be there.

        Raises:
            RunError: If it is missing or no whole number.
        """
        found = self._found(name, default)
        if isinstance(found, bool) or not isinstance(found, int):
            raise self.wrong(name, "a whole number")
        return found

    def number(self, name: str, default: float | None = None) -> float:
        """A number; without a default it must be there.

        Raises:
            RunError: If it is missing or no number.
        """
        found = self._found(name, default)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.wrong(name, "a number")
        return float(found)

    def flag(self, name: str, default: bool) -> bool:
        """True or false; null is taken for the default.

        Raises:
            RunError: If it is neither.
        """
        found = self._found(name, default)
        if not isinstance(found, bool):
            raise self.wrong(name, "true or false")
        return found

    def word(self, name: str, default: str) -> str:
        """A string; null is taken for the default.

        Raises:
            RunError: If it is none.
        """
        found = self._found(name, default)
        if not isinstance(found, str):
            raise self.wrong(name, "a string")
        return found

    def part(self, name: str) -> "Settings | None":
        """An object within the object, or None if it is null or missing.

        Raises:
            RunError: If it is something else.
        """
        found = self.fields.get(name)
        if found is None:
            return None
        if not isinstance(found, dict):
            raise self.wrong(name, "an object")
        return Settings(self.path, found)

    def has(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self.fields.get(name) is not None

    def wrong(self, name: str, kind: str) -> RunError:
        """What to raise when a field is not what it should be."""
        return RunError(f"{self.path} has {name}={self.fields.get(name)!r}, which is not {kind}")

    def unknown(self, name: str) -> RunError:
        """What to raise when a field asks for something that our Transformer does not compute."""
        return RunError(
            f"{self.path} asks for {name}={self.fields.get(name)!r}, which our Transformer does "
            f"not compute; {AS_IS}"
        )

    def refuse(self, name: str) -> None:
        """Raise if a field asks for what our Transformer does not compute.

        Raises:
            RunError: If it is true.
        """
        if self.fields.get(name):
            raise self.unknown(name)

    def _found(self, name: str, default: object) -> Any:
        found = self.fields.get(name)
        if found is None:
            found = default
        if found is None:
            raise RunError(
                f"{self.path} lacks {name!r}, without which a model of type "
                f"{self.model_type!r} cannot be built"
            )
        return found


def read_settings(path: Path) -> Settings:
    """Read a config.json.

    Raises:
        FileNotFoundError: If there is none.
        RunError: If it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is truncated or damaged: {error}") from error
    if not isinstance(found, dict):
        raise RunError(f"{path} is no model's configuration: it holds no object")
    return Settings(path, found)
