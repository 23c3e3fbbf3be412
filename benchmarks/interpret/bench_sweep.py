"""A patching sweep: every layer's residual stream at every position, 96 patches.

One corrupted prompt of 16 tokens runs again and again with one position of one block's input taken
from a clean prompt; asked for is a difference of two logits at the last position, as a layer by
position map. The same 6-layer GPT-2 as in `bench_read_and_patch`, by

- `glasshouse`: `activation_patching`; `glasshouse, sweep`: the `graph.sweep` below it, 96 feeds of
  one position each; `glasshouse, by hand`: for each layer a batch of 16 fed residual streams
  through `graph.run`, so that only what follows it runs
- `TransformerLens`: its patching module, `get_act_patch_resid_pre`
- `nnsight, batched invokes`: 16 invokes a trace; `nnsight, loop`: one patch a trace
- `torch hooks, loop`: one patch a forward pass

Everybody's time includes the clean run that the patches come from. 1.00 is one forward pass of the
transformers model on one prompt.

    python -m benchmarks.interpret.bench_sweep [--rounds 9] [--quick]

It does not show longer prompts or GPUs, where one patch already fills the machine.
"""

import argparse

import torch
from benchmarks.contest import Job, Run, compete, contest_options, print_record
from benchmarks.interpret.contenders import (
    Contenders,
    contenders,
    hook,
    nnsight_batching,
    token_ids,
)
from torch import Tensor
from transformers import GPT2LMHeadModel

from glasshouse.dataflow import Graph
from glasshouse.interpret import activation_patching, logit_difference

LAYERS, LENGTH = 6, 16
LIKED, DISLIKED = 11, 7  # the tokens whose logits are compared


def main() -> None:
    options = contest_options(__doc__, rounds=9, quick_rounds=2)
    with torch.no_grad():
        part = sweep(options)
    print_record("sweep", options, [part])


def sweep(options: argparse.Namespace) -> dict[str, object]:
    models = contenders(LAYERS, options.device)
    clean = token_ids(1, LENGTH, options)
    corrupted = token_ids(1, LENGTH, options, seed=1)
    job = Job(
        name=f"{LAYERS * LENGTH} patches",
        answer=hook_loop(models.raw, clean, corrupted),
        runs=runs(models, clean, corrupted),
    )
    title = f"{LAYERS} layers x {LENGTH} positions, {options.threads} thread(s)"
    return compete(title, [job], lambda: [models.raw(corrupted).logits], options, warmup=1)


def runs(models: Contenders, clean: Tensor, corrupted: Tensor) -> dict[str, Run]:
    graph = Graph.capture(models.ours, clean)
    found: dict[str, Run] = {
        "glasshouse": lambda: [
            activation_patching(graph, clean, corrupted, logit_difference(LIKED, DISLIKED)).values
        ],
        "glasshouse, sweep": lambda: swept(graph, clean, corrupted),
        "glasshouse, by hand": lambda: by_hand(graph, clean, corrupted),
        "torch hooks, loop": lambda: hook_loop(models.hooked, clean, corrupted),
    }
    if models.lens is not None:
        from transformer_lens.patching import get_act_patch_resid_pre

        def lens() -> list[Tensor]:
            names = [f"blocks.{layer}.hook_resid_pre" for layer in range(LAYERS)]
            _, cache = models.lens.run_with_cache(clean, names_filter=names)
            return [get_act_patch_resid_pre(models.lens, corrupted, cache, preference)]

        found["TransformerLens"] = lens
    if models.sight is not None:
        batching = nnsight_batching(models.raw)
        found["nnsight, batched invokes"] = lambda: sight_batches(batching, clean, corrupted)
        found["nnsight, loop"] = lambda: sight_loop(models.sight, clean, corrupted)
    return found


def preference(logits: Tensor) -> Tensor:
    """How much more likely one token is than another at the end of the only prompt, in nats."""
    return logits[0, -1, LIKED] - logits[0, -1, DISLIKED]


def swept(graph: Graph, clean: Tensor, corrupted: Tensor) -> list[Tensor]:
    cleaned = graph.run(clean, fetch="blocks.*.resid_pre")
    feeds = [
        {f"{name}[pos={position}]": value[:, position]}
        for name, value in cleaned.items()
        for position in range(LENGTH)
    ]
    logits = graph.sweep(corrupted, feeds, fetch="logits[pos=-1]")["logits[pos=-1]"]
    values = logits[..., LIKED] - logits[..., DISLIKED]
    return [values.view(LAYERS, LENGTH)]


def by_hand(graph: Graph, clean: Tensor, corrupted: Tensor) -> list[Tensor]:
    both = graph.run(torch.cat([clean, corrupted]), fetch="blocks.*.resid_pre")
    rows = torch.arange(LENGTH, device=clean.device)
    found = []
    for layer in range(LAYERS):
        name = f"blocks.{layer}.resid_pre"
        cleaned, stream = both[name]
        patched = stream.repeat(LENGTH, 1, 1)
        patched[rows, rows] = cleaned
        logits = graph.run(None, fetch="logits[pos=-1]", feed={name: patched})["logits[pos=-1]"]
        found.append(logits[:, LIKED] - logits[:, DISLIKED])
    return [torch.stack(found)]


def hook_loop(model: GPT2LMHeadModel, clean: Tensor, corrupted: Tensor) -> list[Tensor]:
    blocks = model.transformer.h
    kept: list[Tensor] = []
    handles = [
        block.register_forward_pre_hook(lambda _module, inputs: kept.append(inputs[0]))
        for block in blocks
    ]
    model(clean)
    for handle in handles:
        handle.remove()
    found = torch.empty(LAYERS, LENGTH)
    for layer in range(LAYERS):
        # what enters a block is what left the block before, or the sum of the embeddings
        source = blocks[layer - 1] if layer else model.transformer.drop
        for position in range(LENGTH):

            def replace(_module, _inputs, output, layer=layer, position=position) -> Tensor:
                output = output.clone()
                output[:, position] = kept[layer][:, position]
                return output

            with hook(source, replace):
                found[layer, position] = preference(model(corrupted).logits)
    return [found]


def sight_clean(model, clean: Tensor) -> list[Tensor]:
    with model.trace(clean) as tracer:
        kept = [block.input for block in model.transformer.h].save()
        tracer.stop()
    return kept


def sight_loop(model, clean: Tensor, corrupted: Tensor) -> list[Tensor]:
    kept = sight_clean(model, clean)
    found = torch.empty(LAYERS, LENGTH)
    for layer in range(LAYERS):
        for position in range(LENGTH):
            with model.trace(corrupted):
                model.transformer.h[layer].input[:, position] = kept[layer][:, position]
                value = preference(model.output.logits).save()
            found[layer, position] = value
    return [found]


def sight_batches(model, clean: Tensor, corrupted: Tensor) -> list[Tensor]:
    kept = sight_clean(model, clean)
    found = []
    for layer in range(LAYERS):
        with model.trace() as tracer:
            values = [].save()
            for position in range(LENGTH):
                with tracer.invoke(corrupted):
                    model.transformer.h[layer].input[:, position] = kept[layer][:, position]
                    values.append(preference(model.output.logits))
        found.append(torch.stack(list(values)))
    return [torch.stack(found)]


if __name__ == "__main__":
    main()
