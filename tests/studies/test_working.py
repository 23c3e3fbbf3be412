"""Jobs side by side: their results, their progress, and how they end."""

import threading

import pytest
import torch

from glasshouse.errors import InputError
from glasshouse.studies.working import Ticker, check_device, side_by_side


def silent(done: int, total: int, what: str) -> None:
    """Watch nothing."""


def test_returns_results_by_job_in_order():
    """Whatever ends first."""
    second_done = threading.Event()

    def work(job: int) -> int:
        if job == 1:
            second_done.wait(10)
        else:
            second_done.set()
        return 10 * job

    found = side_by_side([1, 2], work, workers=2, ticker=Ticker(2, silent))
    assert list(found.items()) == [(1, 10), (2, 20)]


def test_works_on_one_thread_and_leaves_as_many_as_there_were():
    """Of torch's own."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        inside = side_by_side(
            ["a"], lambda _: torch.get_num_threads(), workers=1, ticker=Ticker(1, silent)
        )
        assert inside == {"a": 1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_error_ends_the_others():
    """At the next work they count; the first error is the one that is told."""
    ticker = Ticker(10, silent)
    began = threading.Event()
    ended = []

    def work(job: str) -> None:
        if job == "bad":
            began.wait(10)
            raise ValueError("no good")
        began.set()
        try:
            while True:
                ticker.add(0, job)
        except RuntimeError as error:
            ended.append(str(error))
            raise

    with pytest.raises(ValueError, match="no good"):
        side_by_side(["endless", "bad"], work, workers=2, ticker=ticker)
    assert ended == ["endless was stopped because the study ended early"]


def test_reports_each_part_of_a_thousand_once():
    """And never more than all."""
    seen = []
    ticker = Ticker(4, lambda done, total, what: seen.append((done, total, what)))
    for _ in range(4):
        ticker.add(1, "half")
    ticker.add(1, "more")
    ticker.add(0, "nothing new")
    assert seen == [(250, 1000, "half"), (500, 1000, "half"), (750, 1000, "half"),
                    (1000, 1000, "half")]  # fmt: skip


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_refuses_a_device_that_is_not_there():
    """With the way out."""
    check_device("cpu")
    with pytest.raises(InputError, match=r"cuda:1.*device=cpu"):
        check_device("cuda:1")
