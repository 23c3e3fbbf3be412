"""Drawing replies: prompts read once, then one token for every row at a time out of a cache.

Prompts that come several times running are read once and share what was read.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from glasshouse.align.policies.growing import Growing, SharedPrompts
from glasshouse.align.policies.prefix import Numbers, can_share
from glasshouse.align.policies.replies import Reply
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer
from glasshouse.models.generate import CachedReading, check_prompts, pad_left
from glasshouse.models.huggingface.as_is import AsIs, AsIsReading
from glasshouse.models.sampling import LARGEST_UNIFORM, draw
from glasshouse.training.config import Precision
from glasshouse.training.decisions import multiplies_bf16_fast


@torch.no_grad()
def sample_replies(
    policy: LanguageModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float = 1.0,
    stop_ids: Sequence[int],
    seed: int,
    precision: Precision = "auto",
) -> list[Reply]:
    """Draw one reply to each prompt.

    What a row draws is a function of the seed, its place and its prompt, whatever the other rows
    are; a machine's rounding may depend on their number.

    Args:
        policy: Who replies.
        prompts: Token ids up to where a reply begins, of any lengths.
        max_new_tokens: Most tokens of a reply; the context may cut it off earlier.
        temperature: Divides the logits, before log-probabilities are taken too. 0 takes the
            likeliest token, and log-probabilities are then the model's own.
        stop_ids: Tokens that end a reply; none: every reply is cut off.
        seed: Names what is drawn.
        precision: Of products. `auto`: bf16 where it is built in.

    Raises:
        InputError: If there is no prompt, one is empty, too long or of another vocabulary, or a
            number is out of its range, or the logits are no numbers.
    """
    _check(policy, prompts, max_new_tokens, temperature, stop_ids)
    if not prompts:
        return []
    network = policy.network
    device = next(network.parameters()).device
    room = [network.config.context + 1 - len(prompt) for prompt in prompts]
    budgets = torch.tensor([min(max_new_tokens, left) for left in room], device=device)
    most = int(budgets.max())
    chance = torch.Generator().manual_seed(seed)
    # A column a token, so that a row's chance does not change when more tokens are allowed.
    uniforms = torch.rand(most, len(prompts), generator=chance, dtype=torch.float64).T
    uniforms = uniforms.clamp(max=LARGEST_UNIFORM).to(device)
    reading = _reading(network, prompts, most, settled(precision, device))
    stops = torch.tensor(list(stop_ids), device=device)
    tokens = torch.zeros(len(prompts), most, dtype=torch.long, device=device)
    logprobs = torch.zeros(len(prompts), most, device=device)
    lengths, ended = budgets.clone(), torch.zeros(len(prompts), dtype=torch.bool, device=device)
    rows = torch.arange(len(prompts), device=device)  # those that still grow
    logits = reading.begin()
    for index in range(most):
        if not bool(logits[:, 0].isfinite().all()):  # weights that are no numbers spoil all logits
            raise InputError(
                "the policy's logits are no finite numbers: its weights have diverged; go back to "
                "older ones and lower the learning rate"
            )
        token, logprob = _choose(logits.float(), uniforms[rows, index : index + 1], temperature)
        tokens[rows, index], logprobs[rows, index] = token[:, 0], logprob[:, 0]
        is_open = ~ended[rows] & (index < lengths[rows])
        stopped = is_open & torch.isin(token[:, 0], stops)
        lengths[rows[stopped]], ended[rows[stopped]] = index + 1, True
        kept = (is_open & ~stopped & (index + 1 < lengths[rows])).nonzero()[:, 0]
        if not len(kept):
            break
        if len(kept) <= _KEPT_SHARE * len(rows):
            rows, token = rows[kept], token[kept]
            reading.keep(kept)
        logits = reading.step(token)
    grown = zip(
        prompts, tokens.tolist(), logprobs.tolist(), lengths.tolist(), ended.tolist(), strict=True
    )
    return [
        Reply(
            prompt=[int(token) for token in prompt],
            ids=row[:length],
            logprobs=row_logprobs[:length],
            ended=is_ended,
        )
        for prompt, row, row_logprobs, length, is_ended in grown
    ]


def _reading(
    network: Transformer | AsIs, prompts: Sequence[Sequence[int]], num_new: int, numbers: Numbers
) -> Growing:
    """What reads on token by token, in the way that suits the network."""
    if isinstance(network, Transformer) and can_share(network):
        return SharedPrompts(network, prompts, num_new=num_new, numbers=numbers)
    ids, starts = pad_left(prompts, next(network.parameters()).device)
    if isinstance(network, AsIs):
        return AsIsReading(network, ids, starts)
    return CachedReading(network, ids, starts, num_new=num_new)


def settled(precision: Precision, device: torch.device) -> Numbers:
    """What `auto` means on a device."""
    if precision != "auto":
        return precision
    return "bf16" if multiplies_bf16_fast(device) else "fp32"


_KEPT_SHARE = 0.75
"""Rows go on alone once a quarter of them has ended: copying what they have read costs less than
reading on for those that need nothing more."""


def _choose(
    logits: Float[Tensor, "row vocab"], uniforms: Float64[Tensor, "row 1"], temperature: float
) -> tuple[Int[Tensor, "row 1"], Float[Tensor, "row 1"]]:
    """Draw a token a row, and its log-probability at this temperature."""
    if temperature == 0:
        logprobs = logits.log_softmax(dim=-1)
        tokens = logprobs.argmax(dim=-1, keepdim=True)
        return tokens, logprobs.gather(1, tokens)
    probabilities = (logits if temperature == 1 else logits / temperature).softmax(dim=-1)
    tokens = draw(probabilities, uniforms)
    return tokens, probabilities.gather(1, tokens).log()


def _check(
    policy: LanguageModel,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    temperature: float,
    stop_ids: Sequence[int],
) -> None:
    if max_new_tokens < 1:
        raise InputError(f"max_new_tokens={max_new_tokens} must be at least 1")
    if not 0 <= temperature < float("inf"):
        raise InputError(f"temperature={temperature} must be 0 (greedy) or positive")
    vocab = policy.network.config.vocab_size
    wrong = [token for token in stop_ids if not 0 <= token < vocab]
    if wrong:
        raise InputError(f"stop_ids holds {wrong[0]}, which is none of the model's {vocab} ids")
    check_prompts(prompts, policy.network.config)
