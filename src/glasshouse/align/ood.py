"""Is a prompt of another kind than those a model was shaped on? Told by one layer's activations.

The distance to the mean of ordinary prompts, measured by how they vary together, less the same with
every dimension for itself: what is left is how strangely the dimensions go together. Nothing but
ordinary prompts is needed; a few of the other kind help.

Source:
    Bai et al. 2022 (2204.05862), section 5.4 ("simplified relative Mahalanobis distance"), after
    Ren et al. 2021 (2106.09022); outlier exposure after Fort, Ren & Lakshminarayanan 2021
    (2106.03004). Differs: exposure takes the outliers' mean and the ordinary prompts' covariance (a
    linear discriminant), where Fort et al. fit a classifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from glasshouse.align.judges.model import pad_right
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer

Where = Literal["last", "mean"]
"""At the last token, or the mean over all of them."""


@torch.no_grad()
def layer_activations(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    *,
    where: Where = "mean",
    batch: int = 128,
) -> Float[np.ndarray, "layer sample d_model"]:
    """What every layer's residual stream holds at the end of a prompt, or over it.

    Args:
        model: Of a known architecture.
        prompts: Token ids; none empty, none longer than the context.
        where: Which tokens count.
        batch: Prompts a pass.

    Raises:
        InputError: If the network is computed by transformers, or a prompt does not fit.
    """
    network = model.network
    if not isinstance(network, Transformer):
        raise InputError("activations by layer need a network of a known architecture")
    context = network.config.context
    if not prompts or not all(0 < len(prompt) <= context for prompt in prompts):
        raise InputError(f"every prompt must have 1 to {context} tokens; shorten or drop others")
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    kept: list[torch.Tensor] = []

    def keep(_module: torch.nn.Module, _given: object, out: torch.Tensor) -> None:
        kept.append(out)

    hooks = [block.register_forward_hook(keep) for block in network.blocks]
    device = network.embed.weight.device
    found = np.zeros((len(hooks), len(prompts), network.config.d_model))
    try:
        for start in range(0, len(order), batch):
            places = order[start : start + batch]
            ids, lengths = pad_right([prompts[place] for place in places])
            kept.clear()
            network.features(ids.to(device))
            for layer, value in enumerate(kept):
                value = value.float().cpu()  # batch seq d_model
                if where == "last":
                    read = value[torch.arange(len(places)), lengths - 1]
                else:
                    counted = torch.arange(value.shape[1]) < lengths[:, None]
                    read = (value * counted[..., None]).sum(dim=1) / lengths[:, None]
                found[layer, places] = read.numpy()
    finally:
        for hook in hooks:
            hook.remove()
    return found


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RelativeMahalanobis:
    """How far from ordinary prompts an activation lies, beyond each dimension's own distance."""

    mean: Float[np.ndarray, " d_model"]
    """Of ordinary prompts."""
    precision: Float[np.ndarray, "d_model d_model"]
    """Inverse of their covariance."""
    variance: Float[np.ndarray, " d_model"]
    """Of each dimension for itself."""
    outlier_mean: Float[np.ndarray, " d_model"] | None = None
    """Of the prompts of the other kind that were shown, if any were."""

    def score(self, values: Float[np.ndarray, "sample d_model"]) -> Float[np.ndarray, " sample"]:
        """How unlike ordinary prompts: higher is stranger.

        With outliers shown it is how much nearer an activation lies to their mean than to the
        ordinary one, by the ordinary covariance.
        """
        if self.outlier_mean is not None:
            return self._squared(values, self.mean) - self._squared(values, self.outlier_mean)
        apart = values - self.mean
        return self._squared(values, self.mean) - (apart**2 / self.variance).sum(axis=1)

    def expose(self, outliers: Float[np.ndarray, "sample d_model"]) -> "RelativeMahalanobis":
        """The same after a few prompts of the other kind were shown.

        Raises:
            InputError: If there are none.
        """
        if not len(outliers):
            raise InputError("no outliers to be shown; give at least one")
        return RelativeMahalanobis(
            mean=self.mean,
            precision=self.precision,
            variance=self.variance,
            outlier_mean=outliers.mean(axis=0),
        )

    def _squared(self, values: np.ndarray, centre: np.ndarray) -> np.ndarray:
        apart = values - centre
        return np.einsum("sd,de,se->s", apart, self.precision, apart)


def fit_ordinary(
    values: Float[np.ndarray, "sample d_model"], *, shrink: float = 0.01
) -> RelativeMahalanobis:
    """Learn what ordinary prompts look like in one layer.

    Args:
        values: Their activations; several times as many as dimensions.
        shrink: Share of the diagonal in the covariance, which keeps it invertible.

    Raises:
        InputError: If there are too few, or `shrink` is not between 0 and 1.
    """
    count, width = values.shape
    if count <= width or not 0 < shrink <= 1:
        raise InputError(
            f"{count} prompts for {width} dimensions and shrink={shrink}; give more prompts than "
            "dimensions, and shrink in (0, 1]"
        )
    covariance = np.cov(values, rowvar=False)
    variance = np.maximum(np.diag(covariance), 1e-12)
    shrunk = (1 - shrink) * covariance + shrink * np.diag(variance)
    return RelativeMahalanobis(
        mean=values.mean(axis=0), precision=np.linalg.inv(shrunk), variance=variance
    )
