"""What a user can cause ends in one sentence on standard error; our own bugs keep their traceback.

Exit status: 0 done, 1 `--strict` was not met, 2 a mistake in what was asked or a full disk,
130 Ctrl-C.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from glasshouse.errors import GlasshouseError

_UsageMistake: type[Exception] = typer.BadParameter.__mro__[2]
"""The base of every mistake on the command line, which typer does not export by name."""


class Stopped(GlasshouseError):
    """Ctrl-C arrived; the message says what was kept and how to go on."""


def report_errors(run: Callable[[], Any]) -> int:
    """Run a command and return its exit status."""
    try:
        status = run()
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except Stopped as stopped:
        return _say(str(stopped), 130)
    except (KeyboardInterrupt, typer.Abort):
        return _say("stopped", 130)
    except BrokenPipeError:
        # The reader went away (`| head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except GlasshouseError as error:
        return _say(str(error), 2)
    except OSError as error:
        return _say(os_error_sentence(error), 2)
    except _UsageMistake as error:
        return _say(_usage_sentence(error), 2) if str(error) else 2  # bare words got their help


def os_error_sentence(error: OSError) -> str:
    """What the operating system refused, and where."""
    what = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{what}: {error.filename}" if error.filename is not None else what


def _usage_sentence(error: Any) -> str:
    """A mistake in the words of the command line, with the way out."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "glasshouse"
    message = error.format_message().strip().rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; see `{command} --help`"


def _say(sentence: str, status: int) -> int:
    """Put one line on standard error."""
    print(f"glasshouse: {' '.join(sentence.split())}", file=sys.stderr)
    return status
