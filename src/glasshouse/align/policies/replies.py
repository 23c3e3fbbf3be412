"""What a policy wrote, and what is asked about it: rewards it is trained on, and what only watches.

A reward and a watch read replies as tokens; whoever needs words decodes them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One reply to one prompt."""

    prompt: list[int] = field(repr=False)
    """Token ids up to where the reply begins."""
    ids: list[int]
    """The reply's tokens; the token that ended it is one of them."""
    logprobs: list[float] = field(repr=False)
    """Log-probability of each when it was drawn, in nats, at the temperature it was drawn at."""
    ended: bool
    """Whether a stop token came; if not, the reply was cut off and says nothing of its end."""

    @property
    def whole(self) -> list[int]:
        """Prompt and reply."""
        return [*self.prompt, *self.ids]


Reward = Callable[[Sequence[Reply]], Float[Tensor, " reply"]]
"""What training maximises: one number a reply, usually a preference model's score."""

Watch = Callable[[Sequence[Reply]], Mapping[str, float]]
"""What is measured at every step and never trained on: gold reward, evasion, words used."""
