"""Preference models: a language model whose last token is read by one number.

Source:
    Askell et al. 2021 (2112.00861), section 3: a language model with a scalar head, read at the end
    of the dialogue.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from torch import Tensor, nn

from glasshouse.align.lora import has_adapters, merged
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.dialogues import LAYOUTS, Dialogue, Layout, LayoutMaker
from glasshouse.align.talks.templates import TEMPLATE, model_layout
from glasshouse.errors import InputError, RunError
from glasshouse.files import folder_atomically
from glasshouse.models import AsIs, LanguageModel

FORMAT = 1
_ABOUT, _HEAD, _MODEL = "preference_model.json", "head.safetensors", "model"


class PreferenceModel(nn.Module):
    """Scores dialogues in nats: one more is preferred with odds of e.

    The head begins at zero, so that at first every reply is as good as any.

    Args:
        language: What it begins as; its network is trained in place.
        layout: In which it reads dialogues.

    Raises:
        InputError: If the network is one of transformers that has no features to be read.
    """

    def __init__(self, language: LanguageModel, layout: Layout) -> None:
        super().__init__()
        if isinstance(language.network, AsIs) and not language.network.has_features:
            raise InputError(
                f"a preference model reads what the unembedding reads, and transformers' "
                f"{language.network.config.architecture} does not show it; take another model"
            )
        self.language, self.layout = language, layout
        self.network = language.network
        self.head = nn.Linear(language.network.config.d_model, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.head.to(next(self.network.parameters()).device)  # in float32, as scores are

    @property
    def context(self) -> int:
        """Tokens that it can read."""
        return self.network.config.context

    def forward(
        self, ids: Int[Tensor, "batch seq"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """Scores of rows that are padded on the right, read at each row's last token.

        A token sees nothing behind it, so that padding there changes no score.
        """
        features = self.network.features(ids)
        last = features[torch.arange(len(ids), device=ids.device), lengths - 1]
        return self.head(last.to(self.head.weight.dtype)).squeeze(1)

    def encode(self, dialogue: Dialogue) -> list[int]:
        """Token ids of a dialogue that ends with a reply; the oldest are left out if it is long.

        Raises:
            InputError: If it does not end with a reply, or the reply alone fills the context.
        """
        return self.encode_reply(dialogue)[0]

    def encode_reply(self, dialogue: Dialogue) -> tuple[list[int], int]:
        """The same, and how many of the tokens are the last reply's.

        Raises:
            InputError: As `encode`.
        """
        if dialogue[-1].role != "assistant":
            raise InputError("what is scored is a reply; the dialogue ends with none")
        found = self.layout(dialogue)
        reply = next(  # the last run of the assistant's tokens; a speaker's mark parts it
            (run for run, own in enumerate(reversed(found.is_reply)) if not own), len(found.ids)
        )
        if reply >= self.context:
            raise InputError(
                f"the reply has {reply} tokens and the context holds {self.context}; nothing of "
                "what it answers would be seen"
            )
        return found.ids[-self.context :], reply

    def fits(self, comparison: Comparison) -> bool:
        """Whether both replies leave room in the context for something of what they answer."""
        try:
            for reply in (comparison.first, comparison.second):
                self.encode(comparison.dialogue(reply))
        except InputError:
            return False
        return True

    @torch.no_grad()
    def score(self, dialogues: Sequence[Dialogue], *, batch: int = 64) -> Float[Tensor, " item"]:
        """Scores of dialogues, in their order; rows of like length go together.

        Raises:
            InputError: As `encode`.
        """
        was_training = self.training
        self.eval()
        try:
            encoded = [self.encode(dialogue) for dialogue in dialogues]
            order = sorted(range(len(encoded)), key=lambda place: len(encoded[place]))
            found = torch.empty(len(encoded))
            for start in range(0, len(order), batch):
                places = order[start : start + batch]
                ids, lengths = pad_right([encoded[place] for place in places])
                device = self.head.weight.device
                found[places] = self(ids.to(device), lengths.to(device)).float().cpu()
            return found
        finally:
            self.train(was_training)

    def margins(self, comparisons: Sequence[Comparison]) -> Float[Tensor, " pair"]:
        """By how much the first reply of each comparison scores above the second."""
        dialogues = [
            one.dialogue(reply) for one in comparisons for reply in (one.first, one.second)
        ]
        first, second = self.score(dialogues).view(-1, 2).T
        return first - second


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How well scores agree with preferences."""

    accuracy: float
    """Share of comparisons whose likelier reply scores higher; ties count half."""
    ceiling: float
    """The best that anybody could do who knows each probability: 1 where labels are hard."""
    loss: float
    """Mean surprise, in nats; log 2 for who knows nothing."""
    pairs: int
    """How many comparisons."""


def agreement(margin: Float[Tensor, " pair"], comparisons: Sequence[Comparison]) -> Agreement:
    """Compare margins with what was preferred.

    Raises:
        InputError: If there is no comparison, or not as many margins.
    """
    if not comparisons or len(margin) != len(comparisons):
        raise InputError(f"{len(margin)} margins and {len(comparisons)} comparisons, not as many")
    p_first = torch.tensor([one.p_first for one in comparisons], dtype=torch.float64)
    own = margin.double()
    right = torch.where(own > 0, p_first, torch.where(own < 0, 1 - p_first, 0.5))
    surprise = -p_first * nn.functional.logsigmoid(own) - (1 - p_first) * (
        nn.functional.logsigmoid(-own)
    )
    return Agreement(
        accuracy=float(right.mean()),
        ceiling=float(torch.maximum(p_first, 1 - p_first).mean()),
        loss=float(surprise.mean()),
        pairs=len(comparisons),
    )


def pad_right(
    rows: Sequence[Sequence[int]],
) -> tuple[Int[Tensor, "batch seq"], Int[Tensor, " batch"]]:
    """Rows of token ids in one matrix, and how long each is; what fills them is never read."""
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
    return ids, lengths


def save_preference_model(model: PreferenceModel, directory: str | Path, *, layout: str) -> None:
    """Write a model directory with a head beside it; it is whole or absent.

    Args:
        model: What to write.
        directory: A folder that does not exist, or is empty.
        layout: What its layout is called, for whoever loads it.

    Raises:
        InputError: If the directory holds something.
        OSError: If the disk is full.
    """
    folder = Path(directory)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists already; choose a new folder to save into")
    head = {name: value.detach().cpu() for name, value in model.head.state_dict().items()}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder_atomically(folder) as draft:
        model.language.save(draft / _MODEL)
        safetensors.torch.save_file(head, draft / _HEAD)
        about = {"format": FORMAT, "layout": layout}
        (draft / _ABOUT).write_text(json.dumps(about) + "\n")


def is_preference_model(directory: Path) -> bool:
    """Whether a folder holds a preference model, rather than a language model."""
    return (directory / _ABOUT).is_file()


def merge_preference_model(
    source: Path, directory: Path, layouts: Mapping[str, LayoutMaker] = LAYOUTS
) -> None:
    """Write a preference model anew whose adapters are worked into its matrices.

    Args:
        source: A folder with adapters.
        directory: A folder that does not exist, or is empty.
        layouts: As in `load_preference_model`.

    Raises:
        RunError: If the source is damaged.
        InputError: If it has no adapters, or the directory holds something.
    """
    model = load_preference_model(source, layouts)
    if not has_adapters(model.language):
        raise InputError(f"{source} has no adapters to merge; it is whole already")
    model.language = merged(model.language)
    save_preference_model(model, directory, layout=_read_layout(source))


def load_preference_model(
    directory: str | Path,
    layouts: Mapping[str, LayoutMaker] = LAYOUTS,
    *,
    device: str = "cpu",
) -> PreferenceModel:
    """Read what `save_preference_model` wrote.

    Args:
        directory: The folder.
        layouts: By name, what makes a layout of a tokenizer; a model's own chat template is known.
        device: Where the weights go.

    Raises:
        RunError: If the folder is missing, damaged or of another format.
        InputError: If its layout is not among those given.
    """
    folder = Path(directory)
    name = _read_layout(folder)
    try:
        head = safetensors.torch.load_file(folder / _HEAD)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{folder} holds no preference model: {error}") from None
    if name not in layouts and name != TEMPLATE:
        raise InputError(f"{folder} reads the layout {name!r}; known are {', '.join(layouts)}")
    language = LanguageModel.load(folder / _MODEL, device=device)
    maker = layouts.get(name)
    layout = model_layout(language) if maker is None else maker(language.tokenizer)
    model = PreferenceModel(language, layout)
    try:
        model.head.load_state_dict(head)
    except RuntimeError as error:
        raise RunError(f"the head in {folder} does not fit its model: {error}") from None
    return model.eval()


def _read_layout(folder: Path) -> str:
    """What the layout of a preference model is called."""
    try:
        about = json.loads((folder / _ABOUT).read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{folder} holds no preference model: {error}") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise RunError(f"{folder / _ABOUT} is not of format {FORMAT}, which this version reads")
    return str(about.get("layout"))
