"""Weights dealt out among processes: each holds a part of every parameter, gradient and moment.

A block is whole in a process only while it is computed. Numbers are those of one process, to
rounding; checkpoints are whole, so that a run may go on with another number of processes, or with
one.

Source:
    Rajbhandari et al. 2020, "ZeRO" (1910.02054), section 5.3, as torch's `fully_shard` has it.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from glasshouse.errors import InputError
from glasshouse.training.distributed import Processes


@contextmanager
def dealt_out(module: nn.Module, processes: Processes) -> Iterator[nn.Module]:
    """What is trained in place of a module: itself, or a twin that holds its share of the weights.

    While the twin is trained the module has no weights of its own, except inside `whole_again`. It
    gets the new ones at the end, in every process, unless training ended in an error.

    Args:
        module: A network, or anything whose forward pass is all that is asked of it.
        processes: Who shares it; alone, or where nothing is sharded, the module itself is given.

    Raises:
        InputError: If torch cannot part the weights.
    """
    if not processes.is_sharded:
        yield module
        return
    twin = _twin(module)
    _put_away(module)
    try:
        yield twin
    except (KeyboardInterrupt, GeneratorExit):
        if processes.meet("the end of what is dealt out"):
            _bring_back(module, twin, is_kept=True)
        raise
    _bring_back(module, twin, is_kept=True)
    module.train(twin.training)


@contextmanager
def whole_again(module: nn.Module, trained: nn.Module, processes: Processes) -> Iterator[None]:
    """Inside, the first process has all weights in the module. Every process must come here."""
    if module is trained:
        yield
        return
    _bring_back(module, trained, is_kept=processes.is_first)
    try:
        yield
    finally:
        _put_away(module)


def whole(value: Tensor) -> Tensor:
    """All of a tensor, if it is dealt out; every process must come here."""
    if _is_alone():
        return value
    from torch.distributed.tensor import DTensor

    return value.full_tensor() if isinstance(value, DTensor) else value


def part_like(value: Tensor, held: Tensor) -> Tensor:
    """Of a value that every process has, what goes where `held` is: all of it, or its part."""
    value = value.to(held.device)
    if _is_alone():
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(held, DTensor):
        return value
    return distribute_tensor(value, held.device_mesh, held.placements, src_data_rank=None)


def let_go(trained: nn.Module) -> None:
    """Let go of what a forward pass without a backward pass has left whole."""
    if _is_alone():
        return
    from torch.distributed.fsdp import FSDPModule

    for module in trained.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def _is_alone() -> bool:
    """Whether nothing can be dealt out, so that torch's modules for it need not be imported."""
    return not (torch.distributed.is_available() and torch.distributed.is_initialized())


def _twin(module: nn.Module) -> nn.Module:
    """A module of the same structure whose weights are dealt out block by block."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    weights = {id(p): nn.Parameter(p.detach(), p.requires_grad) for p in module.parameters()}
    twin = copy.deepcopy(module, weights)  # the structure alone: weights are the module's own
    on_gpu = torch.distributed.get_backend() == "nccl"
    mesh = init_device_mesh("cuda" if on_gpu else "cpu", (torch.distributed.get_world_size(),))
    # Weights travel in float32 and autocast rounds them, as without sharding: the numbers are the
    # same, and norms, which fully_shard's own mixed precision would round too, keep theirs.
    try:
        for block in _blocks(twin):
            fully_shard(block, mesh=mesh)
        fully_shard(twin, mesh=mesh)
    except (ValueError, NotImplementedError) as error:
        raise InputError(f"the weights cannot be dealt out: {error}; train without it") from error
    if hasattr(twin, "features"):
        register_fsdp_forward_method(twin, "features")  # called instead of forward
    return twin


def _blocks(module: nn.Module) -> list[nn.Module]:
    """The layers of a network; none if it has no list of them, and is dealt out as one."""
    lists = (part for part in module.modules() if isinstance(part, nn.ModuleList))
    return list(next(lists, []))


def _put_away(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.data = parameter.data.new_empty(0)


def _bring_back(module: nn.Module, twin: nn.Module, *, is_kept: bool) -> None:
    """Give the module its weights, where they are kept; every process must come here."""
    let_go(twin)
    for own, dealt in zip(module.parameters(), twin.parameters(), strict=True):
        value = whole(dealt.detach())
        if is_kept:
            own.data = value.to(own.device)
