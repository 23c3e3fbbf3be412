"""Transactions that are tried again where they conflict, within bounds."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from glasshouse.errors import CommitUnknownError, ConflictError, EngineError
from glasshouse.records.engines.engine import Engine, Transaction

T = TypeVar("T")

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.1
_EXCLUSIVE_AFTER = 5


def transact(
    engine: Engine,
    work: Callable[[Transaction], T],
    *,
    attempts: int = 100,
    timeout_seconds: float = 60.0,
    idempotent: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[], float] = random.random,
) -> T:
    """Do work in a transaction and commit it; again, after a pause, where it conflicts.

    After some conflicts the transaction is begun exclusively, where the engine can, so that it
    cannot lose again.

    Args:
        engine: Where.
        work: Gets the transaction; may run several times, and must not touch anything else.
        attempts: Most times it is run.
        timeout_seconds: After so long it is not tried again.
        idempotent: Whether doing it twice does no harm, so that an unknown commit is tried again.
        clock: Seconds that only grow.
        sleep: Waits.
        draw: A random number of [0, 1), which spreads pauses.

    Raises:
        ConflictError: If it conflicted every time.
        CommitUnknownError: If it may have been done and is not idempotent.
        EngineError: If there is nothing to attempt.
    """
    if attempts < 1:
        raise EngineError(f"attempts={attempts} must be 1 or more")
    began = clock()
    for attempt in range(1, attempts + 1):
        transaction = engine.begin(exclusive=attempt > _EXCLUSIVE_AFTER)
        try:
            result = work(transaction)
            transaction.commit()
            return result
        except (ConflictError, CommitUnknownError) as error:
            if isinstance(error, CommitUnknownError) and not idempotent:
                raise
            waited = clock() - began
            if attempt == attempts or waited > timeout_seconds:
                raise type(error)(
                    f"a transaction was tried {attempt} times in {waited:.1f} s: {error}"
                ) from error
        finally:
            transaction.cancel()
        sleep(draw() * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)))
    raise AssertionError("the last attempt returns or raises")
