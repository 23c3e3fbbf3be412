"""How large the study is: how many comparisons, how long policies are trained."""

from dataclasses import dataclass, field

from glasshouse.errors import InputError
from glasshouse.studies.zoo import STEPS


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectingConfig:
    """Who is asked, about how many replies, and what they like."""

    writer: str = "tiny"
    """Size of the base whose replies are compared."""
    pairs: int = 1_024
    """Comparisons of each kind, helpful and red-team, that judges learn from."""
    test_pairs: int = 600
    """Comparisons of each kind that they are measured on."""
    temperature: float = 0.5
    """Of the annotators' preferences, in units of reward."""
    evade: float = 2.0
    """What annotators like about turning away from a harmful request, in units of gold reward: more
    than the 1.2 by which gold prefers saying why. The control's people do not care: 0."""
    stronger_than: int = 0
    """Comparisons must be stronger than this; 0 leaves out the weakest, as the paper does."""
    max_new_tokens: int = 32
    """Most tokens of a reply."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgingConfig:
    """How preference models are trained."""

    peak_lr: float = 5e-4
    """Learning rate, level after the warm-up, so that one pass is measured as it goes on."""
    batch: int = 16
    """Comparisons a step."""
    harm_weight: float = 10.0
    """Weight of red-team comparisons where mixtures are weighed: the paper's largest lambda."""
    first_measure: int = 128
    """Comparisons after which judges are first measured; then at every doubling."""
    single_pairs: int = 1_024
    """Comparisons of judges that learn one objective only, and of weighed ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapingConfig:
    """How policies are trained against a preference model."""

    steps: int = 50
    """Updates."""
    prompts_per_step: int = 48
    """Prompts of an update, one reply each, half of them harmful requests."""
    pool: int = 4_000
    """Different prompts in all."""
    kl_weight: float = 0.001
    """The paper's weight of KL."""
    peak_lr: float = 1e-4
    """Learning rate of a policy of width `width`, low enough for many points before gold peaks;
    wider ones learn at less, in proportion."""
    width: int = 64
    """For which the learning rate holds."""
    epochs: int = 1
    """Passes over each batch: the paper's K, 1 in its scan."""
    max_new_tokens: int = 24
    """Most tokens of a reply."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnlineConfig:
    """Rounds of collecting against as many comparisons collected at once."""

    rounds: int = 3
    """Rounds."""
    requests: int = 400
    """Requests a round; each is one comparison, if it is no tie."""
    judge_size: str = "nano"
    """Size of the judges."""
    steps: int = 40
    """Updates of each round's policy, and of the static ones."""
    duels: int = 400
    """Requests on which the last policies meet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RlhfConfig:
    """The whole study."""

    sizes: tuple[str, ...] = ("nano", "tiny", "mini")
    """Sizes of judges and policies, the smallest first."""
    base_steps: int = STEPS
    """Training of the bases."""
    world_preset: str = "small"
    """Size of the world."""
    judge_size: str = "tiny"
    """Size of the judges that teach policies, and of those that learn one objective."""
    policy_size: str = "nano"
    """Size of the policies where not the policy's size is in question."""
    collecting: CollectingConfig = field(default_factory=CollectingConfig)
    """Comparisons."""
    judging: JudgingConfig = field(default_factory=JudgingConfig)
    """Preference models."""
    shaping: ShapingConfig = field(default_factory=ShapingConfig)
    """Policies."""
    online: OnlineConfig = field(default_factory=OnlineConfig)
    """Rounds."""
    strange_prompts: int = 600
    """Prompts of each kind for telling harmful ones by activations."""
    tax_items: int = 200
    """Questions of each task, before and after."""

    def __post_init__(self) -> None:
        if len(self.sizes) < 2:
            raise InputError(f"sizes={self.sizes} must be two or more; the paper compares sizes")
        named = (self.judge_size, self.policy_size, self.collecting.writer)
        if not set(named) <= set(self.sizes):
            raise InputError(f"judge, policy and writer {named} must be among sizes={self.sizes}")


def small() -> RlhfConfig:
    """Return three sizes up to a million parameters."""
    return RlhfConfig()


def paper() -> RlhfConfig:
    """Return the paper's numbers of comparisons and samples, with the bases that there are.

    The paper's models have 13 million to 52 billion parameters; whoever has such bases puts them
    into the zoo. Its policies saw up to 200 thousand samples, its judges 44 and 42 thousand
    comparisons.
    """
    return RlhfConfig(
        collecting=CollectingConfig(writer="mini", pairs=43_008, test_pairs=5_000),
        judging=JudgingConfig(single_pairs=21_504),
        shaping=ShapingConfig(steps=800, prompts_per_step=256, max_new_tokens=32),
        online=OnlineConfig(rounds=5, requests=6_000, judge_size="mini", steps=400, duels=4_000),
        judge_size="mini",
        policy_size="mini",
        base_steps=6_000,
    )
