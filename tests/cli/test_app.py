"""The command line as a whole: quick, helpful, and quiet about our insides."""

import errno
import subprocess
import sys

import pytest
import typer
from tests.cli.commands import glasshouse, refused

import glasshouse as package
from glasshouse.cli.errors import Stopped, os_error_sentence, report_errors
from glasshouse.errors import InputError

VERBS = ("world", "train", "generate", "look", "studies", "run", "tour")


class TestHelp:
    def test_names_every_verb_and_shows_first_steps(self, capfd):
        """A newcomer reads this first."""
        told = glasshouse(capfd, "--help")
        assert told.status == 0
        for words in (*VERBS, "First steps", "glasshouse train --text book.txt"):
            assert words in told.out

    @pytest.mark.parametrize("verb", VERBS)
    def test_explains_each_verb(self, capfd, verb):
        """Every verb has a first sentence and its options."""
        told = glasshouse(capfd, verb, "--help")
        assert told.status == 0
        assert "--help" in told.out

    def test_is_what_bare_glasshouse_shows(self, capfd):
        """Typing the name alone is asking for help."""
        assert "First steps" in "".join([*vars(glasshouse(capfd)).values()][1:])

    def test_tells_the_version(self, capfd):
        """One line, for bug reports."""
        assert glasshouse(capfd, "--version").out == f"glasshouse {package.__version__}\n"

    def test_points_to_the_verb_that_was_meant(self, capfd):
        """A mistyped verb is one sentence, not a page."""
        assert "no such command 'trian'" in refused(glasshouse(capfd, "trian"))


class TestImports:
    @pytest.mark.parametrize("module", ["glasshouse", "glasshouse.cli", "glasshouse.studies"])
    def test_load_nothing_heavy(self, module):
        """`--help` must answer at once: torch, matplotlib, scipy and numpy wait until needed."""
        heavy = {"torch", "matplotlib", "scipy", "numpy", "jinja2", "rich", "transformers"}
        program = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert told.stdout.split() == []
        assert told.returncode == 0


def raising(error: BaseException):
    def run():
        raise error

    return run


class TestReportErrors:
    @pytest.mark.parametrize(
        ("error", "status", "sentence"),
        [
            (InputError("steps=0 must be\n at least 1"), 2, "steps=0 must be at least 1"),
            (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 2,
             "no space left on device: runs/x"),
            (PermissionError(errno.EACCES, "Permission denied", "/x"), 2, "permission denied: /x"),
            (Stopped("stopped; go on with: x"), 130, "stopped; go on with: x"),
            (KeyboardInterrupt(), 130, "stopped"),
            (typer.Abort(), 130, "stopped"),
            (typer.BadParameter("no"), 2, "invalid value: no; see `glasshouse --help`"),
        ],
    )  # fmt: skip
    def test_says_one_sentence(self, capsys, error, status, sentence):
        """Mistakes of users, full disks and Ctrl-C, each with its exit status."""
        assert report_errors(raising(error)) == status
        out, err = capsys.readouterr()
        assert out == ""
        assert err == f"glasshouse: {sentence}\n"

    def test_keeps_the_traceback_of_our_own_bugs(self):
        """A sentence would hide where it broke."""
        with pytest.raises(ZeroDivisionError):
            report_errors(raising(ZeroDivisionError()))

    def test_passes_the_status_of_a_command_on(self):
        """`--strict` ends with 1; a command that returns nothing with 0."""
        assert report_errors(lambda: 1) == 1
        assert report_errors(lambda: None) == 0

    def test_has_words_for_an_error_without_any(self):
        """Some errors of the operating system carry no text."""
        assert os_error_sentence(OSError()) == "oserror"

    def test_is_silent_when_the_reader_has_gone(self):
        """`glasshouse world show | head` is no mistake."""
        told = subprocess.run(
            f"{sys.executable} -m glasshouse world show -n 4000 --json | head -1",
            shell=True,
            capture_output=True,
            text=True,
        )
        assert len(told.stdout.splitlines()) == 1
        assert told.stderr == ""
