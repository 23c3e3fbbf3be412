"""`glasshouse align cai`: chains of critique and revision, and comparisons labelled by a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.align.left_out import kept_lines
from glasshouse.cli.align.talks import read_dialogues
from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.errors import Stopped
from glasshouse.cli.look.subject import Model
from glasshouse.cli.options import AsJson, Seed, named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from glasshouse.align import Chain, Comparison, Constitution, Dialogue
    from glasshouse.models import LanguageModel
else:
    # all import torch, which `--help` has no time for
    Chain = Comparison = Constitution = Dialogue = LanguageModel = Any


def cai(
    model: Model,
    prompts: Annotated[
        Path,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="JSON lines with `prompt`, or dialogues whose last reply is left out.",
        ),
    ],
    out: Annotated[Path, typer.Option(parser=named_path, metavar="PATH", help="Folder to write.")],
    constitution: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Principles: world, harmless-english, good-for-humanity, or a JSON or TOML file. "
            "By default the world's for a model of the toy world, else harmless-english.",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Who labels pairs of replies; by default the model."),
    ] = None,
    helpful: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="Dialogues with helpful replies, to be learned beside the revisions.",
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(help="Critiques and revisions of a reply.")] = 4,
    direct: Annotated[bool, typer.Option("--direct", help="Revise without a critique.")] = False,
    chain_of_thought: Annotated[
        bool, typer.Option("--chain-of-thought", help="Let the judge reason before it answers.")
    ] = False,
    clamp: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH", help="Bounds of every judgement's probability, as 0.4 0.6."
        ),
    ] = None,
    ensemble: Annotated[int, typer.Option(help="Principles that a pair is judged by.")] = 1,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Let a model revise its own replies by principles, and judge pairs of them.

    Writes chains.jsonl (every critique and revision), dialogues.jsonl (revisions, for `align sft`),
    comparisons.jsonl (two replies a prompt with the judge's probability, for `align pm`) and
    constitution.json.

    [green]glasshouse align cai runs/helpful --prompts red-team.jsonl --out cai[/green]
    """
    from glasshouse.align import RevisionConfig, revise, sl_dialogues
    from glasshouse.align.talks.files import split_prompts
    from glasshouse.models import LanguageModel

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists already; name a new folder with --out")
    config = RevisionConfig(rounds=rounds, critique=not direct, seed=seed)
    asked = kept_lines(prompts, split_prompts(prompts))
    kept = [] if helpful is None else read_dialogues([helpful])
    language = LanguageModel.load(model)
    laws = _constitution(constitution, is_world=_is_world(language))
    if not 1 <= ensemble <= len(laws.principles):
        raise InputError(
            f"--ensemble {ensemble} must lie between 1 and the constitution's principles, of which "
            f"there are {len(laws.principles)}"
        )
    layout = _chain_layout(language)
    asked = _fitting(language, layout, asked, prompts)
    judging = language if judge is None else LanguageModel.load(judge)
    try:
        talk(f"{len(asked)} prompts, {len(laws.principles)} principles, {rounds} rounds")
        chains = revise(language, asked, laws, layout, config)
        talk(f"{len(chains)} chains; pairs of replies next")
        pairs, dropped = _pairs(language, asked, layout, judging, laws, chain_of_thought, seed)
        labelled = _labelled(judging, pairs, laws, chain_of_thought, clamp, ensemble, seed)
    except KeyboardInterrupt:
        raise Stopped("stopped; nothing was written") from None
    _write(out, laws, chains, sl_dialogues(chains, kept), labelled)
    _tell(out, chains, labelled, dropped, json=json)


def _is_world(language: LanguageModel) -> bool:
    core = language.tokenizer.core
    known = all(core.token_to_id(token) is not None for token in ("<doc>", "revision", "judge"))
    return known and language.tokenizer.is_word_level


def _constitution(name: str | None, *, is_world: bool) -> Constitution:
    """Principles by name, or from a file."""
    from glasshouse.align import (
        GOOD_FOR_HUMANITY,
        HARMLESS_ENGLISH,
        read_constitution,
        world_constitution,
    )

    named = {
        "world": world_constitution(("harmless", "people", "secrets", "manners", "reasons")),
        HARMLESS_ENGLISH.name: HARMLESS_ENGLISH,
        GOOD_FOR_HUMANITY.name: GOOD_FOR_HUMANITY,
    }
    if name is None:
        return named["world"] if is_world else HARMLESS_ENGLISH
    if name in named:
        return named[name]
    if not Path(name).exists():
        raise InputError(
            f"--constitution {name!r} is no file and none of {', '.join(named)}; give either"
        )
    return read_constitution(Path(name))


def _chain_layout(language: LanguageModel) -> Any:
    from glasshouse.align import CHAIN_LAYOUTS

    return CHAIN_LAYOUTS["words" if _is_world(language) else "english"](language.tokenizer)


def _fitting(
    language: LanguageModel, layout: Any, prompts: list[Dialogue], path: Path
) -> list[Dialogue]:
    """Prompts that leave room for a reply, a critique and a revision; others are counted."""
    room = 2 * layout.replies.max_new_tokens + layout.critiques.max_new_tokens
    context = language.network.config.context
    found, bad = [], []
    for prompt in prompts:
        try:
            fits = len(layout.ask_reply(prompt)) + room <= context
        except InputError as error:  # a word that the model does not know
            bad.append(str(error))
            continue
        if fits:
            found.append(prompt)
        else:
            bad.append(f"a prompt is too long: {room} of {context} tokens are needed behind it")
    if not found:
        raise InputError(f"{path}: no prompt can be used; {bad[0]}")
    if bad:
        talk(f"{path}: {len(bad)} of {len(prompts)} prompts left out ({bad[0]})")
    return found


def _pairs(
    language: LanguageModel,
    prompts: list[Dialogue],
    layout: Any,
    judge: LanguageModel,
    laws: Constitution,
    chain_of_thought: bool,
    seed: int,
) -> tuple[list[Comparison], int]:
    """Two replies to each prompt that differ, end and fit the judge; and how many were dropped."""
    from glasshouse.align import Comparison, fits_judge
    from glasshouse.align.principles.revision import first_replies

    both = [first_replies(language, prompts, layout, seed=2 * seed + place) for place in (1, 2)]
    writes = _judge_layout(judge)
    found = [
        Comparison(prompt=prompt, first=one, second=two)
        for prompt, one, two in zip(prompts, *both, strict=True)
        if one and two and one != two
    ]
    kept = [
        pair
        for pair in found
        if fits_judge(judge, pair, laws.principles, writes, chain_of_thought=chain_of_thought)
    ]
    return kept, len(prompts) - len(kept)


def _judge_layout(judge: LanguageModel) -> Any:
    from glasshouse.align import JUDGE_LAYOUTS

    return JUDGE_LAYOUTS["words" if _is_world(judge) else "letters"](judge.tokenizer)


def _labelled(
    judge: LanguageModel,
    pairs: list[Comparison],
    laws: Constitution,
    chain_of_thought: bool,
    clamp: tuple[float, float] | None,
    ensemble: int,
    seed: int,
) -> list[Any]:
    from glasshouse.align import judge_pairs

    return judge_pairs(
        judge,
        pairs,
        laws.principles,
        layout=_judge_layout(judge),
        chain_of_thought=chain_of_thought,
        clamp=clamp,
        ensemble=ensemble,
        seed=seed,
    )


def _write(
    out: Path,
    laws: Constitution,
    chains: list[Chain],
    learned: list[Dialogue],
    labelled: list[Any],
) -> None:
    """Write the folder whole, or not at all."""
    import json

    from glasshouse.align import write_chains, write_comparisons, write_constitution
    from glasshouse.files import folder_atomically

    comparisons = []
    for line, each in zip(
        write_comparisons(one.comparison for one in labelled), labelled, strict=True
    ):
        # `align pm` reads what it knows; who asks where a label came from finds it beside it.
        comparisons.append(json.dumps(json.loads(line) | {"principles": each.principles}) + "\n")
    roles = {"human": "user", "assistant": "assistant", "system": "system"}
    talks = [
        json.dumps(
            {"messages": [{"role": roles[turn.role], "content": turn.text} for turn in one]},
            ensure_ascii=False,
        )
        + "\n"
        for one in learned
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    with folder_atomically(out) as draft:
        (draft / "chains.jsonl").write_text("".join(write_chains(chains)), encoding="utf-8")
        (draft / "dialogues.jsonl").write_text("".join(talks), encoding="utf-8")
        (draft / "comparisons.jsonl").write_text("".join(comparisons), encoding="utf-8")
        write_constitution(laws, draft / "constitution.json")


def _tell(out: Path, chains: list[Chain], labelled: list[Any], dropped: int, *, json: bool) -> None:
    whole = [each.is_whole for chain in chains for each in chain.rounds]
    confidence = [max(one.comparison.p_first, 1 - one.comparison.p_first) for one in labelled]
    bias = [one.place_bias for one in labelled]
    found = {
        "path": shown_path(out),
        "chains": len(chains),
        "revisions_whole": sum(whole) / len(whole) if whole else None,
        "comparisons": len(labelled),
        "prompts_without_comparison": dropped,
        "confidence": sum(confidence) / len(confidence) if confidence else None,
        "place_bias": sum(bias) / len(bias) if bias else None,
    }
    if json:
        json_line(found)
        return
    if whole:
        talk(f"{len(chains)} chains; {sum(whole) / len(whole):.0%} of revisions are whole")
    if labelled:
        talk(
            f"{len(labelled)} comparisons; the judge is sure to {found['confidence']:.2f} and "
            f"likes what it reads first by {found['place_bias']:+.3f} (averaged out)"
        )
    if dropped:
        talk(f"{dropped} prompts have none: replies were the same, unfinished or too long")
    where = shown_path(out)
    talk(f"Learn revisions: glasshouse align sft MODEL --dialogues {where}/dialogues.jsonl --out …")
    talk(f"Learn judgements: glasshouse align pm MODEL --pairs {where}/comparisons.jsonl --out …")
    data(where)
