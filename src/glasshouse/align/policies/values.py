"""What may be expected of a reply that has begun: a number at each token, which ppo learns."""

import copy

import torch
from torch import nn

from glasshouse.align.judges.model import PreferenceModel
from glasshouse.align.policies.config import PolicyConfig
from glasshouse.align.policies.rewards import same_tokens
from glasshouse.errors import InputError
from glasshouse.models import AsIs, LanguageModel, Transformer


class ValueModel(nn.Module):
    """A head, and the network that it reads unless it reads the policy's."""

    def __init__(self, network: Transformer | None, head: nn.Linear) -> None:
        super().__init__()
        self.network = network
        self.head = head


def make_values(
    policy: LanguageModel, config: PolicyConfig, judge: PreferenceModel | None
) -> ValueModel | None:
    """A value model for ppo, and none for who compares replies with each other.

    Its head begins at zero, so that at first nothing is expected; or, with a judge, as the judge's
    own on a copy of its network (2009.01325 and 2204.05862's successors begin there).

    Raises:
        InputError: If the policy has no features to read, or the judge reads other tokens.
    """
    if config.algorithm != "ppo":
        if judge is not None:
            raise InputError(
                f"{config.algorithm} learns no values; leave values_from out, or use ppo"
            )
        return None
    if not isinstance(policy.network, Transformer):
        raise InputError(
            "ppo reads values off a network of a known architecture; this one is computed by "
            "transformers, so use grpo, rloo or reinforce"
        )
    device = next(policy.network.parameters()).device
    if judge is not None:
        if not same_tokens(judge.language.tokenizer, policy.tokenizer):
            raise InputError(
                "values cannot begin as a judge that reads other tokens than the policy writes; "
                "leave values_from out"
            )
        if isinstance(judge.network, AsIs):
            raise InputError(
                "values cannot begin as a judge that transformers computes; merge its adapters, or "
                "leave values_from out"
            )
        if config.values.network != "own":
            raise InputError(
                "values that begin as a judge need a network of their own; set values.network='own'"
            )
        network = copy.deepcopy(judge.network).to(device).eval()
        return ValueModel(network, copy.deepcopy(judge.head).float().to(device))
    head = nn.Linear(policy.network.config.d_model, 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    own = copy.deepcopy(policy.network).eval() if config.values.network == "own" else None
    if own is not None:
        own.requires_grad_(True)
    return ValueModel(own, head.to(device=device, dtype=torch.float32))
