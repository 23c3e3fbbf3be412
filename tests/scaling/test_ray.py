"""A sweep on a real Ray cluster of this machine, whose parts are really killed."""

import socket

import pytest
from tests.scaling.test_sweeping import plan
from tests.scaling.works import Formula, KilledOnce, Sleepy

from glasshouse.errors import InputError
from glasshouse.scaling import read_runs, run_sweep

pytest.importorskip("ray", reason="Ray is not installed: pip install glasshouse[ray]")
psutil = pytest.importorskip("psutil", reason="psutil, which finds Ray's processes, is missing")


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    """A local cluster, whatever this machine is connected to."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")  # it is not coming back


def kill_the_cluster():
    """Every process of it but the one that speaks to it."""
    for process in psutil.Process().children(recursive=True):
        if process.name().startswith(("gcs_server", "raylet", "ray::")):
            process.kill()


def test_finishes_though_a_worker_is_killed(tmp_path):
    """Ray starts its population again on another worker, and nothing is counted twice."""
    work = KilledOnce(tmp_path / "log", width=16)
    folder = tmp_path / "sweep"
    records = list(run_sweep(plan(), folder, work, engine="ray", workers=1))
    assert (tmp_path / "log.killed").exists()
    names = [record.trial.name for record in records]
    assert sorted(names) == sorted(trial.name for trial in plan().trials)
    assert not any(record.failure for record in records)
    assert sorted((tmp_path / "log").read_text().split()) == sorted(names)
    assert len(read_runs(folder).runs) == 12
    assert list(run_sweep(plan(), folder, work, engine="ray")) == []


def test_keeps_what_is_finished_when_the_cluster_dies(tmp_path):
    """In the middle: one sentence, and another engine goes on with the rest."""
    folder = tmp_path / "sweep"
    records = run_sweep(plan(), folder, Sleepy(tmp_path / "log", width=16), engine="ray", workers=1)
    kept = [next(records) for _ in range(4)]
    kill_the_cluster()
    with pytest.raises(InputError, match=r"the Ray cluster .* was lost; what is finished is kept"):
        kept.extend(records)
    assert {record.trial.shape.d_model for record in kept} == {8}
    assert len(read_runs(folder).runs) == 4
    rest = list(run_sweep(plan(), folder, Formula(tmp_path / "log")))
    assert len(rest) == 8
    assert len(read_runs(folder).runs) == 12


def test_says_that_there_is_no_cluster(tmp_path, monkeypatch):
    """At the address that the environment names."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    with pytest.raises(InputError, match=f"no Ray cluster at 127.0.0.1:{port}") as told:
        list(run_sweep(plan(), tmp_path / "s", Formula(tmp_path / "log"), engine="ray"))
    assert "\n" not in str(told.value)
