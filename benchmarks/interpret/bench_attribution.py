"""Gradients for attribution patching: what every block reads, every head's z, every neuron.

One forward and one backward pass of the 6-layer GPT-2 of `bench_read_and_patch` give the
derivatives of a difference of two logits at the last position, summed over the rows, with respect
to `blocks.*.resid_pre`, `blocks.*.attn.z` and `blocks.*.mlp.post`: 18 tensors, asked of

- `glasshouse`: `grad(...)` through `graph.run`, on our Transformer
- `torch hooks`: hooks that keep the values, then `torch.autograd.grad`
- `TransformerLens`: forward hooks that keep the values, its usual backward hooks, `backward()`
- `nnsight`: a backward trace inside a trace

1.00 is one forward pass without gradients; `transformers, forward and backward` takes the gradient
of the embedded tokens only, which is the least that a backward pass can be.

    python -m benchmarks.interpret.bench_attribution [--rounds 9] [--quick]
"""

from collections.abc import Sequence

import torch
from benchmarks.contest import Job, Run, compete, contest_options, print_record
from benchmarks.interpret.contenders import Contenders, contenders, hook, token_ids
from torch import Tensor
from transformers import GPT2LMHeadModel

from glasshouse.dataflow import Graph, grad

LAYERS, HEADS = 6, 8
LIKED, DISLIKED = 11, 7
VALUES = ("blocks.*.resid_pre", "blocks.*.attn.z", "blocks.*.mlp.post")
LENS_HOOKS = ("hook_resid_pre", "attn.hook_z", "mlp.hook_post")


def main() -> None:
    options = contest_options(__doc__, rounds=9, shapes=("16x128", "1x16"))
    models = contenders(LAYERS, options.device)
    parts = []
    for shape in options.shapes:
        ids = token_ids(*map(int, shape.split("x")), options)
        answer = hooked(models.hooked, ids)
        job = Job(name=f"gradients of {len(answer)} values", answer=answer, runs=runs(models, ids))
        title = f"{shape}, {options.threads} thread(s)"
        parts.append(compete(title, [job, least(models, ids)], forward(models.raw, ids), options))
    print_record("attribution", options, parts)


def forward(model: GPT2LMHeadModel, ids: Tensor) -> Run:
    def run() -> list[Tensor]:
        with torch.no_grad():
            return [model(ids).logits]

    return run


def runs(models: Contenders, ids: Tensor) -> dict[str, Run]:
    graph = Graph.capture(models.ours, ids)
    names = [name.replace("*", str(layer)) for name in VALUES for layer in range(LAYERS)]

    def ours() -> list[Tensor]:
        found = graph.run(ids, fetch=grad(preference, VALUES, reads="logits")).grad
        # the heads of z lie side by side in the peers' models
        return [found[name].flatten(2) for name in names]

    found: dict[str, Run] = {
        "glasshouse": ours,
        "torch hooks": lambda: hooked(models.hooked, ids),
    }
    if models.lens is not None:
        found["TransformerLens"] = lambda: lens(models.lens, ids)
    if models.sight is not None:
        found["nnsight"] = lambda: sight(models.sight, ids)
    return found


def preference(logits: Tensor) -> Tensor:
    return (logits[:, -1, LIKED] - logits[:, -1, DISLIKED]).sum()


def modules(model) -> list:
    """Whose input each value is, in a transformers model."""
    blocks = model.transformer.h
    return [
        *blocks,
        *(block.attn.c_proj for block in blocks),
        *(block.mlp.c_proj for block in blocks),
    ]


def trace_embedding(_module, _inputs, output: Tensor) -> Tensor:
    """Let a frozen model's values have gradients."""
    return output.requires_grad_()


def hooked(model: GPT2LMHeadModel, ids: Tensor) -> list[Tensor]:
    kept: dict[int, Tensor] = {}
    handles = [
        module.register_forward_pre_hook(
            lambda _module, inputs, index=index: kept.__setitem__(index, inputs[0])
        )
        for index, module in enumerate(modules(model))
    ]
    try:
        with hook(model.transformer.drop, trace_embedding):
            value = preference(model(ids).logits)
    finally:
        for handle in handles:
            handle.remove()
    return list(torch.autograd.grad(value, [kept[index] for index in sorted(kept)]))


def least(models: Contenders, ids: Tensor) -> Job:
    """The gradient of what the first block reads, and no other."""

    def run() -> list[Tensor]:
        kept: list[Tensor] = []
        keep = models.raw.transformer.h[0].register_forward_pre_hook(
            lambda _module, inputs: kept.append(inputs[0])
        )
        try:
            with hook(models.raw.transformer.drop, trace_embedding):
                value = preference(models.raw(ids).logits)
        finally:
            keep.remove()
        return list(torch.autograd.grad(value, kept))

    answer: Sequence[Tensor] = hooked(models.hooked, ids)[:1]
    return Job(
        name="gradient of one value",
        answer=answer,
        runs={"transformers, forward and backward": run},
    )


def lens(model, ids: Tensor) -> list[Tensor]:
    names = [f"blocks.{layer}.{name}" for name in LENS_HOOKS for layer in range(LAYERS)]
    kept: dict[str, Tensor] = {}

    def keep(name: str):
        return lambda gradient, hook: kept.__setitem__(name, gradient)  # `hook.name` is another

    with model.hooks(
        fwd_hooks=[("blocks.0.hook_resid_pre", lambda x, hook: x.requires_grad_())],
        bwd_hooks=[(name, keep(name)) for name in names],
    ):
        preference(model(ids, return_type="logits")).backward()
    return [kept[name].flatten(2) for name in names]


def sight(model, ids: Tensor) -> list[Tensor]:
    with model.trace(ids):
        start = model.transformer.drop.output
        start.requires_grad_()
        kept: list = []
        for block in model.transformer.h:
            kept += [block.input, block.attn.c_proj.input, block.mlp.c_proj.input]
        value = preference(model.output.logits)
        with value.backward():
            found = [value.grad for value in reversed(kept)].save()
    found = list(reversed(found))
    return [*found[::3], *found[1::3], *found[2::3]]


if __name__ == "__main__":
    main()
