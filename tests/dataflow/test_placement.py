"""Which device computes what, by hand-worked cases."""

from dataclasses import replace

import pytest
import torch
from tests.dataflow.small_programs import rows, tower_plan

from glasshouse.dataflow.cost import peak_bytes, program_costs
from glasshouse.dataflow.placement import (
    Cluster,
    Device,
    Link,
    Options,
    logical_devices,
    on,
    place,
    place_plan,
    together,
)
from glasshouse.dataflow.placement.measure import measured_device, measured_seconds
from glasshouse.errors import InputError


@pytest.fixture(scope="module")
def plan():
    return tower_plan()


@pytest.fixture(scope="module")
def arguments(plan):
    return plan.arguments(rows(4), {})


def devices_of(placement, *names):
    nodes = {n.meta.get("value_name"): n.name for n in placement.program.graph.nodes}
    return [placement.device_of[nodes[name]] for name in names]


def free_link():
    return Link(latency_seconds=0.0, bytes_per_second=1e15)


class TestProgramCosts:
    def test_count_a_linear_layer_by_hand(self, plan, arguments):
        """4 rows through 8 x 8: 2·4·8·8 operations; reads x, W and b, writes y, 4 bytes each."""
        costs = program_costs(plan.program, arguments)
        cost = costs["linear_default"]
        assert cost.flops == 2 * 4 * 8 * 8
        assert cost.bytes_moved == 4 * (4 * 8 + 8 * 8 + 8 + 4 * 8)
        assert cost.bytes_made == cost.storage_bytes == 4 * 4 * 8
        assert cost.shape == (4, 8)

    def test_charge_nothing_for_a_view(self, plan, arguments):
        """A transposed value shares its memory, and says in which order its axes lie there."""
        costs = program_costs(plan.program, arguments)
        view, base = costs["t_default_1"], costs["contiguous_default"]
        assert (view.bytes_moved, view.storage) == (0, base.storage)
        assert (view.layout, base.layout) == ((1, 0), (0, 1))

    def test_add_up_what_is_held_at_once(self, plan, arguments):
        """Weights and input to the end; three layers, which are outputs, and two of the copy, the
        quotient and the sum at a time."""
        costs = program_costs(plan.program, arguments)
        weights, value = 3 * (64 + 8) * 4, 4 * 8 * 4
        assert peak_bytes(plan.program.graph.nodes, costs) == weights + value + 5 * value


class TestPlace:
    def test_stays_on_one_device_when_sending_costs_more(self, plan):
        """A chain has nothing to gain from a second device."""
        placement = place_plan(plan, rows(4), logical_devices(2))
        assert set(placement.device_of.values()) == {"cpu:0"}
        assert placement.bytes_sent == 0

    def test_runs_branches_side_by_side_when_sending_is_free(self):
        """Two chains of four slow products end when one of them would alone."""

        def chains(x, w):
            left, right = x, x
            for _ in range(4):
                left, right = left @ w, right @ w
            return left, right

        given = [torch.zeros(64, 64), torch.zeros(64, 64)]
        program = torch.fx.experimental.proxy_tensor.make_fx(chains, tracing_mode="fake")(*given)
        slow = Device(name="a", call_seconds=0.0, flops_per_second=2 * 64**3)
        cluster = Cluster(devices=(slow, replace(slow, name="b")), link=free_link())
        placement = place(program, given, cluster)
        assert placement.estimated_seconds == pytest.approx(4.0, rel=1e-6)
        assert len(placement.simulation.messages) == 1  # one result comes home

    def test_prefers_the_faster_device(self, plan):
        """All but free links make the faster device the better one, results included."""
        slow = Device(name="slow", flops_per_second=1e3)
        cluster = Cluster(devices=(slow, Device(name="fast")), link=free_link())
        assert devices_of(place_plan(plan, rows(4), cluster), "layers.1") == ["fast"]

    def test_believes_what_was_measured(self, plan):
        """Measured times replace estimates, device by device."""
        cluster = Cluster(devices=(Device(name="a"), Device(name="b")), link=free_link())
        measured = {"a": dict.fromkeys(("linear_default", "linear_default_1"), 1.0)}
        placement = place_plan(plan, rows(4), cluster, options=Options(measured=measured))
        assert devices_of(placement, "layers.0", "layers.1") == ["b", "b"]

    def test_splits_what_does_not_fit_in_one_memory(self, plan, arguments):
        """Weights of 864 bytes and values of 128: no device of 1500 bytes holds all."""
        devices = tuple(Device(name=name, memory_bytes=1500) for name in "ab")
        placement = place_plan(plan, rows(4), Cluster(devices=devices))
        assert set(placement.device_of.values()) == {"a", "b"}
        assert max(placement.simulation.peak.values()) <= 1500
        whole = program_costs(plan.program, arguments)
        assert peak_bytes(plan.program.graph.nodes, whole) > 1500

    def test_says_what_does_not_fit_anywhere(self, plan):
        """The node, the devices and the ways out, in one sentence."""
        tiny = Cluster(devices=(Device(name="a", memory_bytes=100),))
        with pytest.raises(InputError, match=r"linear_default fits on no device.*a 100.*batch"):
            place_plan(plan, rows(4), tiny)

    def test_keeps_room_for_the_results(self, plan):
        """Four results of 128 bytes do not fit in 300, wherever they were computed."""
        devices = (Device(name="a", memory_bytes=300), Device(name="b"))
        with pytest.raises(InputError, match=r"results.*memory of a; name another device"):
            place_plan(plan, rows(4), Cluster(devices=devices), [on("**", "b")])

    def test_explains_itself(self, plan):
        """Device, modules, time, bytes and memory, by the names of values."""
        wishes = [on("layers.1", "cpu:1"), on("layers.0", "cpu:0"), on("layers.2", "cpu:0")]
        placement = place_plan(plan, rows(4), logical_devices(2), wishes)
        text = placement.explain()
        assert "cpu:0 -> cpu:1: layers.0, 128 B" in text
        assert "layers.1: linear_default_1" in text
        assert "256 B sent between devices; results at cpu:0" in text


class TestConstraints:
    def test_put_modules_where_they_are_wanted(self, plan):
        """A range of modules, by path."""
        placement = place_plan(plan, rows(4), logical_devices(3), [on("layers.1-2", "cpu:2")])
        assert devices_of(placement, "layers.1", "layers.2") == ["cpu:2", "cpu:2"]

    def test_leave_a_choice(self, plan):
        """Several devices: any of them, and no other."""
        placement = place_plan(plan, rows(4), logical_devices(3), [on("**", "cpu:1", "cpu:2")])
        assert set(placement.device_of.values()) <= {"cpu:1", "cpu:2"}

    def test_keep_groups_together_across_wishes(self, plan):
        """Sets unite: 0 with 1, and 1 with 2, so that a wish about 2 moves all three."""
        wishes = [together("layers.0", "layers.1"), together("layers.1-2"), on("layers.2", "cpu:1")]
        placement = place_plan(plan, rows(4), logical_devices(2), wishes)
        assert devices_of(placement, "layers.0", "layers.1", "layers.2") == ["cpu:1"] * 3

    def test_say_which_wishes_contradict(self, plan):
        """Both wishes and the node, in one sentence."""
        wishes = [together("layers.0-1"), on("layers.0", "cpu:0"), on("layers.1", "cpu:1")]
        with pytest.raises(
            InputError, match=r"on\('layers.1', 'cpu:1'\) contradicts on\('layers.0', 'cpu:0'\)"
        ):
            place_plan(plan, rows(4), logical_devices(2), wishes)

    def test_refuse_unknown_names(self, plan):
        """Of values, with the nearest; of devices, with all."""
        with pytest.raises(InputError, match=r"'layer.1'; the nearest names are layers.1"):
            place_plan(plan, rows(4), logical_devices(2), [on("layer.1", "cpu:0")])
        with pytest.raises(InputError, match=r"no device of this cluster; it has cpu:0, cpu:1"):
            place_plan(plan, rows(4), logical_devices(2), [on("layers.1", "gpu")])

    def test_keep_readers_of_unknown_sizes_at_home(self):
        """A size that only the data tell cannot be announced to a receiver."""

        class Positive(torch.nn.Module):
            def forward(self, x):
                return x[x > 0].exp() + 1

        exported = torch.export.export(Positive(), (torch.ones(4),), strict=False)
        given = [torch.ones(4)]
        placement = place(exported.graph_module, given, logical_devices(2), [on("exp", "cpu:1")])
        assert placement.device_of["index"] == placement.device_of["exp"] == "cpu:1"


class TestMeasuring:
    def test_times_every_node_for_the_cost_model(self, plan, arguments):
        """What was measured goes straight into a placement."""
        seconds = measured_seconds(plan.program, arguments, repeats=2)
        calls = {n.name for n in plan.program.graph.nodes if n.op == "call_function"}
        assert seconds.keys() == calls
        options = Options(measured={"cpu:0": seconds})
        placement = place_plan(plan, rows(4), logical_devices(1), options=options)
        tensors = sum(seconds[name] for name in placement.device_of)
        assert placement.estimated_seconds == pytest.approx(tensors)

    def test_finds_speeds_of_this_machine(self):
        """Positive, and better than a machine of fifty years ago."""
        device = measured_device("here", repeats=1)
        assert device.flops_per_second > 1e6
        assert device.bytes_per_second > 1e6
        assert 0 < device.call_seconds < 1
