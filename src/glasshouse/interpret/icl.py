"""In-context learning: how much better a model predicts late in a text than early."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.interpret.subject import Subject, Texts, graph_of, token_ids


def per_token_loss(
    subject: Subject, texts: Texts, *, batch_size: int = 64
) -> Float[Tensor, "batch pos"]:
    """-log p of every token given those before it, in nats; place p is that of token p + 1.

    Raises:
        InputError: If the texts are single tokens.
    """
    graph, ids = graph_of(subject), token_ids(subject, texts)
    if ids.shape[1] < 2:
        raise InputError("a text of one token has no loss; give longer texts")
    losses = []
    for rows in ids.split(batch_size):
        logp = graph.run(rows[:, :-1], fetch="logits")["logits"].float().log_softmax(dim=-1)
        losses.append(-logp.gather(-1, rows[:, 1:, None])[..., 0])
    return torch.cat(losses)


def loss_by_position(
    subject: Subject, texts: Texts, *, batch_size: int = 64
) -> Float[Tensor, " pos"]:
    """Mean loss of each place of a text, in nats; place p is that of token p + 1."""
    return per_token_loss(subject, texts, batch_size=batch_size).mean(dim=0)


def icl_score(
    losses: Float[Tensor, "... pos"], *, late: int = 500, early: int = 50, window: int = 1
) -> Float[Tensor, "..."]:
    """Loss late in a text minus loss early in it, in nats; negative is learning.

    Args:
        losses: By position, as of `loss_by_position`.
        late: First place of the later window.
        early: First place of the earlier one.
        window: Places that are averaged at either end.

    Raises:
        InputError: If a window does not fit.

    Source:
        Olsson et al. 2022 (2209.11895): tokens 500 and 50.
    """
    length = losses.shape[-1]
    if not (early >= 0 and window > 0 and early < late and late + window <= length):
        raise InputError(
            f"windows of {window} at early={early} and late={late} must follow each other within "
            f"{length} places"
        )
    ends = [losses[..., at : at + window].mean(dim=-1) for at in (late, early)]
    return ends[0] - ends[1]


def icl_derivative(losses: Float[Tensor, " pos"]) -> Float[Tensor, " pos"]:
    """dL / d ln(token number), in nats; place p is that of token number p + 1, counted from 0.

    Source:
        Olsson et al. 2022 (2209.11895), the derivative of loss by token index.
    """
    tokens = np.log(np.arange(1, len(losses) + 1))
    slope = np.gradient(losses.detach().cpu().double().numpy(), tokens)
    return torch.from_numpy(slope).to(losses)


@dataclass(frozen=True, slots=True)
class PhaseWindow:
    """When a quantity changed abruptly, in training steps."""

    start: float
    """Where its slope rises above half of the steepest."""
    end: float
    """Where it falls below that again."""
    steepest: float
    """Where it is steepest."""


def phase_window(
    steps: Float[np.ndarray, " snapshot"], scores: Float[np.ndarray, " snapshot"]
) -> PhaseWindow:
    """The stretch around the steepest change in which the slope exceeds half of the steepest.

    Slopes are against the logarithm of the step, by centred differences over three snapshots;
    between snapshots they are interpolated, also against the logarithm.

    Args:
        steps: Steps of the snapshots, positive and rising.
        scores: Any quantity at them, such as `icl_score`.

    Raises:
        InputError: If there are fewer than three snapshots, a step is not positive, steps fall, or
            nothing changes.
    """
    steps, scores = np.asarray(steps, dtype=float), np.asarray(scores, dtype=float)
    if len(steps) < 3 or len(steps) != len(scores):
        raise InputError(f"{len(steps)} steps and {len(scores)} scores; give three or more of each")
    if steps[0] <= 0 or (np.diff(steps) <= 0).any():
        raise InputError("steps must be positive and rise; leave out step 0")
    log_steps = np.log(steps)
    slope = np.abs(np.gradient(scores, log_steps))
    top = int(slope.argmax())
    if slope[top] == 0:
        raise InputError("the scores are all equal; nothing changes")
    half = slope[top] / 2
    low, high = top, top
    while low > 0 and slope[low - 1] > half:
        low -= 1
    while high < len(slope) - 1 and slope[high + 1] > half:
        high += 1
    start = _crossing(log_steps, slope, low, low - 1, half)
    end = _crossing(log_steps, slope, high, high + 1, half)
    return PhaseWindow(float(np.exp(start)), float(np.exp(end)), float(steps[top]))


def _crossing(at: np.ndarray, slope: np.ndarray, inside: int, outside: int, half: float) -> float:
    """Where the slope passes half its height between two snapshots, or the last one at an end."""
    if not 0 <= outside < len(slope):
        return float(at[inside])
    share = (slope[inside] - half) / (slope[inside] - slope[outside])
    return float(at[inside] + share * (at[outside] - at[inside]))
