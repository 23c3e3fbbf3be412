"""The same experiments with torch's own forward hooks."""

import torch


def hooked(model, path, ids):
    """What a module gives out."""
    found = []
    handle = model.get_submodule(path).register_forward_hook(lambda m, a, out: found.append(out))
    with torch.no_grad():
        model(ids)
    handle.remove()
    return found[0]


def hooked_logits(model, ids, heads, replacement):
    """Logits with z of some heads replaced on its way into the output map.

    Args:
        replacement: From layer and z, heads apart, to the new z.
    """
    handles = []
    for layer in {layer for layer, _ in heads}:

        def change(module, args, layer=layer):
            z = args[0].unflatten(-1, (4, -1)).clone()
            chosen = [head for at, head in heads if at == layer]
            z[:, :, chosen] = replacement(layer, z)[:, :, chosen]
            return (z.flatten(2),)

        handles.append(model.blocks[layer].attn.out.register_forward_pre_hook(change))
    with torch.no_grad():
        logits = model(ids)
    for handle in handles:
        handle.remove()
    return logits


def clean_z(model, ids):
    """z of every layer, heads apart."""
    found = {}
    every = [(layer, 0) for layer in range(len(model.blocks))]
    hooked_logits(model, ids, every, lambda layer, z: found.setdefault(layer, z.clone()))
    return found


def patched_output(model, path, clean, corrupted, *, pos):
    """Logits of corrupted prompts with a module's output at one place from the clean ones."""
    given = hooked(model, path, clean)

    def put(module, args, output):
        output = output.clone()
        output[:, pos] = given[:, pos]
        return output

    handle = model.get_submodule(path).register_forward_hook(put)
    with torch.no_grad():
        logits = model(corrupted)
    handle.remove()
    return logits
