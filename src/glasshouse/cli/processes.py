"""A command that several processes run together, and that speaks once."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glasshouse.training.distributed import Processes
else:
    # training imports torch, which `--help` has no time for
    Processes = Any


@contextmanager
def several_processes(*, shard: bool) -> Iterator[Processes]:
    """Join the processes that `torchrun` started, if it did; all but the first are silent inside.

    Args:
        shard: Whether weights are dealt out as well as batches.

    Raises:
        InputError: As `joined_processes`.
    """
    from glasshouse.training import joined_processes

    with joined_processes(shard=shard) as processes, ExitStack() as stack:
        if not processes.is_first:
            nowhere = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
        yield processes
