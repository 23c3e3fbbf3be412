"""Training: what a run is, the documents it reads, and one optimizer step.

- `config`, `schedule`, `optimizer`: what a run is, as values
- `shards`, `batches`: documents as tokens on disk, and the windows read from them in what order
- `steps`, `held_out`: one optimizer step; held-out loss by kind of document
- `metrics`: step results and the file that remembers them
- `decisions`, `distributed`: what `auto` means on this machine; several processes
- `population`: many small models as one program
"""

from glasshouse.training.batches import Batch, BatchSource, shuffled_windows
from glasshouse.training.config import CheckpointConfig, TrainConfig
from glasshouse.training.decisions import Decisions, decide
from glasshouse.training.distributed import current_processes, joined_processes
from glasshouse.training.held_out import held_out_losses
from glasshouse.training.metrics import StepResult
from glasshouse.training.optimizer import OptimizerConfig, make_optimizer
from glasshouse.training.schedule import ScheduleConfig, learning_rate
from glasshouse.training.shards import EncodedDocument, TokenShards, write_shards

__all__ = [
    "Batch",
    "BatchSource",
    "CheckpointConfig",
    "Decisions",
    "EncodedDocument",
    "OptimizerConfig",
    "ScheduleConfig",
    "StepResult",
    "TokenShards",
    "TrainConfig",
    "current_processes",
    "decide",
    "held_out_losses",
    "joined_processes",
    "learning_rate",
    "make_optimizer",
    "shuffled_windows",
    "write_shards",
]
