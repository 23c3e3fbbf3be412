"""Compiled questions beside the compiled plain forward pass, and how often a patch recompiles.

Our 6-layer Transformer of `benchmarks/interpret` is compiled as a whole by `torch.compile`, which
is 1.00, and asked through compiled plans for its logits, every residual stream, one early value,
and for logits after a patch whose layer, position and vector change from run to run. Beside it run
the transformers model, plain and compiled, and our plans without compilation.

`compilations` in the JSON line is how many times the plan for patches was compiled over a sweep of
every layer and position, with tensors of changing length, at two shapes.

    python -m benchmarks.dataflow.bench_compiled [--rounds 15] [--quick]

It does not show what compiling costs; `bench_compile_cost` does.
"""

import argparse
import copy
import sys
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from benchmarks.contest import Job, Run, compete, contest_options, print_record
from benchmarks.interpret.contenders import hook, our_transformer, random_gpt2, token_ids
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.dataflow.compiled import CompiledPlan

LAYERS, WIDTH, MIDDLE, EARLY, POSITION = 6, 256, 2, 1, 5
ASKED = ["logits", "blocks.*.resid_post"]
RESIDUALS = [f"blocks.{layer}.resid_post" for layer in range(LAYERS)]


def main() -> None:
    options = contest_options(__doc__, rounds=15, shapes=("16x128", "1x16"))
    compiled = compile_all(options)
    with torch.no_grad():
        parts = [contest(shape, compiled, options) for shape in options.shapes]
        found = compilations(compiled.patch_any, options)
    print(f"\ncompilations of the plan for patches: {found}", file=sys.stderr)
    print_record("compiled", options, [*parts, {"compilations": found}])


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledModels:
    """Everything that is compiled, once for all shapes."""

    network: Any
    """Our Transformer, not compiled."""
    plain: Any
    """Our Transformer under torch.compile."""
    theirs: Any
    """The transformers model."""
    theirs_compiled: Any
    """The same under torch.compile."""
    graph: Graph
    """Our Transformer's graph."""
    logits: CompiledPlan
    """The plan for logits."""
    residuals: CompiledPlan
    """The plan for logits and every residual stream."""
    early: CompiledPlan
    """The plan for one early value."""
    patch: CompiledPlan
    """The plan for logits, where any part of one value may be fed."""
    patch_any: CompiledPlan
    """The same, with any block's."""


def compile_all(options: argparse.Namespace) -> CompiledModels:
    """Everything is compiled when it first runs, for all shapes."""
    theirs = random_gpt2(LAYERS)
    network = our_transformer(theirs)
    graph = Graph.capture(network, token_ids(2, 16, options))
    return CompiledModels(
        network=network,
        plain=torch.compile(network, fullgraph=True, dynamic=True),
        theirs=theirs,
        theirs_compiled=torch.compile(copy.deepcopy(theirs), fullgraph=True, dynamic=True),
        graph=graph,
        logits=graph.plan("logits").compile(),
        residuals=graph.plan(ASKED).compile(),
        early=graph.plan(RESIDUALS[EARLY]).compile(),
        patch=graph.plan("logits", feed=[f"{RESIDUALS[MIDDLE]}[...]"]).compile(),
        patch_any=graph.plan("logits", feed=["blocks.*.resid_post[...]"]).compile(),
    )


def contest(shape: str, all_: CompiledModels, options: argparse.Namespace) -> dict[str, object]:
    ids = token_ids(*map(int, shape.split("x")), options)
    title = f"{shape}, {options.threads} thread(s); raw is our Transformer under torch.compile"
    jobs = [logits_only(all_, ids), residuals(all_, ids), early(all_, ids), patched(all_, ids)]
    return compete(title, jobs, lambda: [all_.plain(ids)], options)


def logits_only(all_: CompiledModels, ids: Tensor) -> Job:
    runs: dict[str, Run] = {
        "glasshouse": lambda: [all_.logits.run(ids)["logits"]],
        "glasshouse, not compiled": lambda: [all_.graph.run(ids, fetch="logits")["logits"]],
        "transformers": lambda: [all_.theirs(ids).logits],
        "transformers, torch.compile": lambda: [all_.theirs_compiled(ids).logits],
    }
    return Job(name="logits only", answer=[all_.network(ids)], runs=runs, target=1.0)


def residuals(all_: CompiledModels, ids: Tensor) -> Job:
    network, graph, plan = all_.network, all_.graph, all_.residuals

    def read(values) -> list[Tensor]:
        return [values["logits"], *(values[name] for name in RESIDUALS)]

    kept: list[Tensor] = []
    handles = [
        block.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
        for block in network.blocks
    ]
    answer = [network(ids), *kept]
    for handle in handles:
        handle.remove()
    runs: dict[str, Run] = {
        "glasshouse": lambda: read(plan.run(ids)),
        "glasshouse, not compiled": lambda: read(graph.run(ids, fetch=ASKED)),
    }
    return Job(name="every residual stream", answer=answer, runs=runs, target=1.0)


def early(all_: CompiledModels, ids: Tensor) -> Job:
    name, network, graph, plan = RESIDUALS[EARLY], all_.network, all_.graph, all_.early
    kept: list[Tensor] = []
    with hook(network.blocks[EARLY], lambda _module, _inputs, output: kept.append(output)):
        network(ids)
    runs: dict[str, Run] = {
        "glasshouse": lambda: [plan.run(ids)[name]],
        "glasshouse, not compiled": lambda: [graph.run(ids, fetch=name)[name]],
    }
    return Job(name=f"{name} of {LAYERS} blocks", answer=kept, runs=runs)


def patched(all_: CompiledModels, ids: Tensor) -> Job:
    """One position of one block's output is replaced; the plan may patch any block's."""
    network, graph = all_.network, all_.graph
    vector = torch.randn(WIDTH, generator=torch.Generator().manual_seed(2))
    address = f"{RESIDUALS[MIDDLE]}[pos={POSITION}]"

    def replace(_module, _inputs, output: Tensor) -> Tensor:
        output = output.clone()
        output[:, POSITION] = vector
        return output

    with hook(network.blocks[MIDDLE], replace):
        answer = [network(ids)]
    assert (answer[0] - network(ids)).abs().max() > 0.01
    runs: dict[str, Run] = {
        "glasshouse": lambda: [all_.patch.run(ids, feed={address: vector})["logits"]],
        "glasshouse, any block": lambda: [
            all_.patch_any.run(ids, feed={address: vector})["logits"]
        ],
        "glasshouse, not compiled": lambda: [
            graph.run(ids, fetch="logits", feed={address: vector})["logits"]
        ],
    }
    return Job(name="patch one position", answer=answer, runs=runs, target=1.0)


def compilations(patching: CompiledPlan, options: argparse.Namespace) -> int:
    """Patch everywhere, with vectors, at two shapes, and count."""
    seeds = count(10)
    for batch, length in ((1, 7), (3, 20)):
        ids = token_ids(batch, length, options)
        for name in RESIDUALS:
            for position in range(length):
                vector = torch.randn(WIDTH, generator=torch.Generator().manual_seed(next(seeds)))
                patching.run(ids, feed={f"{name}[pos={position}]": vector})
    return patching.num_compilations


if __name__ == "__main__":
    main()
