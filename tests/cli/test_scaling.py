"""`glasshouse scaling`: laws and forecasts from a file of runs."""

import json

import numpy as np
import pytest
from tests.cli.commands import glasshouse, refused


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder with one table of runs."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = ["name,params,tokens,loss"]
    for params in np.geomspace(1e4, 1e6, 5):
        for tokens in np.geomspace(1e6, 1e8, 5):
            loss = 1.7 + (1e5 / params) ** 0.34 + (1e6 / tokens) ** 0.28
            loss *= np.exp(0.003 * rng.standard_normal())
            rows.append(f"{params:.0f}-{tokens:.0f},{params:.0f},{tokens:.0f},{loss:.5f}")
    (tmp_path / "runs.csv").write_text("\n".join([*rows, "lost,1e6,1e8,"]) + "\n")
    (tmp_path / "few.csv").write_text("\n".join(rows[:3]) + "\n")
    return tmp_path


def test_fits_a_law_with_intervals(capfd):
    """A form a line, the best first; runs left out are told apart from the data."""
    told = glasshouse(capfd, "scaling", "fit", "runs.csv", "--law", "ND", "--draws", "60", "--json")
    assert told.status == 0, told
    best, other = (json.loads(line) for line in told.out.splitlines())
    assert best["law"].startswith("L(N, D) = E + ")
    assert best["weight"] > 0.9 > other["weight"]
    found = best["estimates"]["alpha_N"]
    assert found["low"] < 0.34 < found["high"]
    assert "1 of 26 runs left out: lost" in told.err


def test_forecasts_and_draws(capfd, here):
    """The loss with its interval, the size, and a page that shows them."""
    told = glasshouse(
        capfd, "scaling", "forecast", "runs.csv", "--budget", "1e16", "--draws", "60", "--out", "f"
    )
    assert told.status == 0, told
    lines = told.out.splitlines()
    assert lines[0].startswith("loss at 1e+16 FLOP: 2.")
    assert lines[1].startswith("parameters: ")
    page = (here / "f" / "report.html").read_text()
    assert "Loss against compute" in page
    assert "lost: no loss" in page
    assert (here / "f" / "figures" / "size.svg").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("fit", "few.csv"), "needs at least"),
        (("fit", "runs.csv", "--law", "M"), "must be one of N, D"),
        (("fit", "runs.csv", "--constant", "maybe"), "must be one of auto, yes, no"),
        (("fit", "none.csv"), "no file or folder"),
        (("forecast", "runs.csv", "--budget", "much"), "must be a number of FLOP"),
        (("forecast", "runs.csv", "--budget", "-1"), "must be a positive number"),
        (("forecast", "few.csv", "--budget", "1e16"), "needs at least"),
    ],
)
def test_refuses_in_a_sentence(capfd, words, told):
    """A reason, never a number."""
    (name, *rest) = words
    outcome = glasshouse(capfd, "scaling", name, *rest)
    assert outcome.status == 2
    assert outcome.out == ""
    assert told in outcome.err.splitlines()[-1]


def test_does_not_name_a_constant_that_is_not_shown(capfd, here):
    """Runs of a law without one: --constant yes is refused."""
    rows = ["params,tokens,loss"]
    rows += [f"{n:.0f},1e9,{(8.8e13 / n) ** 0.076:.5f}" for n in np.geomspace(1e4, 1e7, 9)]
    (here / "pure.csv").write_text("\n".join(rows) + "\n")
    outcome = glasshouse(capfd, "scaling", "fit", "pure.csv", "--constant", "yes", "--draws", "40")
    assert "cannot be named" in refused(outcome)
