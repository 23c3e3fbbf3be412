"""What `auto` means on this machine: precision, compilation and threads, decided once a run.

The rules look at the hardware and at the size of the run, never at a clock, so two runs of one
command decide alike. A run records its decisions, and a resumed run obeys the record.
"""

import logging
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from glasshouse.training.config import Precision, TrainConfig

_log = logging.getLogger(__name__)

COMPILE_EARNS_FROM_FLOPS = {"cpu": 5e14, "cuda": 2e16}
"""Work (6 · parameters · tokens) from which compiling is thought to earn its time.

On the CPU it was made for (two AVX2 cores), compiled steps of the tour's model were between equally
fast and 15 % faster, and compiling took 30 to 50 seconds: it pays, if at all, in runs of an hour.
The GPU's figure is an estimate that nobody has measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decisions:
    """How this run computes; part of its record, because it changes the bits of the result."""

    precision: Literal["fp32", "bf16"]
    """Of the forward pass."""
    compiled: bool
    """Whether forward and backward are one compiled program."""
    threads: int
    """Threads of one process."""
    reason: str
    """Why, in a sentence."""


def training_device() -> torch.device:
    """Where a run folder is trained: on this process's GPU if there is one, else on the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def decide(
    config: TrainConfig, network: nn.Module, *, tokens: int, device: torch.device | None = None
) -> Decisions:
    """Settle what the config leaves to `auto`.

    Args:
        config: The run.
        network: The model.
        tokens: Training tokens of the whole run.
        device: Where it will train; None: where the network is.
    """
    device = device or next(network.parameters()).device
    precision, why_precision = _decide_precision(config, device)
    compiled, why_compiled = _decide_compiled(config, network, device, tokens)
    mode = "compiled" if compiled else "eager"
    return Decisions(
        precision=precision,
        compiled=compiled,
        threads=config.threads or torch.get_num_threads(),
        reason=f"{precision}: {why_precision}; {mode}: {why_compiled}",
    )


def multiplies_bf16_fast(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware; emulation is ten times slower."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def settled_precision(asked: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """What a precision comes to on a device."""
    if asked != "auto":
        return asked
    return "bf16" if multiplies_bf16_fast(device) else "fp32"


def _decide_precision(
    config: TrainConfig, device: torch.device
) -> tuple[Literal["fp32", "bf16"], str]:
    if config.precision != "auto":
        return config.precision, "asked for"
    if multiplies_bf16_fast(device):
        return "bf16", f"this {device.type} multiplies it in hardware"
    return "fp32", f"this {device.type} only emulates bf16"


def _decide_compiled(
    config: TrainConfig, network: nn.Module, device: torch.device, tokens: int
) -> tuple[bool, str]:
    if config.compile == "no":
        return False, "asked for"
    obstacle = _compile_obstacle(device)
    if obstacle is not None:
        if config.compile == "yes":
            _log.warning("training runs uncompiled: %s", obstacle)
        return False, obstacle
    if config.compile == "yes":
        return True, "asked for"
    work = 6 * sum(p.numel() for p in network.parameters()) * tokens
    worth = COMPILE_EARNS_FROM_FLOPS.get(device.type, float("inf"))
    comparison = "is at least" if work >= worth else "is under"
    return work >= worth, f"the run's work of {work:.1e} operations {comparison} {worth:.0e}"


def _compile_obstacle(device: torch.device) -> str | None:
    if device.type != "cpu":
        return None
    # Importing the code generator costs a second, so only runs that may compile pay for it.
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except (InvalidCxxCompiler, OSError):
        return "there is no C++ compiler; install g++ to compile models"
    if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        return "the headers of Python are missing; install python3-dev to compile models"
    return None
