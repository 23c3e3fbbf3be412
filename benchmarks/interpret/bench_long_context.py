"""One residual stream of one prompt of 1,024 tokens: time, memory, and no attention matrix.

The output of the third block of the 6-layer GPT-2 of `bench_read_and_patch` is asked of everybody.
Besides time (1.00 is one forward pass of the transformers model), three figures say what memory an
answer costs, in MB:

- `held`: distinct storages of what is returned (the whole cache, where one is returned)
- `peak`: the most that torch's allocator had out at once during one run, above what it had before
- `largest`: the largest tensor that any operation returned during the run. The attention matrices
  of one layer, 8 heads x 1,024 x 1,024 in float32, are 34 MB; below that there were none

    python -m benchmarks.interpret.bench_long_context [--rounds 7] [--quick]
"""

import gc
import sys
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

import torch
from benchmarks.contest import Job, Run, compete, contest_options, print_record
from benchmarks.interpret.contenders import Contenders, contenders, hook, token_ids
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from glasshouse.dataflow import Graph

LAYERS, LENGTH, EARLY = 6, 1024, 2
NAME = f"blocks.{EARLY}.resid_post"
MATRIX_BYTES = 8 * LENGTH * LENGTH * 4

Answer = Callable[[], Any]
"""Like a Run, but returns all that the interface hands back."""


def main() -> None:
    options = contest_options(__doc__, rounds=7)
    models = contenders(LAYERS, options.device)
    ids = token_ids(1, LENGTH, options)
    with torch.no_grad():
        answers, read = ways(models, ids)
        runs: dict[str, Run] = {
            who: (lambda who=who: [read[who](answers[who]())]) for who in answers
        }
        expected = [read["torch hooks"](answers["torch hooks"]())]
        job = Job(name="one residual stream", answer=expected, runs=runs, target=0.95)
        memory = {who: footprint(answer) for who, answer in answers.items()}
        title = f"1 x {LENGTH}, {options.threads} thread(s)"
        part = compete(title, [job], lambda: [models.raw(ids).logits], options, warmup=1)
    assert memory["glasshouse"]["largest_mb"] < MATRIX_BYTES / 1e6, "an attention matrix was formed"
    show(memory)
    print_record("long_context", options, [part | {"memory": memory}])


def ways(
    models: Contenders, ids: Tensor
) -> tuple[dict[str, Answer], dict[str, Callable[[Any], Tensor]]]:
    """How everybody is asked, and where in the answer the residual stream stands."""
    graph = Graph.capture(models.ours, ids)
    captured = Graph.capture(models.captured, {"input_ids": ids})
    theirs = f"transformer.h.{EARLY}"
    answers: dict[str, Answer] = {
        "glasshouse": lambda: graph.run(ids, fetch=NAME),
        "glasshouse, captured as it is": lambda: captured.run({"input_ids": ids}, fetch=theirs),
        "glasshouse, with logits": lambda: graph.run(ids, fetch=[NAME, "logits"]),
        "torch hooks": lambda: hooked(models.hooked, ids),
    }
    read: dict[str, Callable[[Any], Tensor]] = {
        "glasshouse": lambda answer: answer[NAME],
        "glasshouse, captured as it is": lambda answer: answer[theirs],
        "glasshouse, with logits": lambda answer: answer[NAME],
        "torch hooks": lambda answer: answer,
    }
    if models.lens is not None:
        point = f"blocks.{EARLY}.hook_resid_post"
        answers |= {
            "TransformerLens": lambda: models.lens.run_with_cache(ids, names_filter=[point])[1],
            "TransformerLens, stop_at_layer": lambda: models.lens.run_with_cache(
                ids, names_filter=[point], stop_at_layer=EARLY + 1
            )[1],
            "TransformerLens, everything": lambda: models.lens.run_with_cache(ids)[1],
        }
        for who in ("TransformerLens", "TransformerLens, stop_at_layer"):
            read[who] = lambda cache: cache["resid_post", EARLY]
        read["TransformerLens, everything"] = lambda cache: cache["resid_post", EARLY]
    if models.sight is not None:
        answers["nnsight"] = lambda: sight(models.sight, ids)
        answers["nnsight, stop"] = lambda: sight_stop(models.sight, ids)
        read["nnsight"] = read["nnsight, stop"] = lambda answer: answer
    return answers, read


def hooked(model, ids: Tensor) -> Tensor:
    kept: list[Tensor] = []
    with hook(model.transformer.h[EARLY], lambda _module, _inputs, output: kept.append(output)):
        model(ids)
    return kept[0]


def sight(model, ids: Tensor) -> Tensor:
    with model.trace(ids):
        value = model.transformer.h[EARLY].output.save()
    return value


def sight_stop(model, ids: Tensor) -> Tensor:
    with model.trace(ids) as tracer:
        value = model.transformer.h[EARLY].output.save()
        tracer.stop()
    return value


def footprint(answer: Answer) -> dict[str, float]:
    """Megabytes that one answer holds, takes at its peak, and forms at once."""
    answer()
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        given = answer()
    held = held_bytes(given)
    with _Largest() as seen:
        answer()
    return {
        "held_mb": round(held / 1e6, 1),
        "peak_mb": round(peak_bytes(profiler) / 1e6, 1),
        "largest_mb": round(seen.num_bytes / 1e6, 1),
    }


def peak_bytes(profiler: profile) -> int:
    """Largest sum of what had been allocated and not yet freed."""
    events = profiler.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return max(accumulate(num_bytes for _, num_bytes in changes), default=0)


def held_bytes(given: Any) -> int:
    """Bytes of the distinct storages of a tensor or of a mapping's tensors."""
    tensors: Iterable[Any] = [given] if isinstance(given, Tensor) else given.values()
    sizes = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(sizes.values())


class _Largest(TorchDispatchMode):
    """Watches every operation for the largest tensor that it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.num_bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        returned = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(returned):
            if isinstance(leaf, Tensor):
                self.num_bytes = max(self.num_bytes, leaf.numel() * leaf.element_size())
        return returned


def show(memory: dict[str, dict[str, float]]) -> None:
    print("\n  memory, MB" + " " * 27 + "held      peak   largest tensor", file=sys.stderr)
    for who, value in memory.items():
        print(
            f"    {who:<34}{value['held_mb']:>8.1f}{value['peak_mb']:>10.1f}"
            f"{value['largest_mb']:>10.1f}",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
