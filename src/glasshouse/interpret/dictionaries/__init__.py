"""A value as a sparse sum of directions: dictionaries, how they are learned, and how good they are.

- `kinds`: what makes codes sparse: ReLU, TopK, BatchTopK, JumpReLU, Gated; Matryoshka prefixes
- `dictionary`: the learned one: autoencoder, transcoder or crosscoder by what goes in and out
- `training`: an iterator of steps; `losses` and `resampling` below it, `fused` below these
- `population`: several at once, those of one shape as one
- `files`: folders of our own, of SAELens and of sparsify
- `baselines`: principal and independent components, factors, random directions, axes
- `metrics/`: rebuilding, splicing, recovery, the ledger, families, probing, targeted ablation
- `coder`: what every dictionary can do, learned or not
"""

from glasshouse.interpret.dictionaries.baselines import BASELINES, LinearCoder, fit_baseline
from glasshouse.interpret.dictionaries.coder import Coder, unit_effects
from glasshouse.interpret.dictionaries.dictionary import Dictionary, DictionaryConfig
from glasshouse.interpret.dictionaries.files import load_dictionary, save_dictionary
from glasshouse.interpret.dictionaries.kinds import (
    BatchTopK,
    Gated,
    JumpReLU,
    Kind,
    ReLU,
    TopK,
)
from glasshouse.interpret.dictionaries.population import (
    DictionaryPopulation,
    train_dictionaries,
)
from glasshouse.interpret.dictionaries.training import (
    DictionaryStep,
    DictionaryTrainer,
    DictionaryTrainingConfig,
    train_dictionary,
)

__all__ = [
    "BASELINES",
    "BatchTopK",
    "Coder",
    "Dictionary",
    "DictionaryConfig",
    "DictionaryPopulation",
    "DictionaryStep",
    "DictionaryTrainer",
    "DictionaryTrainingConfig",
    "Gated",
    "JumpReLU",
    "Kind",
    "LinearCoder",
    "ReLU",
    "TopK",
    "fit_baseline",
    "load_dictionary",
    "save_dictionary",
    "train_dictionaries",
    "train_dictionary",
    "unit_effects",
]
