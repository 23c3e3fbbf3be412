"""The chapters of the report: figures, tables, and what was said, with its gold grades."""

from glasshouse.studies.constitutional_ai import figures
from glasshouse.studies.constitutional_ai.chains import GradedChains
from glasshouse.studies.constitutional_ai.grading import distinct_bigrams
from glasshouse.studies.constitutional_ai.outcomes import stock_shares
from glasshouse.studies.constitutional_ai.seen import Seen
from glasshouse.studies.study import Figure, Section, Table, Transcript, Turn
from glasshouse.world.gold import Gold

_TOLD = 3
"""Chains, and requests with everybody's reply, that are shown."""


def judging_chapter(seen: Seen) -> Section:
    """Feedback."""
    own = seen.judges
    rows = []
    for size in seen.config.sizes:
        for name, judged, held in (
            ("at once", own.plain[size], own.plain_held_out[size]),
            ("reasons first", own.reasoned[size], own.reasoned_held_out[size]),
        ):
            rows.append(
                (
                    size,
                    name,
                    float(judged.right(own.trained).mean()),
                    float(held.right(own.held_out).mean()),
                    float(abs(judged.labels - 0.5).mean() + 0.5),
                    judged.place_bias,
                )
            )
    return Section(
        title="Feedback from a model",
        text="Judges read two scripted replies to a harmful request and are asked whether it helps "
        "to harm. Both orders are read and averaged.",
        items=(
            Figure(
                name="judges",
                title="Who is right how often",
                caption="Share of pairs that differ in gold harm in which the less harmful reply "
                "got the greater label, by size.",
                draw=lambda: figures.judges(seen),
            ),
            Figure(
                name="calibration",
                title="How sure labels are, and may be",
                caption="Mean label of each bin against the world's preference; the largest judge.",
                draw=lambda: figures.calibration(seen),
            ),
            Table(
                title="Judges",
                columns=("size", "asked", "right", "right, held out", "confidence", "place bias"),
                rows=tuple(rows),
                caption="Place bias: by how much, in probability, what is read first is liked "
                "better before orders are averaged.",
            ),
        ),
    )


def chains_chapter(seen: Seen) -> Section:
    """Critiques and revisions."""
    rows = []
    for name, chains in (
        ("trained categories", seen.chains.trained),
        ("held-out categories", seen.chains.held_out),
    ):
        found = chains.critiques_right()
        right = [revised for is_right, revised in found if is_right]
        wrong = [revised for is_right, revised in found if not is_right]
        rows.append(
            (name, len(found), _share([one for one, _ in found]), _share(right), _share(wrong))
        )
    return Section(
        title="Critiques and revisions",
        text="A helpful-only assistant replies to harmful requests, criticises its reply by a "
        "principle drawn at random from sixteen, and writes it anew, four times.",
        items=(
            Figure(
                name="revisions",
                title="Harm and help, revision by revision",
                caption="Gold harm of the standing reply with its 95 % interval (left), and how "
                "far it does what was asked (right); the largest model.",
                draw=lambda: figures.revisions(seen),
            ),
            Figure(
                name="critiques",
                title="With a critique and without",
                caption="Harm after one revision of the same replies, by size: after a critique, "
                "directly, after another reply's critique, and by a principle about truth.",
                draw=lambda: figures.critiques(seen),
            ),
            Figure(
                name="principles",
                title="One principle or many",
                caption="Final revisions by constitutions of growing length.",
                draw=lambda: figures.ladder(seen),
            ),
            Table(
                title="Critiques may be wrong where revisions are right",
                columns=(
                    "requests",
                    "critiques",
                    "critique right",
                    "harmless after a right one",
                    "harmless after a wrong one",
                ),
                rows=tuple(rows),
                caption="A critique is right if it finds harm where there is some, by its name, "
                "and none where there is none.",
            ),
            *_transcripts(seen.chains.trained, "A chain"),
            *_transcripts(seen.chains.held_out, "A chain about a held-out category", most=1),
        ),
    )


def policies_chapter(seen: Seen) -> Section:
    """Policies."""
    shaped = seen.policies.shaped
    rows = []
    for name, one in shaped.items():
        said, _, sentence = stock_shares(one, shaped["sl-cai"])
        rows.append(
            (
                name,
                one.harmful.mean("harm"),
                one.harmful.mean("evasive"),
                one.harmful.mean("explains"),
                one.harmless.mean("help"),
                one.harmful.mean("reward"),
                float(said.mean()),
                distinct_bigrams(one.harmful.texts),
                one.steps[-1][1] if one.steps else None,
                sentence,
            )
        )
    labels = tuple(
        (
            name,
            seen.policies.label_accuracy[name],
            seen.policies.label_confidence[name],
            shaped[name].spread,
        )
        for name in seen.policies.label_accuracy
    )
    players = seen.policies.elo["harmful requests"].elo
    other = seen.policies.elo["harmless requests"].elo
    elo = tuple(
        (name, float(players.ratings[place]), float(other.ratings[place]))
        for place, name in enumerate(players.players)
    )
    return Section(
        title="Policies",
        text="SL-CAI learns revisions and helpful samples. RL-CAI goes on from there on a "
        "preference model of AI labels about harm and a crowd's about help. HH-RLHF learns both "
        "from a crowd that rewards evasion, from the base.",
        items=(
            Figure(
                name="policies",
                title="What became of the base",
                caption="Gold grades of replies to harmful requests of trained categories, and "
                "help with harmless ones, with 95 % intervals.",
                draw=lambda: figures.policies(seen),
            ),
            Figure(
                name="updates",
                title="What training gained and how far it went",
                caption="Mean preference score beyond that of the first updates, against the root "
                "of the divergence from the start, both over five updates. Scores of different "
                "judges have different units.",
                draw=lambda: figures.updates(seen),
            ),
            Table(
                title="Policies by gold grade",
                columns=(
                    "policy",
                    "harm",
                    "evasive",
                    "says why",
                    "help",
                    "gold reward",
                    "stock",
                    "distinct-2",
                    "nats",
                    "stock sentence",
                ),
                rows=tuple(rows),
                caption="Stock: share of replies that hold the sentence at the right; it is found "
                "in half of the replies and counted in the others.",
            ),
            Table(
                title="Labels",
                columns=("labels", "right", "confidence", "spread of scores"),
                rows=labels,
                caption=f"Right: of pairs that differ in harm, {seen.policies.pairs_differ:.0%} of "
                "all. Cooled labels have a temperature of "
                f"{seen.policies.temperature:.1f}, which gives them the variance of clamped ones.",
            ),
            Table(
                title="Elo by gold reward",
                columns=("policy", "harmful requests", "harmless requests"),
                rows=elo,
                caption="Everybody against everybody; the better gold reward wins.",
            ),
            *_everybody(seen),
        ),
    )


def cost_chapter(seen: Seen) -> Section:
    """What had been learned before, and what it took."""
    gates = tuple(
        (size, gate.name, gate.measured, "yes" if gate.passed else "no")
        for size, own in seen.gates.items()
        for gate in own.values()
    )
    return Section(
        title="Bases and cost",
        items=(
            Table(
                title="What bases knew",
                columns=("base", "gate", "measured", "passed"),
                rows=gates,
                caption="Before any school. No claim here needs a gate that the school does not "
                "teach; what claims need is measured where they are judged.",
            ),
            Table(
                title="CPU seconds",
                columns=("part", "seconds"),
                rows=(
                    *((name, round(value, 1)) for name, value in seen.seconds.items()),
                    ("together", round(sum(seen.seconds.values()), 1)),
                ),
            ),
        ),
    )


def _share(hits: list[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None


def grades(gold: Gold) -> tuple[tuple[str, str], ...]:
    """The grades of a reply that matter here."""
    return (
        ("harm", f"{gold.harm:.2f}"),
        ("help", f"{gold.help:.2f}"),
        ("says why", "yes" if gold.explains else "no"),
        ("gold reward", f"{gold.reward:.2f}"),
    )


def _transcripts(chains: GradedChains, title: str, most: int = _TOLD) -> list[Transcript]:
    """The first chains that begin with harm, one a category."""
    found: list[Transcript] = []
    told: set[str] = set()
    for chain, request, golds in zip(chains.chains, chains.requests, chains.golds, strict=True):
        if len(found) == most or request.category in told or golds[0].harm < 1:
            continue
        told.add(request.category)
        turns = [Turn(speaker=turn.role, text=turn.text) for turn in chain.prompt]
        turns.append(Turn(speaker="assistant", text=chain.reply, truth=grades(golds[0])))
        for each, gold in zip(chain.rounds, golds[1:], strict=True):
            asked = (("principle", each.principle),)
            turns += [
                Turn(speaker="asked", text=each.critique_request, truth=asked),
                Turn(speaker="critic", text=each.critique or "(none)"),
                Turn(speaker="assistant", text=each.revision, truth=grades(gold)),
            ]
        found.append(
            Transcript(
                title=f"{title}: {request.category}",
                turns=tuple(turns),
                truth=(("category", request.category), ("style", request.style)),
            )
        )
    return found


def _everybody(seen: Seen) -> list[Transcript]:
    """What every policy says to the same requests."""
    shaped = seen.policies.shaped
    found = []
    for place in range(_TOLD):
        request = shaped["base"].harmful.requests[place]
        turns = [Turn(speaker="human", text=request.text)]
        for name in figures.SHOWN:
            one = shaped[name].harmful
            said = one.texts[place] or "(nothing)"
            turns.append(Turn(speaker=name, text=said, truth=grades(one.golds[place])))
        found.append(
            Transcript(
                title=f"Everybody's reply: {request.category}",
                turns=tuple(turns),
                truth=(("category", request.category), ("style", request.style)),
            )
        )
    return found
