"""Prose and code are parted cleanly: each source's code still means the same."""

import ast
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from glasshouse.corpora import CHARACTERS, character_ids, library_text, parted_source, text_of
from glasshouse.errors import InputError

SOURCE = '''"""About greeting."""
# a comment
import os  # why


class Greeter:
    """Greets people.

    >>> Greeter().greet()
    'hello # you'
    """

    def greet(self):
        """Say hello."""
        text = """one

# not a comment
"""
        return "hello # you" + text  # said


def nothing(): "Says é nothing."; return 1  # é


def empty():
    """Only this."""
'''


class TestPartedSource:
    def test_takes_comments_and_docstrings_out_of_code(self):
        code, _ = parted_source(SOURCE)
        for gone in (
            "a comment\nimport",
            "why",
            "Greets",
            "Say hello",
            "Only this",
            "About",
            "Says",
        ):
            assert gone not in code
        assert "import os\nclass Greeter:\n    def greet(self):\n" in code

    def test_leaves_what_only_looks_like_a_comment(self):
        """A hash inside a string, of one line or of several, is code; so are its blank lines."""
        code, _ = parted_source(SOURCE)
        assert '"""one\n\n# not a comment\n"""' in code
        assert '"hello # you"' in code

    def test_code_means_the_same(self):
        """`pass` stands where a docstring was all there was."""
        code, _ = parted_source(SOURCE)
        expected = ast.parse(SOURCE.replace('"Says é nothing."', "pass"))
        assert ast.dump(ast.parse(code)) == ast.dump(_without_docstrings(expected))

    def test_tells_docstrings_in_order_without_examples(self):
        _, prose = parted_source(SOURCE)
        assert prose.startswith("About greeting.\n\nGreets people.")
        assert prose.endswith("Say hello.\n\nSays é nothing.\n\nOnly this.")
        assert ">>>" not in prose

    @pytest.mark.parametrize("name", ["bisect.py", "contextlib.py", "shlex.py"])
    def test_means_the_same_for_modules_of_the_library(self, name: str):
        source = (Path(sysconfig.get_paths()["stdlib"]) / name).read_text(encoding="utf-8")
        code, prose = parted_source(source)
        assert ast.dump(ast.parse(code)) == ast.dump(_without_docstrings(ast.parse(source)))
        assert len(code) + len(prose) < len(source)


class TestLibraryText:
    def test_reads_a_folder_in_order(self, tmp_path: Path):
        (tmp_path / "b.py").write_text('"""Second."""\nb = 2\n')
        (tmp_path / "a.py").write_text('"""First."""\na = 1\n')
        (tmp_path / "c.py").write_text("print 'another version'\n")
        (tmp_path / "_sysconfigdata_here.py").write_text("home = '/here'\n")
        found = library_text(tmp_path)
        assert found.files == ("a.py", "b.py")
        assert found.code == ("a = 1\n", "b = 2\n")
        assert found.prose == ("First.", "Second.")
        assert found.digest == library_text(tmp_path).digest

    def test_digest_tells_texts_apart(self, tmp_path: Path):
        (tmp_path / "a.py").write_text("a = 1\n")
        first = library_text(tmp_path).digest
        (tmp_path / "a.py").write_text("a = 2\n")
        assert library_text(tmp_path).digest != first

    def test_refuses_a_folder_without_sources(self, tmp_path: Path):
        with pytest.raises(InputError, match="no Python source"):
            library_text(tmp_path)


class TestCharacterIds:
    def test_come_back_as_text(self):
        text = "def f(x):\n    return '~' + x\n"
        ids = character_ids(text)
        assert text_of(ids) == text
        assert ids.max() < CHARACTERS

    def test_what_is_not_printable_ascii_is_one_id(self):
        assert np.array_equal(character_ids("é\t\N{GRINNING FACE}"), [CHARACTERS - 1] * 3)


_OWNERS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, _OWNERS) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return tree
