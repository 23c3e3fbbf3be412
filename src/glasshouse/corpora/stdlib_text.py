"""Text that lies on every machine: Python's standard library, parted into prose and code.

Prose is what people wrote for people: help topics and docstrings, interactive examples left out.
Code is what is left of a source when comments and docstrings are taken out, so that nothing of the
one text stands in the other. What they say differs between versions of Python: a report tells the
version and the digest, and losses are never compared across versions.
"""

import ast
import hashlib
import io
import platform
import sysconfig
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from glasshouse.errors import InputError

CHARACTERS = 97
"""Ids of `character_ids`: printable ASCII, the end of a line, and one for all else."""
_NEWLINE, _OTHER = 95, 96
_MACHINE_FILES = "_sysconfigdata"
"""How the names of modules begin that tell of one machine's compiler and folders."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LibraryText:
    """The prose and the code of a folder of Python sources."""

    prose: tuple[str, ...]
    """Help topics, then one text a module: its docstrings in order."""
    code: tuple[str, ...]
    """One text a module, comments and docstrings removed."""
    files: tuple[str, ...]
    """Names of the modules that were read, in order."""
    origin: str
    """Where the text comes from, with the version, in words."""

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of all of it."""
        found = hashlib.sha256()
        for text in (*self.prose, "", *self.code):
            found.update(text.encode("utf-8", errors="replace") + b"\x00")
        return found.hexdigest()[:16]


def library_text(folder: Path | None = None) -> LibraryText:
    """Read the top-level modules of the standard library, and the help topics.

    The files are read in order of their names, so that the answer is a function of the version of
    Python. `files` names those with code that this version can parse; the others are left out.

    Args:
        folder: Other Python sources to read in place of the library's; help topics are then left
            out.

    Raises:
        InputError: If the folder holds no source that can be read.
    """
    home = folder or Path(sysconfig.get_paths()["stdlib"])
    prose = list(_help_topics()) if folder is None else []
    code, files = [], []
    for path in sorted(home.glob("*.py")):
        if path.name.startswith(_MACHINE_FILES):
            continue
        try:
            bare, told = parted_source(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, ValueError):
            continue  # a file for another version, or in another encoding
        if bare.strip():
            code.append(bare)
            files.append(path.name)
        if told:
            prose.append(told)
    if not code:
        raise InputError(f"{home} holds no Python source that can be read; name a folder that does")
    version = platform.python_version()
    origin = f"the standard library of Python {version}" if folder is None else f"{home.name}"
    return LibraryText(prose=tuple(prose), code=tuple(code), files=tuple(files), origin=origin)


def parted_source(source: str) -> tuple[str, str]:
    """Part a Python source into code and prose.

    Args:
        source: The text of one module.

    Returns:
        The code, which still parses (`pass` stands where a docstring was all there was), without
        comments and without blank lines; and its docstrings, without interactive examples.

    Raises:
        SyntaxError: If it is not Python, as this version of Python reads it.
    """
    tree = ast.parse(source)
    source = source.replace(
        "\f", ""
    )  # the one character that columns count and lines do not end at
    lines = source.splitlines(keepends=True)
    if not lines:
        return "", ""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    kept = _inside_strings(tokens)
    spans: list[tuple[tuple[int, int], tuple[int, int], str]] = []
    told = []
    for node in ast.walk(tree):
        doc = _docstring_of(node)
        if doc is None:
            continue
        owner, place = doc
        start = place.lineno - 1, _column(lines[place.lineno - 1], place.col_offset)
        last = place.end_lineno or place.lineno
        end = last - 1, _column(lines[last - 1], place.end_col_offset or 0)
        spans.append((start, end, _instead(owner, lines[last - 1], end[1])))
        kept -= set(range(start[0], end[0] + 1))
        told.append((start, _without_examples(ast.get_docstring(owner) or "")))
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row = token.start[0] - 1
            spans.append(((row, token.start[1]), (row, token.end[1]), ""))
    for (first, begin), (last, stop), instead in sorted(spans, reverse=True):
        lines[first : last + 1] = [lines[first][:begin] + instead + lines[last][stop:]] + [""] * (
            last - first
        )
    bare = [
        line if number in kept else line.rstrip(" \t;\r\n") + "\n"
        for number, line in enumerate(lines)
        if number in kept or line.strip(" \t;\r\n")
    ]
    return "".join(bare), "\n\n".join(text for _, text in sorted(told) if text)


def character_ids(text: str) -> Int64[np.ndarray, " character"]:
    """Ids of a text's characters, below `CHARACTERS`."""
    points = np.frombuffer(text.encode("utf-32-le", errors="replace"), dtype="<u4")
    ids = np.full(len(points), _OTHER, dtype=np.int64)
    printable = (points >= 32) & (points < 127)
    ids[printable] = points[printable] - 32
    ids[points == 10] = _NEWLINE
    return ids


def text_of(ids: Int64[np.ndarray, " character"]) -> str:
    """The characters of some ids; what was none of them comes back as a question mark in a box."""
    table = [chr(32 + number) for number in range(_NEWLINE)] + ["\n", "\N{REPLACEMENT CHARACTER}"]
    return "".join(table[number] for number in ids.tolist())


_Owner = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _docstring_of(node: ast.AST) -> tuple[_Owner, ast.Expr] | None:
    """The node as what may have a docstring, and where that stands; None without one."""
    if not isinstance(node, _Owner) or not node.body:
        return None
    first = node.body[0]
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return None
    return (node, first) if isinstance(first.value.value, str) else None


def _instead(owner: _Owner, line: str, end: int) -> str:
    """What stands in a docstring's place: nothing, unless something must."""
    is_alone = len(owner.body) == 1 and not isinstance(owner, ast.Module)
    is_followed = line[end:].lstrip(" \t").startswith(";")
    return "pass" if is_alone or is_followed else ""


def _column(line: str, offset: int) -> int:
    """A place counted in bytes, which `ast` does, counted in characters."""
    return len(line.encode()[:offset].decode())


def _inside_strings(tokens: list[tokenize.TokenInfo]) -> set[int]:
    """Lines, from 0, that begin or end inside of a string of several lines: these stay as is."""
    inside: set[int] = set()
    opened: list[int] = []
    starts = {getattr(tokenize, "FSTRING_START", None)}  # from Python 3.12 on
    ends = {getattr(tokenize, "FSTRING_END", None)}
    for token in tokens:
        if token.type == tokenize.STRING and token.start[0] < token.end[0]:
            inside.update(range(token.start[0] - 1, token.end[0] - 1))
        elif token.type in starts:
            opened.append(token.start[0] - 1)
        elif token.type in ends:
            inside.update(range(opened.pop(), token.end[0] - 1))
    return inside


def _without_examples(text: str) -> str:
    """A docstring without the lines of interactive examples, which are code."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith((">>>", "..."))]
    return "\n".join(line.rstrip() for line in lines).strip()


def _help_topics() -> Iterator[str]:
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield topics[name].strip()
