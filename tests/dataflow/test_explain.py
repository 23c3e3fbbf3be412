"""What a plan will cost, against counts by hand, torch's own counter and measured memory."""

import gc

import pytest
import torch
from tests.dataflow.modules import Model, make_ids
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from glasshouse.dataflow import Graph
from glasshouse.dataflow.explain import amount, block_path
from glasshouse.dataflow.plan import Plan
from glasshouse.errors import InputError

IDS = make_ids()


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return Model().eval()


@pytest.fixture(scope="module")
def graph(model) -> Graph:
    return Graph.capture(model, IDS)


def measured_peak(plan: Plan, ids: torch.Tensor) -> int:
    """Most bytes that torch's allocator held for one run, beyond what was there before."""
    arguments = plan.arguments(ids, {})
    gc.collect()
    gc.disable()  # what other tests have left would be let go of in the middle, and count as ours
    try:
        with torch.no_grad(), torch.profiler.profile(profile_memory=True) as profile:
            kept = plan.function(*arguments)
    finally:
        gc.enable()
    del kept
    held, peak = 0, 0
    events = profile.profiler.kineto_results.events()
    for event in sorted(events, key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


class TestExplain:
    def test_counts_a_linear_map(self):
        """2 · batch · in · out operations; weights, input and result in float32."""
        graph = Graph.capture(nn.Linear(30, 50), torch.zeros(2, 30))
        found = graph.explain("output", batch=7)
        assert found.flops == 2 * 7 * 30 * 50
        assert found.weight_bytes == 4 * (30 * 50 + 50)
        assert found.bytes_moved == found.weight_bytes + 4 * 7 * (30 + 50)
        assert found.peak_bytes == 4 * 7 * (30 + 50)
        assert found.inputs == {"input": (7, 30)}
        assert found.num_operations == 1

    def test_agrees_with_torch_on_a_transformer(self, model, graph):
        """Whose counter runs the module; attention in the open, for it knows no fused one here."""
        fetch = ["logits", "blocks.*.attn.pattern"]
        ids = make_ids(5, 19)
        with FlopCounterMode(display=False) as counter:
            graph.run(ids, fetch=fetch)
        found = graph.explain(fetch, batch=5, seq=19)
        assert found.flops == counter.get_total_flops() > 0
        assert graph.explain("logits", batch=5, seq=19).flops == found.flops

    @pytest.mark.parametrize("fetch", ["logits", "**", "blocks.1.resid_post"])
    def test_agrees_with_measured_memory(self, graph, fetch):
        """Within 0.3: kernels need scratch memory of their own, fused attention 64 kB a thread."""
        ids = make_ids(8, 200)
        plan = graph.plan(fetch)
        found = plan.explain(batch=8, seq=200).peak_bytes - ids.nbytes
        assert found == pytest.approx(measured_peak(plan, ids), rel=0.3)

    def test_tells_what_is_computed(self, graph):
        """What a fed value makes needless is not; what it may change still is."""
        cut = graph.explain("logits", ["blocks.1.resid_post"])
        assert cut.computed[:2] == ("blocks.1", "blocks.2.resid_pre")
        assert cut.fed == ("blocks.1.resid_post",)
        assert cut.inputs == {}
        assert cut.whole is not None
        assert 0.3 < cut.flops / cut.whole.flops < 0.6
        gated = graph.explain("logits", ["blocks.1.resid_post[...]"])
        assert "blocks.0.attn.z" in gated.computed
        assert "blocks.0.attn.pattern" not in gated.computed
        assert "blocks.0.attn.pattern" in graph.explain("blocks.0.attn.pattern").computed

    def test_reads_well(self, graph):
        """Blocks that cost the same share a line."""
        text = str(graph.explain("logits", batch=2, seq=10))
        assert text.splitlines()[0] == "fetches logits from ids (2, 10)"
        assert "1.00 of the whole forward" in text
        assert sum(line.strip().startswith("blocks.") for line in text.splitlines()) == 1
        assert "blocks.0-2" in text
        assert "(no module)" not in text

    def test_refuses_lengths_that_the_module_does(self, graph):
        """A run would be refused, and so is its explanation."""
        with pytest.raises(InputError, match="batch=0"):
            graph.explain("logits", batch=0)


class TestWords:
    @pytest.mark.parametrize(
        ("number", "text"), [(0, "0 B"), (512, "512 B"), (3.21e6, "3.21 MB"), (1.5e12, "1.5 TB")]
    )
    def test_is_short(self, number, text):
        assert amount(number, "B") == text

    @pytest.mark.parametrize(
        ("path", "short"),
        [
            ("blocks.3.attn.q", "blocks.3"),
            ("transformer.h.11.mlp", "transformer.h.11"),
            ("final_norm", "final_norm"),
            ("", ""),
        ],
    )
    def test_ends_at_the_block(self, path, short):
        assert block_path(path) == short
