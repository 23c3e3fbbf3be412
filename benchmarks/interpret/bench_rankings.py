"""Kinds of dictionaries ranked twice: on synthetic activations, and on those of a trained model.

SAELens scores dictionaries on activations that a generator makes of known directions
(SynthSAEBench: features in trees, correlated, some rare). We score them on the residual stream of a
transformer that has read a world whose every token's features are known. Both in the same width,
with as many latents, rows and steps, at equal sparsity, all trained by us; the first is scored by
SAELens' own evaluation, which reads our files.

    python -m benchmarks.interpret.bench_rankings RUN [--value blocks.1.resid_post] [--seeds 3]

RUN is a run folder on the world, such as `make tour` leaves (tour/runs/base-model). Penalties are
set so that each kind has the wanted number of active latents, within a tenth where that is found in
four short trials; what it has at the end is printed. Its ranking is one of these sizes and steps.
"""

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.stats import kendalltau
from torch import Tensor

from glasshouse.interpret.activations import harvest_all
from glasshouse.interpret.dictionaries import (
    BatchTopK,
    Dictionary,
    DictionaryConfig,
    DictionaryTrainingConfig,
    Gated,
    JumpReLU,
    ReLU,
    TopK,
    train_dictionary,
)
from glasshouse.interpret.dictionaries.files import save_dictionary
from glasshouse.interpret.dictionaries.kinds import Kind
from glasshouse.interpret.dictionary_scores import against_truth, harvest_held_out
from glasshouse.interpret.texts import SKIP, Texts, texts_of
from glasshouse.models import LanguageModel
from glasshouse.world.streams import stream

BATCH, TRIALS, NEAR = 1024, 4, 0.1

MAKERS: dict[str, Callable[[float], Kind]] = {
    "ReLU": lambda penalty: ReLU(penalty=penalty),
    "Gated": lambda penalty: Gated(penalty=penalty),
    "JumpReLU": lambda penalty: JumpReLU(penalty=penalty),
    "TopK": lambda k: TopK(k=round(k)),
    "BatchTopK": lambda k: BatchTopK(k=round(k)),
    "Matryoshka": lambda k: BatchTopK(k=round(k), prefixes=(1 / 16, 1 / 4)),
}
FIRST_PENALTY = {"ReLU": 3.0, "Gated": 1.5, "JumpReLU": 0.3}
"""Where the search begins; kinds that are told their k need none."""
Draw = Callable[[int], Tensor]
"""A batch of rows by its number."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--value", default="blocks.1.resid_post")
    parser.add_argument("--latents", type=int, default=512)
    parser.add_argument("--active", type=int, default=12)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=400_000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = LanguageModel.load(options.run)
    sources = (trained(model, options), synthetic(model.network.config.d_model, options))
    means: list[dict[str, float]] = []
    for name, draw, score, wanted in sources:
        knobs = {kind: match(kind, draw, wanted, options) for kind in MAKERS}
        found: dict[str, list[float]] = {kind: [] for kind in MAKERS}
        for kind in MAKERS:
            for seed in range(options.seeds):
                dictionary = train(MAKERS[kind](knobs[kind]), draw, options.steps, seed, options)
                figures = score(dictionary)
                found[kind].append(figures["f1"])
                told = {"on": name, "kind": kind, "seed": seed, "knob": round(knobs[kind], 4)}
                print(json.dumps(told | figures), flush=True)
        means.append({kind: statistics.mean(scores) for kind, scores in found.items()})
    print(json.dumps(compared(*means)))


def compared(trained: dict[str, float], synthetic: dict[str, float]) -> dict[str, object]:
    """Both rankings, how far they agree, and the pairs that they order differently."""
    kinds = list(trained)
    turned = [
        f"{a} / {b}"
        for number, a in enumerate(kinds)
        for b in kinds[number + 1 :]
        if (trained[a] - trained[b]) * (synthetic[a] - synthetic[b]) < 0
    ]
    tau = kendalltau([trained[k] for k in kinds], [synthetic[k] for k in kinds]).statistic
    return {
        "benchmark": "rankings",
        "trained_model": {
            k: round(trained[k], 3) for k in sorted(kinds, key=lambda k: -trained[k])
        },
        "synthetic": {
            k: round(synthetic[k], 3) for k in sorted(kinds, key=lambda k: -synthetic[k])
        },
        "kendall_tau": round(float(tau), 2),
        "ordered_differently": turned,
    }


def trained(model: LanguageModel, options: argparse.Namespace):
    """Rows of a model that has read the world; features are those of the ledger."""
    texts: Texts = texts_of(model, options.run)
    count = options.tokens // texts.context
    windows = list(texts.shuffled(first=0, count=count, seed=0))
    rows = harvest_all(model, windows, options.value, skip=SKIP)[options.value].float()
    held_out = harvest_held_out(model, texts, options.value)

    def draw(number: int) -> Tensor:
        chance = torch.Generator().manual_seed(number)
        return rows[torch.randint(len(rows), (BATCH,), generator=chance)]

    def score(dictionary: Dictionary) -> dict[str, float]:
        found = against_truth(dictionary, held_out, texts, options.value)
        assert found is not None, "no feature of the world is frequent enough"
        return {
            "f1": round(float(found.f1.mean()), 4),
            "auroc": round(float(found.auroc.mean()), 4),
            "features": len(found.names),
            "l0": active(dictionary, held_out[options.value].float()),
        }

    return "trained model", draw, score, options.active


def synthetic(width: int, options: argparse.Namespace):
    """SynthSAEBench at our width: eight features a dimension, in trees, correlated, some rare."""
    from sae_lens import SAE  # type: ignore[import-not-found]
    from sae_lens.synthetic import (  # type: ignore[import-not-found]
        HierarchyConfig,
        LowRankCorrelationConfig,
        SyntheticModel,
        SyntheticModelConfig,
        eval_sae_on_synthetic_data,
    )

    config = SyntheticModelConfig(
        num_features=8 * width,
        hidden_dim=width,
        hierarchy=HierarchyConfig(
            total_root_nodes=width // 2,
            branching_factor=4,
            max_depth=2,
            mutually_exclusive_portion=0.5,
            compensate_probabilities=True,
        ),
        correlation=LowRankCorrelationConfig(rank=8),
        std_firing_magnitudes=0.5,
        seed=0,
    )
    generator = SyntheticModel(config)
    torch.manual_seed(0)
    with torch.no_grad():
        rows = torch.cat([generator.sample(4096).cpu() for _ in range(options.tokens // 4096)])
        truth = generator.activation_generator.sample(20_000)
    true_l0 = float((truth > 0).sum(dim=1).float().mean())

    def draw(number: int) -> Tensor:
        chance = torch.Generator().manual_seed(number)
        return rows[torch.randint(len(rows), (BATCH,), generator=chance)]

    def score(dictionary: Dictionary) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            save_dictionary(dictionary, Path(folder) / "sae", layout="saelens")
            theirs = SAE.load_from_disk(str(Path(folder) / "sae"))
        torch.manual_seed(1)
        found = eval_sae_on_synthetic_data(
            theirs, generator.feature_dict, generator.activation_generator, 50_000, 5_000
        )
        return {
            "f1": round(found.classification.f1_score, 4),
            "mcc": round(found.mcc, 4),
            "uniqueness": round(found.uniqueness, 4),
            "l0": round(found.sae_l0, 2),
            "true_l0": round(found.true_l0, 2),
        }

    return "synthetic", draw, score, true_l0


def match(kind: str, draw: Draw, wanted: float, options: argparse.Namespace) -> float:
    """The penalty, or the k, at which a kind has the wanted number of active latents."""
    if kind not in FIRST_PENALTY:
        return wanted
    rows = torch.cat([draw(10**6 + number) for number in range(4)])
    tried: list[tuple[float, float]] = []
    penalty = FIRST_PENALTY[kind]
    for _ in range(TRIALS):
        dictionary = train(MAKERS[kind](penalty), draw, options.steps, 10**3, options)
        tried.append((math.log(penalty), math.log(max(active(dictionary, rows), 0.05) / wanted)))
        if abs(tried[-1][1]) < NEAR:
            break
        slope = -1.0
        if len(tried) > 1:
            (a, at_a), (b, at_b) = tried[-2:]
            slope = min(-0.2, (at_b - at_a) / (b - a))
        step = float(np.clip(-tried[-1][1] / slope, -1.5, 1.5))
        penalty = math.exp(tried[-1][0] + step)
    return math.exp(min(tried, key=lambda trial: abs(trial[1]))[0])


def train(kind: Kind, draw: Draw, steps: int, seed: int, options: argparse.Namespace) -> Dictionary:
    """A dictionary of one kind; its seed draws its weights and orders its batches."""
    first = draw(10**5 * (seed + 1))
    config = DictionaryConfig(
        d_in=first.shape[1], num_latents=options.latents, kind=kind, value=options.value
    )
    # A small number would be the generator's own seed as well, and first weights the truth itself.
    start = int(stream(seed, "bench-rankings").integers(1 << 62))
    dictionary = Dictionary(config, generator=torch.Generator().manual_seed(start))
    dictionary.fit_scale(first)

    def batches() -> Iterator[Tensor]:
        for number in range(steps):
            yield draw(10**5 * (seed + 1) + number)

    for _ in train_dictionary(dictionary, batches(), DictionaryTrainingConfig(steps=steps)):
        pass
    return dictionary.eval()


@torch.no_grad()
def active(dictionary: Dictionary, rows: Tensor) -> float:
    """Active latents of a row."""
    counts = [(dictionary.encode(part) > 0).sum() for part in rows.split(8192)]
    return round(float(sum(counts)) / len(rows), 2)


if __name__ == "__main__":
    main()
