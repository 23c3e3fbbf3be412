"""New directions for dead latents.

Source:
    Bricken et al. 2023, "Towards monosemanticity", "Neuron resampling": dead latents take rows that
    are rebuilt badly, drawn by squared error; the encoder begins at a fifth of the living latents'
    average length, so that the new latent does not shout.
"""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.interpret.dictionaries.kinds import Gated, JumpReLU
from glasshouse.interpret.dictionaries.losses import Loss

if TYPE_CHECKING:
    from glasshouse.interpret.dictionaries.training import DictionaryTrainer


@torch.no_grad()
def resample(
    trainer: "DictionaryTrainer",
    inputs: Float[Tensor, "batch d_in"],
    targets: Float[Tensor, "batch d_out"],
    loss: Loss,
) -> int:
    """Give dead latents new weights and forget what the optimizer knew of them.

    Args:
        trainer: In training.
        inputs: Scaled rows of the last batch.
        targets: What should have come out.
        loss: Of that batch.

    Returns:
        How many latents were given new directions.
    """
    own, dead = trainer.dictionary, trainer.dead
    chance = torch.Generator().manual_seed(trainer.config.seed * 1_000_003 + trainer.step)
    weights = loss.row_error.square().cpu().double()
    count = min(len(dead), int((weights > 0).sum()))
    if not count:
        return 0
    rows = torch.multinomial(weights, count, generator=chance).to(dead.device)
    chosen = dead[:count]
    living = torch.ones(own.num_latents, dtype=torch.bool, device=dead.device)
    living[dead] = False
    reading = own.read_weights()[living]
    length = reading.norm(dim=1).mean() * 0.2 if len(reading) else torch.tensor(0.2)
    writing = 1.0 if own.has_unit_decoder else float(own.decoder[living].norm(dim=1).mean())
    own.decoder[chosen] = normalize(targets[rows] - own.decoder_bias, dim=1) * writing
    own.encoder_bias[chosen] = 0
    # What may have closed the latent must open as well, or it stays dead whatever it reads.
    kind = own.config.kind
    if isinstance(kind, Gated):
        own.gate_bias[chosen] = 0
        own.log_gain[chosen] = 0
    if isinstance(kind, JumpReLU):
        # Half of what its own row gives: a short new encoder row stays under the first threshold.
        response = own.centred(inputs)[rows].norm(dim=1) * length
        own.log_threshold[chosen] = (response / 2).clamp(1e-6, kind.first_threshold).log()
    if not own.is_tied:
        own.encoder[chosen] = normalize(own.centred(inputs)[rows], dim=1) * length
    for parameter in trainer.optimizer.state:
        if parameter.shape[:1] == (own.num_latents,):
            for name in ("exp_avg", "exp_avg_sq"):
                trainer.optimizer.state[parameter][name][chosen] = 0
    trainer.silent_rows[chosen] = 0
    return count
