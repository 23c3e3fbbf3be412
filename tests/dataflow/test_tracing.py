"""A timeline of a run that Perfetto opens."""

import json

import pytest
import torch
from tests.dataflow.small_programs import rows, tower_plan

from glasshouse.dataflow.placement import Placed, logical_devices, on, place_plan
from glasshouse.dataflow.tracing import chrome_trace, trace_program, write_trace


@pytest.fixture(scope="module")
def plan():
    return tower_plan()


class TestTraceProgram:
    def test_runs_the_program_and_times_every_call(self, plan):
        """The answers of an untraced run; one event a call, in order, that do not overlap."""
        arguments = plan.arguments(rows(4), {})
        outputs, trace = trace_program(plan.program, arguments, compare=True)
        assert all(map(torch.equal, outputs, plan.program(*arguments)))
        calls = [n.name for n in plan.program.graph.nodes if n.op == "call_function"]
        assert [event.node for event in trace.events] == calls
        ends = [event.start + event.seconds for event in trace.events]
        starts = [event.start for event in trace.events]
        assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
        assert trace.untraced_seconds is not None

    def test_accounts_for_the_whole_run(self, plan):
        """Nodes and what lies between them add up to the wall time."""
        _, trace = trace_program(plan.program, plan.arguments(rows(4), {}))
        between = trace.seconds_between_nodes * len(trace.events)
        assert 0 < trace.node_seconds < trace.wall_seconds
        assert trace.node_seconds + between == pytest.approx(trace.wall_seconds)


class TestWriteTrace:
    def test_writes_what_perfetto_reads(self, plan, tmp_path):
        """Names of values, and shape, bytes and operations of each node; times in microseconds."""
        _, trace = trace_program(plan.program, plan.arguments(rows(4), {}))
        write_trace(tmp_path / "trace.json", trace)
        read = json.loads((tmp_path / "trace.json").read_text())
        events = {e["name"]: e for e in read["traceEvents"] if e["ph"] == "X"}
        layer = events["layers.0"]
        assert layer["args"]["shape"] == [4, 8]
        assert layer["args"]["flops"] == 2 * 4 * 8 * 8
        assert layer["args"]["dtype"] == "float32"
        assert read["otherData"]["nodes_ms"] == pytest.approx(
            sum(e["dur"] for e in events.values()) / 1e3
        )
        for event in read["traceEvents"]:
            assert event["ph"] in "MXsf"
            assert {"name", "pid", "tid"} <= event.keys()
            assert event["ph"] == "M" or event["ts"] >= 0

    def test_draws_an_arrow_for_each_message(self, plan):
        """From the track of the sender to that of the receiver, forward in time."""
        wishes = [on("layers.0", "cpu:0"), on("layers.1", "cpu:1")]
        placed = Placed(place_plan(plan, rows(4), logical_devices(2), wishes))
        _, trace = placed.trace(plan.arguments(rows(4), {}))
        events = chrome_trace(trace)["traceEvents"]
        tracks = {e["args"]["name"]: e["tid"] for e in events if e["ph"] == "M"}
        arrows = {}
        for event in events:
            if event["ph"] in "sf":
                arrows.setdefault(event["id"], {})[event["ph"]] = event
        ends = arrows["linear_default to cpu:1"]
        assert (ends["s"]["tid"], ends["f"]["tid"]) == (tracks["cpu:0"], tracks["cpu:1"])
        assert all(ends["s"]["ts"] < ends["f"]["ts"] for ends in arrows.values())
        assert len(arrows) == len(placed.placement.simulation.messages)
