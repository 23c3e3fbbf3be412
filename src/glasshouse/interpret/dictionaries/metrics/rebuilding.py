"""How well, and with how few latents, a dictionary rebuilds a value."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rebuilding:
    """A dictionary over some rows; the three numbers that must be read together come first."""

    l0: float
    """Latents active in a row, on average."""
    explained_variance: float
    """Share of the rows' variance that the reconstruction has; 1 minus the FVU."""
    dead_share: float
    """Share of latents that were active in no row. It depends on how many rows there were."""
    cosine: float
    """Between a row and its reconstruction, on average."""
    shrinkage: float
    """Length of reconstructions over that of rows: under 1 where a penalty has shrunk codes."""
    density: Float[Tensor, " latent"]
    """Share of rows in which each latent is active."""
    rows: int
    """How many rows were looked at."""


@torch.no_grad()
def measure_rebuilding(
    coder: Coder,
    values: Float[Tensor, "token d_in"],
    targets: Float[Tensor, "token d_out"] | None = None,
    *,
    batch_rows: int = 4096,
) -> Rebuilding:
    """Measure sparsity and reconstruction.

    Args:
        coder: The dictionary.
        values: Rows that it should not have been trained on.
        targets: What should come out; None: the values.
        batch_rows: Rows that go through at once.

    Raises:
        InputError: If there are no rows, or the targets are constant and there is no variance.
    """
    wanted = values if targets is None else targets
    if not len(values) or len(wanted) != len(values):
        raise InputError(f"{len(values)} rows and {len(wanted)} targets; give as many of each")
    mean = wanted.mean(dim=0, dtype=torch.float64)
    total = error = cosine = ratio = active = 0.0
    counts = torch.zeros(coder.num_latents, dtype=torch.long, device=values.device)
    for start in range(0, len(values), batch_rows):
        row, target = (part[start : start + batch_rows] for part in (values, wanted))
        codes = coder.encode(row)
        rebuilt = coder.decode(codes)
        counts += (codes > 0).sum(dim=0)
        active += float((codes > 0).sum())
        error += float((rebuilt - target).square().sum(dtype=torch.float64))
        total += float((target - mean).square().sum(dtype=torch.float64))
        lengths = target.norm(dim=1).clamp(min=1e-30)
        ratio += float((rebuilt.norm(dim=1) / lengths).sum())
        cosine += float(torch.cosine_similarity(rebuilt, target, dim=1).sum())
    if total == 0:
        raise InputError("the rows are all equal, so that there is no variance to explain")
    rows = len(values)
    return Rebuilding(
        l0=active / rows,
        explained_variance=1 - error / total,
        dead_share=float((counts == 0).double().mean()),
        cosine=cosine / rows,
        shrinkage=ratio / rows,
        density=counts / rows,
        rows=rows,
    )
