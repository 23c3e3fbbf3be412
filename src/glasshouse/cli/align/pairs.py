"""What the verbs of `align` share: files of comparisons, and what agreement is told as."""

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.cli.align.left_out import kept_lines
from glasshouse.cli.console import talk
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.align import Agreement, Comparison, PreferenceModel
else:
    # all import torch, which `--help` has no time for
    Agreement = Comparison = PreferenceModel = Any

_MANY_DIALOGUES = 20
"""Dialogues from which on whole ones are held out."""


def read_pairs(path: Path) -> list[Comparison]:
    """Every comparison of a file; what is none is told, with its line.

    Raises:
        InputError: If the file cannot be read, or holds none.
    """
    from glasshouse.align import split_comparisons

    return kept_lines(path, split_comparisons(path))


def held_out_pairs(
    pairs: list[Comparison], test: list[Comparison] | None
) -> tuple[list[Comparison], list[Comparison]]:
    """What is learned from, and what is measured on.

    Where a file has many dialogues, every tenth is left out with all that is compared in it, as one
    prompt has many pairs in some files; where it has few, every tenth comparison is.

    Raises:
        InputError: If a comparison stands in both, or too few are there to be parted.
    """
    if test is not None:
        seen = {_key(one) for one in pairs}
        twice = sum(_key(one) in seen for one in test)
        if twice:
            raise InputError(
                f"{twice} of the comparisons in --test stand in --pairs as well; measure on others"
            )
        return pairs, test
    if len(pairs) < 10:
        raise InputError(
            f"{len(pairs)} comparisons are too few to leave a tenth out; give more, or --test"
        )
    openings = list(dict.fromkeys(_opening(one) for one in pairs))
    if len(openings) >= _MANY_DIALOGUES:
        left_out = set(openings[::10])
        return (
            [one for one in pairs if _opening(one) not in left_out],
            [one for one in pairs if _opening(one) in left_out],
        )
    # What comes again in the file must not be learned from where it is measured on.
    kept = {_key(one) for one in pairs[::10]}
    return [one for one in pairs if _key(one) not in kept], pairs[::10]


def _opening(one: Comparison) -> str:
    """What the human said first."""
    return next(turn.text for turn in one.prompt if turn.role == "human")


def _key(one: Comparison) -> Hashable:
    """The same for a comparison and its replies the other way round."""
    return one.prompt, frozenset((one.first, one.second))


def fitting(judge: PreferenceModel, pairs: list[Comparison], path: Path) -> list[Comparison]:
    """Those that the model can read; what is too long is counted and told.

    Raises:
        InputError: If none is short enough.
    """
    found = [one for one in pairs if judge.fits(one)]
    if not found:
        raise InputError(
            f"{path}: every comparison has a reply as long as the context of {judge.context} "
            "tokens; take a model with a longer one"
        )
    if len(found) < len(pairs):
        talk(
            f"{path}: {len(pairs) - len(found)} of {len(pairs)} comparisons left out, whose reply "
            f"fills the context of {judge.context} tokens"
        )
    return found


def agreement_line(found: Agreement, what: str) -> str:
    """Agreement in words."""
    best = "" if found.ceiling == 1 else f" of at most {found.ceiling:.3f}"
    return (
        f"{what}: agrees with {found.accuracy:.3f}{best} of {found.pairs} comparisons; "
        f"{found.loss:.3f} nats each (a coin: 0.693)"
    )


def agreement_plain(found: Agreement) -> dict[str, Any]:
    """Agreement as JSON values."""
    return {
        "accuracy": found.accuracy,
        "ceiling": found.ceiling,
        "loss": found.loss,
        "pairs": found.pairs,
    }
