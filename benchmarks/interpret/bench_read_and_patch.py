"""Reading and patching a GPT-2: how much longer than its plain forward pass does a question take?

A GPT-2 with random weights (6 layers, 8 heads, width 256, vocabulary 5,000, float32, no gradients)
is asked, at 16 x 128 tokens and at 1 x 16, for its logits, its residual streams, everything, one
early value (of 12 layers), and for logits after one value was replaced, by

- `glasshouse`: `graph.run` on our Transformer, and on the transformers model captured as it is
- `torch hooks`: forward hooks on the transformers model, written by hand
- `transformers`: what the model itself can return
- `TransformerLens`: `run_with_cache` and `run_with_hooks` on its bridge
- `nnsight`: `trace`, with `stop` and `skip` where they save work

1.00 is `model(ids).logits` of transformers with torch's fused attention and `use_cache=False`;
`transformers, with its cache` is the same call left at its default. Everybody's answer is compared
with hooks on the transformers model first. Peers come from benchmarks/peers.txt.

    python -m benchmarks.interpret.bench_read_and_patch [--rounds 15] [--quick]

It does not show larger models, where the products of matrices hide what every call costs.
"""

import argparse
from collections.abc import Sequence

import torch
from benchmarks.contest import Job, Run, compete, contest_options, print_record
from benchmarks.interpret.contenders import Contenders, contenders, hook, token_ids
from torch import Tensor
from transformers import GPT2LMHeadModel

from glasshouse.dataflow import Graph

LAYERS, DEEP_LAYERS = 6, 12
MIDDLE = LAYERS // 2 - 1  # the block whose output is replaced: half of the blocks follow it
EARLY = 2
POSITION = 5


def main() -> None:
    options = contest_options(__doc__, rounds=15, shapes=("16x128", "1x16"))
    models, deep = contenders(LAYERS, options.device), contenders(DEEP_LAYERS, options.device)
    with torch.no_grad():
        parts = [
            part for shape in options.shapes for part in at_shape(shape, models, deep, options)
        ]
    print_record("read_and_patch", options, parts)


def at_shape(
    shape: str, models: Contenders, deep: Contenders, options: argparse.Namespace
) -> list[dict[str, object]]:
    """The contests at one shape: one on six layers, one on twelve."""
    ids = token_ids(*map(int, shape.split("x")), options)
    is_small = len(ids) == 1
    rounds = 2 * options.rounds if is_small and not options.quick else options.rounds
    here = argparse.Namespace(**{**vars(options), "rounds": rounds})
    title = f"{shape}, {options.threads} thread(s), {rounds} rounds"
    early = [early_value(deep, ids, is_small)]
    return [
        compete(title, jobs(models, ids, is_small), raw_run(models.raw, ids), here),
        compete(f"{title}, {DEEP_LAYERS} layers", early, raw_run(deep.raw, ids), here),
    ]


def raw_run(model: GPT2LMHeadModel, ids: Tensor) -> Run:
    return lambda: [model(ids).logits]


def jobs(models: Contenders, ids: Tensor, is_small: bool) -> list[Job]:
    """All jobs on the model of six layers."""
    graph = Graph.capture(models.ours, ids)
    captured = Graph.capture(models.captured, {"input_ids": ids})
    return [
        logits_only(models, graph, ids, is_small),
        every_residual(models, graph, ids, is_small),
        everything(models, graph, ids, is_small),
        fed_value(models, graph, captured, ids),
        patched_position(models, graph, captured, ids, is_small),
    ]


def logits_only(models: Contenders, graph: Graph, ids: Tensor, is_small: bool) -> Job:
    runs: dict[str, Run] = {
        "glasshouse": lambda: [graph.run(ids, fetch="logits")["logits"]],
        "glasshouse, network called": lambda: [models.ours(ids)],
        "transformers, with its cache": lambda: [models.raw(ids, use_cache=True).logits],
        "transformers, eager attention": lambda: [models.eager(ids).logits],
    }
    if models.lens is not None:
        runs["TransformerLens"] = lambda: [models.lens(ids, return_type="logits")]
    if models.sight is not None:
        runs["nnsight"] = lambda: sight_logits(models.sight, ids)
    answer = [models.raw(ids).logits]
    return Job(name="logits only", answer=answer, runs=runs, target=0.75 if is_small else 0.85)


def sight_logits(model, ids: Tensor) -> list[Tensor]:
    with model.trace(ids):
        logits = model.output.logits.save()
    return [logits]


def every_residual(models: Contenders, graph: Graph, ids: Tensor, is_small: bool) -> Job:
    """Logits and the output of every block."""
    names = [f"blocks.{layer}.resid_post" for layer in range(LAYERS)]

    def ours() -> list[Tensor]:
        values = graph.run(ids, fetch=["logits", "blocks.*.resid_post"])
        return [values["logits"], *(values[name] for name in names)]

    runs: dict[str, Run] = {
        "glasshouse": ours,
        "torch hooks": lambda: hooked_residuals(models.hooked, ids),
    }
    if models.lens is not None:

        def lens() -> list[Tensor]:
            logits, cache = models.lens.run_with_cache(
                ids, names_filter=[f"blocks.{layer}.hook_resid_post" for layer in range(LAYERS)]
            )
            return [logits, *(cache["resid_post", layer] for layer in range(LAYERS))]

        runs["TransformerLens"] = lens
    if models.sight is not None:
        runs["nnsight"] = lambda: sight_residuals(models.sight, ids)
    return Job(
        name="every residual stream",
        answer=hooked_residuals(models.raw, ids),
        runs=runs,
        target=0.80 if is_small else 0.88,
    )


def hooked_residuals(model: GPT2LMHeadModel, ids: Tensor) -> list[Tensor]:
    kept: list[Tensor] = []
    handles = [
        block.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
        for block in model.transformer.h
    ]
    try:
        logits = model(ids).logits
    finally:
        for handle in handles:
            handle.remove()
    return [logits, *kept]


def sight_residuals(model, ids: Tensor) -> list[Tensor]:
    with model.trace(ids):
        kept = [block.output for block in model.transformer.h].save()
        logits = model.output.logits.save()
    return [logits, *kept]


def everything(models: Contenders, graph: Graph, ids: Tensor, is_small: bool) -> Job:
    """All that an interface names; compared are logits, block outputs and attention patterns."""

    def ours() -> list[Tensor]:
        values = graph.run(ids, fetch="**")
        return [
            values["logits"],
            *(values[f"blocks.{layer}.resid_post"] for layer in range(LAYERS)),
            *(values[f"blocks.{layer}.attn.pattern"] for layer in range(LAYERS)),
        ]

    def hooks() -> list[Tensor]:
        kept = hooked_modules(models.eager, ids)
        return [
            kept[""].logits,
            *(kept[f"transformer.h.{layer}"] for layer in range(LAYERS)),
            *(kept[f"transformer.h.{layer}.attn"][1] for layer in range(LAYERS)),
        ]

    runs: dict[str, Run] = {"glasshouse": ours, "torch hooks": hooks}
    notes = {
        "glasshouse": f"{len(graph.names)} values named",
        "torch hooks": f"{len(list(models.eager.modules()))} modules of the eager model",
    }
    if models.lens is not None:

        def lens() -> list[Tensor]:
            logits, cache = models.lens.run_with_cache(ids)
            residuals = [cache["resid_post", layer] for layer in range(LAYERS)]
            return [logits, *residuals, *(cache["pattern", layer] for layer in range(LAYERS))]

        runs["TransformerLens"] = lens
        notes["TransformerLens"] = f"{len(models.lens.run_with_cache(ids)[1])} values kept"
    if models.sight_eager is not None:
        runs["nnsight"] = lambda: sight_everything(models.sight_eager, ids)
        notes["nnsight"] = "every module of the eager model"
    return Job(
        name="everything",
        answer=hooks(),
        runs=runs,
        target=1.4 if is_small else 1.2,
        notes=notes,
    )


def hooked_modules(model: GPT2LMHeadModel, ids: Tensor) -> dict:
    kept = {}

    def keep(name: str):
        def run(_module, _inputs, output) -> None:
            kept[name] = output

        return run

    handles = [module.register_forward_hook(keep(name)) for name, module in model.named_modules()]
    try:
        model(ids)
    finally:
        for handle in handles:
            handle.remove()
    return kept


def sight_everything(model, ids: Tensor) -> list[Tensor]:
    with model.trace(ids) as tracer:
        cache = tracer.cache(device=None)
    blocks = [cache[f"model.transformer.h.{layer}"].output for layer in range(LAYERS)]
    attention = [cache[f"model.transformer.h.{layer}.attn"].output for layer in range(LAYERS)]
    return [cache["model"].output.logits, *blocks, *(output[1] for output in attention)]


def early_value(models: Contenders, ids: Tensor, is_small: bool) -> Job:
    """The output of the third of twelve blocks, for which nine blocks need not run."""
    graph, name = Graph.capture(models.ours, ids), f"blocks.{EARLY}.resid_post"
    runs: dict[str, Run] = {
        "glasshouse": lambda: [graph.run(ids, fetch=name)[name]],
        "torch hooks, raising": lambda: [hooked_stop(models.hooked, ids)],
    }
    if models.lens is not None:

        def lens() -> list[Tensor]:
            _, cache = models.lens.run_with_cache(
                ids, names_filter=[f"blocks.{EARLY}.hook_resid_post"], stop_at_layer=EARLY + 1
            )
            return [cache["resid_post", EARLY]]

        runs["TransformerLens, stop_at_layer"] = lens
    if models.sight is not None:
        runs["nnsight, stop"] = lambda: sight_stop(models.sight, ids)
    return Job(
        name=f"blocks.{EARLY}.resid_post of {DEEP_LAYERS} blocks",
        answer=[hooked_residuals(models.raw, ids)[1 + EARLY]],
        runs=runs,
        target=0.30 if is_small else 0.25,
    )


class _Found(Exception):
    """Raised by a hook that has what it came for."""


def hooked_stop(model: GPT2LMHeadModel, ids: Tensor) -> Tensor:
    kept: list[Tensor] = []

    def keep(_module, _inputs, output) -> None:
        kept.append(output)
        raise _Found

    with hook(model.transformer.h[EARLY], keep):
        try:
            model(ids)
        except _Found:
            return kept[0]
    raise AssertionError("the hook never ran")


def sight_stop(model, ids: Tensor) -> list[Tensor]:
    with model.trace(ids) as tracer:
        value = model.transformer.h[EARLY].output.save()
        tracer.stop()
    return [value]


def fed_value(models: Contenders, graph: Graph, captured: Graph, ids: Tensor) -> Job:
    """Logits after the output of the third of six blocks was replaced by another tensor."""
    generator = torch.Generator().manual_seed(1)
    value = torch.randn(*ids.shape, 256, generator=generator).to(ids.device)
    ours, theirs = f"blocks.{MIDDLE}.resid_post", f"transformer.h.{MIDDLE}"

    def hooks(model: GPT2LMHeadModel) -> list[Tensor]:
        with hook(model.transformer.h[MIDDLE], lambda *_: value):
            return [model(ids).logits]

    runs: dict[str, Run] = {
        "glasshouse": lambda: [graph.run(ids, fetch="logits", feed={ours: value})["logits"]],
        "glasshouse, captured as it is": lambda: [
            captured.run({"input_ids": ids}, fetch="logits", feed={theirs: value})["logits"]
        ],
        "torch hooks": lambda: hooks(models.hooked),
    }
    if models.lens is not None:
        point = f"blocks.{MIDDLE}.hook_resid_post"
        runs["TransformerLens"] = lambda: [
            models.lens.run_with_hooks(ids, fwd_hooks=[(point, lambda x, hook: value)])
        ]
    if models.sight is not None:
        runs["nnsight"] = lambda: sight_feed(models.sight, ids, value)
        runs["nnsight, skip"] = lambda: sight_skip(models.sight, ids, value)
    return Job(
        name="feed one value at mid depth",
        answer=changed(hooks(models.raw), models.raw, ids),
        runs=runs,
        target=0.50,
    )


def sight_feed(model, ids: Tensor, value: Tensor) -> list[Tensor]:
    with model.trace(ids):
        model.transformer.h[MIDDLE].output = value
        logits = model.output.logits.save()
    return [logits]


def sight_skip(model, ids: Tensor, value: Tensor) -> list[Tensor]:
    with model.trace(ids):
        for layer in range(MIDDLE + 1):
            model.transformer.h[layer].skip(value)
        logits = model.output.logits.save()
    return [logits]


def patched_position(
    models: Contenders, graph: Graph, captured: Graph, ids: Tensor, is_small: bool
) -> Job:
    """Logits after one position of a block's output was replaced: the whole model runs."""
    generator = torch.Generator().manual_seed(2)
    vector = torch.randn(256, generator=generator).to(ids.device)
    ours = f"blocks.{MIDDLE}.resid_post[pos={POSITION}]"
    theirs = f"transformer.h.{MIDDLE}[:, {POSITION}]"

    def replace(x: Tensor) -> Tensor:
        x = x.clone()
        x[:, POSITION] = vector
        return x

    def hooks(model: GPT2LMHeadModel) -> list[Tensor]:
        with hook(model.transformer.h[MIDDLE], lambda _module, _inputs, output: replace(output)):
            return [model(ids).logits]

    runs: dict[str, Run] = {
        "glasshouse": lambda: [
            captured.run({"input_ids": ids}, fetch="logits", feed={theirs: vector})["logits"]
        ],
        "glasshouse, function": lambda: [
            captured.run({"input_ids": ids}, fetch="logits", feed={theirs: lambda _: vector})[
                "logits"
            ]
        ],
        "glasshouse, our Transformer": lambda: [
            graph.run(ids, fetch="logits", feed={ours: vector})["logits"]
        ],
        "torch hooks": lambda: hooks(models.hooked),
    }
    if models.lens is not None:
        point = f"blocks.{MIDDLE}.hook_resid_post"
        runs["TransformerLens"] = lambda: [
            models.lens.run_with_hooks(ids, fwd_hooks=[(point, lambda x, hook: replace(x))])
        ]
    if models.sight is not None:
        runs["nnsight"] = lambda: sight_patch(models.sight, ids, vector)
    return Job(
        name="patch one position of a model captured as it is",
        answer=changed(hooks(models.raw), models.raw, ids),
        runs=runs,
        target=1.05 if is_small else 1.0,
    )


def sight_patch(model, ids: Tensor, vector: Tensor) -> list[Tensor]:
    with model.trace(ids):
        model.transformer.h[MIDDLE].output[:, POSITION] = vector
        logits = model.output.logits.save()
    return [logits]


def changed(answer: Sequence[Tensor], model: GPT2LMHeadModel, ids: Tensor) -> Sequence[Tensor]:
    """The answer, once it is seen to differ from that of the model left alone."""
    assert (answer[0] - model(ids).logits).abs().max() > 0.01
    return answer


if __name__ == "__main__":
    main()
