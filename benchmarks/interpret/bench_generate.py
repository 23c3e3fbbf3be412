"""Greedy generation with and without steering: 4 prompts of 16 tokens, 32 new ones.

Steering adds one vector to the output of the third block at every token. The 6-layer GPT-2 of
`bench_read_and_patch` is grown by

- `glasshouse`: our Transformer through `continue_prompts`, steered by its `feed`
- `transformers`: `generate`, steered by a forward hook
- `TransformerLens`: `generate` under `hooks`
- `nnsight`: a trace of `generate`, steered in a loop over steps

1.00 is `generate` of transformers without steering. Everybody must find the same tokens.

    python -m benchmarks.interpret.bench_generate [--rounds 9] [--quick]

It does not show larger models or batches, where what a step costs besides products matters less.
"""

import torch
from benchmarks.contest import Job, Run, compete, contest_options, print_record
from benchmarks.interpret.contenders import Contenders, contenders, hook, token_ids
from torch import Tensor
from transformers import GPT2LMHeadModel

from glasshouse.models import SamplingConfig, continue_prompts
from glasshouse.models.steering import Steering, add

LAYERS, BATCH, PROMPT, NEW = 6, 4, 16, 32
MIDDLE = LAYERS // 2 - 1


def main() -> None:
    options = contest_options(__doc__, rounds=9)
    models = contenders(LAYERS, options.device)
    ids = token_ids(BATCH, PROMPT, options)
    vector = torch.randn(256, generator=torch.Generator().manual_seed(3)).to(options.device)
    with torch.no_grad():
        jobs = [plain(models, ids), steered(models, ids, vector)]
        assert not torch.equal(jobs[0].answer[0], jobs[1].answer[0])
        title = f"{BATCH} prompts of {PROMPT}, {NEW} new tokens, {options.threads} thread(s)"
        part = compete(title, jobs, lambda: [hugging_face(models.raw, ids)], options)
    print_record("steered_generate", options, [part])


def plain(models: Contenders, ids: Tensor) -> Job:
    runs: dict[str, Run] = {"glasshouse": lambda: [ours(models, ids)]}
    if models.lens is not None:
        runs["TransformerLens"] = lambda: [lens(models.lens, ids)]
    if models.sight is not None:
        runs["nnsight"] = lambda: sight(models.sight, ids)
    return Job(name="not steered", answer=[hugging_face(models.raw, ids)], runs=runs, target=0.75)


def steered(models: Contenders, ids: Tensor, vector: Tensor) -> Job:
    def hooked(model: GPT2LMHeadModel) -> list[Tensor]:
        with hook(model.transformer.h[MIDDLE], lambda _module, _inputs, output: output + vector):
            return [hugging_face(model, ids)]

    def our_hook() -> list[Tensor]:
        with hook(models.ours.blocks[MIDDLE], lambda _module, _inputs, output: output + vector):
            return [ours(models, ids)]

    feed = {f"blocks.{MIDDLE}.resid_post": add(vector)}
    runs: dict[str, Run] = {
        "glasshouse": lambda: [ours(models, ids, feed)],
        "glasshouse, torch hook": our_hook,
        "transformers, hook": lambda: hooked(models.hooked),
    }
    if models.lens is not None:

        def lens_steered() -> list[Tensor]:
            point = f"blocks.{MIDDLE}.hook_resid_post"
            with models.lens.hooks(fwd_hooks=[(point, lambda x, hook: x + vector)]):
                return [lens(models.lens, ids)]

        runs["TransformerLens"] = lens_steered
    if models.sight is not None:
        runs["nnsight"] = lambda: sight_steered(models.sight, ids, vector)
    return Job(name="steered", answer=hooked(models.raw), runs=runs, target=0.75)


def hugging_face(model: GPT2LMHeadModel, ids: Tensor) -> Tensor:
    return model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=NEW,
        min_new_tokens=NEW,
        use_cache=True,
    )


def ours(models: Contenders, ids: Tensor, feed: Steering | None = None) -> Tensor:
    rules = [SamplingConfig(temperature=0, max_new_tokens=NEW)] * BATCH
    grown = continue_prompts(models.ours, ids.tolist(), rules, seeds=range(BATCH), feed=feed)
    return torch.cat([ids, torch.tensor([row.ids for row in grown], device=ids.device)], dim=1)


def lens(model, ids: Tensor) -> Tensor:
    return model.generate(
        ids,
        max_new_tokens=NEW,
        do_sample=False,
        stop_at_eos=False,
        return_type="tokens",
        verbose=False,
    )


GREEDILY = {
    "fn": "generate",
    "do_sample": False,
    "max_new_tokens": NEW,
    "min_new_tokens": NEW,
    "use_cache": True,
}


def sight(model, ids: Tensor) -> list[Tensor]:
    with model.trace(ids, attention_mask=torch.ones_like(ids), **GREEDILY) as tracer:
        grown = tracer.result.save()
    return [grown]


def sight_steered(model, ids: Tensor, vector: Tensor) -> list[Tensor]:
    with model.trace(ids, attention_mask=torch.ones_like(ids), **GREEDILY) as tracer:
        for _step in tracer.iter[:NEW]:
            model.transformer.h[MIDDLE].output += vector
        grown = tracer.result.save()
    return [grown]


if __name__ == "__main__":
    main()
