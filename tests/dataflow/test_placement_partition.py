"""One program for each device, and the same answers from all of them together."""

import pytest
import torch
from tests.dataflow.small_programs import (
    rows,
    tower_plan,
    training_arguments,
    training_program,
)

from glasshouse.dataflow import Graph
from glasshouse.dataflow.placement import (
    Cluster,
    Device,
    Link,
    Options,
    Placed,
    PlacedPlan,
    logical_devices,
    on,
    partition,
    place,
    place_plan,
    run_steps,
)
from glasshouse.errors import InputError, RunError

SPLIT = [on("layers.0", "cpu:0"), on("layers.1", "cpu:1"), on("layers.2", "cpu:2")]


@pytest.fixture(scope="module")
def plan():
    return tower_plan()


def calls(part, method):
    return [n.args[1] for n in part.program.graph.nodes if n.target == method]


class TestPartition:
    def test_sends_a_value_once_to_each_device_that_reads_it(self, plan):
        """layers.0 has two readers on cpu:1 and none elsewhere: one message."""
        wishes = [on("layers.0", "cpu:0"), on("layers.1-2", "cpu:1"), on("output", "cpu:1")]
        parts = partition(place_plan(plan, rows(4), logical_devices(2), wishes))
        sent = calls(parts[0], "send")
        assert sent == ["linear_default to cpu:1"]
        assert calls(parts[1], "start_receive") == sent

    def test_takes_only_the_weights_that_a_device_reads(self, plan):
        """A process need not hold the others."""
        parts = partition(place_plan(plan, rows(4), logical_devices(3), SPLIT))
        assert parts[1].inputs == ("p_layers_1_weight", "p_layers_1_bias")

    def test_starts_receives_as_late_as_they_can_be(self):
        """`a` is sent at 1 s and takes 1 s, but is read at 6 s: its receive starts at 5 s, beside
        the last of the six products before it, and nobody waits for it."""

        def program(x, w):
            a = x @ w
            b = x
            for _ in range(6):
                b = b @ w
            return b + a

        given = [torch.zeros(64, 64), torch.zeros(64, 64)]
        made = torch.fx.experimental.proxy_tensor.make_fx(program, tracing_mode="fake")(*given)
        one = {"call_seconds": 0.0, "flops_per_second": 2 * 64**3, "bytes_per_second": 1e15}
        cluster = Cluster(
            devices=(Device(name="near", **one), Device(name="far", **one)),
            link=Link(latency_seconds=0.0, bytes_per_second=4 * 64 * 64),
        )
        wishes = [on("mm", "far"), on("mm_*", "near"), on("add", "near")]
        placement = place(made, given, cluster, wishes)
        order = [n.name for n in partition(placement)[0].program.graph.nodes]
        assert placement.estimated_seconds == pytest.approx(6.0, rel=1e-6)
        assert order.index("receive_mm") == order.index("mm_6") - 1
        assert order.index("mm_received") == order.index("add") - 1


class TestThreads:
    def test_make_new_tensors_where_they_run(self):
        """A call that makes a tensor makes it on the device that it was given. (torch's meta
        device computes shapes only, but refuses to mix with another as a GPU does.)"""

        class Numbered(torch.nn.Module):
            def forward(self, x):
                return x * torch.arange(x.shape[0])[:, None]

        plan = Graph.capture(Numbered(), rows(4)).plan("output")
        shapes_only = Cluster(devices=(Device(name="gpu", kind="meta"),))
        run = PlacedPlan(plan, place_plan(plan, rows(4), shapes_only))
        for count in (4, 4, 6):
            found = run.run(rows(count))["output"]
            assert (found.device.type, found.shape) == ("meta", (count, 8))

    def test_answer_as_one_device_to_the_last_bit(self, plan):
        """Three devices, other numbers of rows than in the example, a transposed value sent."""
        wishes = [*SPLIT[:2], on("t_default_1", "cpu:2"), on("div_tensor", "cpu:1")]
        placed = PlacedPlan(plan, place_plan(plan, rows(4), logical_devices(3), wishes))
        assert placed.placed.placement.bytes_sent > 0
        for count in (4, 1, 7):
            found, expected = placed.run(rows(count)), plan.run(rows(count))
            assert found.keys() == expected.keys()
            assert all(torch.equal(found[name], expected[name]) for name in expected)

    def test_take_feeds_as_the_plan_does(self):
        """A function of a part of a value runs where the value is made."""
        plan = tower_plan(feed=["layers.0[...]"])
        feed = {"layers.0[:, 0]": lambda column: column * 0}
        placement = place_plan(plan, rows(4), logical_devices(3), SPLIT, feed=feed)
        found = PlacedPlan(plan, placement).run(rows(4), feed=feed)
        expected = plan.run(rows(4), feed=feed)
        assert not found["layers.0"][:, 0].any()
        assert all(torch.equal(found[name], expected[name]) for name in expected)

    def test_pass_on_the_error_of_the_device_that_failed(self, plan):
        """Not that of another which waited for it in vain."""
        placed = Placed(place_plan(plan, rows(4), logical_devices(3), SPLIT))
        arguments = plan.arguments(rows(4), {})
        arguments[2] = torch.zeros(3, 3)  # the weight of layers.1
        with pytest.raises(RuntimeError, match=r"shapes|size"):
            placed.run(arguments)

    def test_bring_results_where_they_are_wanted(self, plan):
        """Part by part: only one device returns anything."""
        options = Options(results_at="cpu:1")
        parts = partition(place_plan(plan, rows(4), logical_devices(2), options=options))
        assert [part.outputs for part in parts] == [(), (0, 1, 2, 3)]


class TestCompression:
    def test_errs_by_at_most_one_part_in_256(self, plan):
        """bfloat16 keeps 8 bits of a number: rounding moves it by at most 2^-8 of itself. What is
        not sent is exact, and half the bytes travel."""
        wishes = [on("layers.0", "cpu:1"), on("layers.1", "cpu:0")]
        whole = place_plan(plan, rows(4), logical_devices(2), wishes)
        half = place_plan(plan, rows(4), logical_devices(2), wishes, options=Options(compress=True))
        assert half.bytes_sent * 2 == whole.bytes_sent
        found = PlacedPlan(plan, half).run(rows(4))["layers.0"]
        exact = plan.run(rows(4))["layers.0"]
        error = ((found - exact) / exact).abs().max()
        assert 0 < error <= 2**-8


class TestVariables:
    def test_carry_on_from_run_to_run(self, tmp_path):
        """Gradient descent over two devices is gradient descent on one, and learns."""
        program = training_program()
        expected, weights = [], training_arguments(0)[:2]
        for step in range(6):
            loss, *weights = program(*weights, *training_arguments(step)[2:])
            expected.append(loss)
        placed = Placed(self.placement(program))
        found = list(run_steps(placed, training_arguments, steps=6, folder=tmp_path, save_every=2))
        assert [step.number for step in found] == [1, 2, 3, 4, 5, 6]
        assert torch.equal(torch.stack([s.outputs[0] for s in found]), torch.stack(expected))
        assert torch.equal(placed.variables["up_1"], weights[0])
        assert sorted(p.name for p in tmp_path.iterdir()) == [
            "variables-00000006.0.safetensors",
            "variables.json",
        ]

    def test_refuse_a_checkpoint_that_is_not_theirs(self, tmp_path):
        """Damaged, or of a program with other variables."""
        program = training_program()
        placed = Placed(self.placement(program))
        list(run_steps(placed, training_arguments, steps=1, folder=tmp_path, save_every=1))
        other = Placed(place(program, training_arguments(0), logical_devices(1)))
        with pytest.raises(RunError, match=r"holds down_1, up_1; the program's variables are none"):
            list(run_steps(other, training_arguments, steps=2, folder=tmp_path, save_every=1))
        (tmp_path / "variables-00000001.0.safetensors").write_bytes(b"half")
        with pytest.raises(RunError, match=r"cannot be read"):
            list(run_steps(placed, training_arguments, steps=2, folder=tmp_path, save_every=1))

    def test_that_a_program_writes_in_place_live_on_one_device(self):
        """Everything that touches the memory shares its device."""

        class Counter(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("total", torch.zeros(3))

            def forward(self, x):
                self.total.add_(torch.ones_like(x))
                return self.total * 2

        module = Counter()
        plan = Graph.capture(module, torch.zeros(3)).plan("output", assign="total")
        wishes = [on("output", "cpu:1")]
        placement = place_plan(plan, torch.zeros(3), logical_devices(2), wishes)
        assert set(placement.device_of.values()) == {"cpu:1"}
        run = PlacedPlan(plan, placement)
        doubled = [run.run(torch.zeros(3))["output"].tolist() for _ in range(3)]
        assert doubled == [[2.0] * 3, [4.0] * 3, [6.0] * 3]
        assert [v.tolist() for v in run.placed.variables.values()] == [[3.0, 3.0, 3.0]]
        assert module.total.tolist() == [3.0, 3.0, 3.0]

    def test_must_be_outputs_of_the_program(self):
        """An output number that does not exist is the caller's mistake."""
        with pytest.raises(InputError, match=r"'up_1': 9.*names no placeholder and output"):
            place(
                training_program(),
                training_arguments(0),
                logical_devices(1),
                options=Options(variables={"up_1": 9}),
            )

    @staticmethod
    def placement(program):
        wishes = [on("mm", "cpu:0"), on("mm_1", "cpu:1")]
        options = Options(variables={"up_1": 1, "down_1": 2})
        return place(program, training_arguments(0), logical_devices(2), wishes, options=options)
