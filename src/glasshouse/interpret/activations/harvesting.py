"""Run a model over texts and hand on values, a row a token, with the token behind each row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.errors import InputError
from glasshouse.interpret.subject import Subject, graph_of, token_ids
from glasshouse.models import LanguageModel
from glasshouse.models.language_model import Prompt


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Activations:
    """Values of tokens, and which tokens they are of."""

    values: Mapping[str, Float[Tensor, "token d"]]
    """By the name of the value; every one has a row a token."""
    ids: Int[Tensor, " token"]
    """The token that was read."""
    document: Int[Tensor, " token"]
    """The number of its text, in the order in which texts were given."""
    position: Int[Tensor, " token"]
    """Its place in its text, from 0."""

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, name: str) -> Float[Tensor, "token d"]:
        """The rows of one value.

        Raises:
            InputError: If it was not harvested.
        """
        if name not in self.values:
            raise InputError(
                f"the value {name!r} was not harvested; there are {', '.join(self.values)}"
            )
        return self.values[name]

    def rows(self, which: Tensor | slice) -> "Activations":
        """Some of the rows, picked by a mask, by numbers or by a slice."""
        return Activations(
            values={name: value[which] for name, value in self.values.items()},
            ids=self.ids[which],
            document=self.document[which],
            position=self.position[which],
        )


def harvest(
    subject: Subject,
    texts: Iterable[Prompt],
    names: str | Sequence[str],
    *,
    batch_tokens: int = 8192,
    skip: int = 0,
) -> Iterator[Activations]:
    """Run a model over texts of any lengths, and yield its values batch by batch.

    Texts are read in the order given. Those of a batch are filled up behind their ends, where a
    model that looks back only does not see it; the filling is not handed on.

    Args:
        subject: Who is looked into.
        texts: Each is text (a LanguageModel's only) or token ids.
        names: Values that have one vector a token, such as `blocks.3.resid_post`; an axis of heads
            is laid flat.
        batch_tokens: Tokens that go through at once, filling included; a longer text goes alone.
        skip: Tokens at the start of each text that are read but not handed on.

    Raises:
        InputError: If a text is empty or too long, or a value has no row a token.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    graph = graph_of(subject)
    _check_names(graph, wanted)
    for number, rows in _grouped(_encoded(subject, texts), batch_tokens):
        lengths = [len(row) for row in rows]
        ids = torch.zeros(len(rows), max(lengths), dtype=torch.long)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.as_tensor(row, dtype=torch.long)
        ids = token_ids(subject, ids)
        found = graph.run(ids, fetch=wanted)
        yield _real_rows(found, wanted, ids, torch.tensor(lengths, device=ids.device), number, skip)


def harvest_all(
    subject: Subject,
    texts: Iterable[Prompt],
    names: str | Sequence[str],
    *,
    batch_tokens: int = 8192,
    skip: int = 0,
) -> Activations:
    """Everything that `harvest` yields, in memory.

    Raises:
        InputError: As `harvest`, and if no token is left.
    """
    parts = list(harvest(subject, texts, names, batch_tokens=batch_tokens, skip=skip))
    if not sum(map(len, parts)):
        raise InputError(f"no token is left: every text has at most skip={skip} tokens")
    return Activations(
        values={name: torch.cat([part.values[name] for part in parts]) for name in parts[0].values},
        ids=torch.cat([part.ids for part in parts]),
        document=torch.cat([part.document for part in parts]),
        position=torch.cat([part.position for part in parts]),
    )


def _check_names(graph: Graph, names: Sequence[str]) -> None:
    """Refuse values that have no row a token."""
    if not names:
        raise InputError("no value is named; give one, such as blocks.0.resid_post")
    for name in names:
        axes = graph.value(name).axes
        if axes and (len(axes) < 3 or axes[:2] != ("batch", "pos")):
            raise InputError(
                f"{name} has the axes {' '.join(axes)} and so no row a token; "
                "name a value that begins with batch pos"
            )


def _encoded(subject: Subject, texts: Iterable[Prompt]) -> Iterator[Sequence[int]]:
    for number, text in enumerate(texts):
        if isinstance(text, str) and not isinstance(subject, LanguageModel):
            raise InputError("a text needs a LanguageModel, which has a tokenizer; give token ids")
        row = subject.encode(text) if isinstance(subject, LanguageModel) else text
        if isinstance(row, str) or not len(row):
            raise InputError(f"text {number} has no tokens; leave empty texts out")
        yield row


def _grouped(
    rows: Iterable[Sequence[int]], batch_tokens: int
) -> Iterator[tuple[int, list[Sequence[int]]]]:
    """Rows that go through at once, with the number of the first."""
    group: list[Sequence[int]] = []
    number, longest = 0, 0
    for row in chain(rows, (None,)):
        length = 0 if row is None else max(longest, len(row))
        if group and (row is None or length * (len(group) + 1) > batch_tokens):
            yield number, group
            number += len(group)
            group, longest = [], 0
        if row is not None:
            group.append(row)
            longest = max(longest, len(row))


def _real_rows(
    found: Mapping[str, Tensor],
    names: Sequence[str],
    ids: Int[Tensor, "batch seq"],
    lengths: Int[Tensor, " batch"],
    number: int,
    skip: int,
) -> Activations:
    """Leave out the filling and what is skipped."""
    places = torch.arange(ids.shape[1], device=ids.device)
    kept = (places < lengths[:, None]) & (places >= skip)
    document, position = kept.nonzero(as_tuple=True)
    return Activations(
        values={name: found[name][kept].flatten(1) for name in names},
        ids=ids[kept],
        document=document + number,
        position=position,
    )
