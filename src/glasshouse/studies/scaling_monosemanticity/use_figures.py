"""Chapters on what pushing does, what causes answers, alphabets and the search, with drawings."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.scaling_monosemanticity.alphabets import Alphabets
from glasshouse.studies.scaling_monosemanticity.clamping import PLACE, Clamped
from glasshouse.studies.scaling_monosemanticity.effects import TOP
from glasshouse.studies.scaling_monosemanticity.reading import topic_name
from glasshouse.studies.scaling_monosemanticity.seen import Seen
from glasshouse.studies.study import Figure, Section, Table, Transcript, Turn


def use_chapters(seen: Seen) -> tuple[Section, ...]:
    """Clamping, attribution, alphabets, the search."""
    return _clamping(seen), _attribution(seen), _alphabets(seen), _search(seen)


def _clamping(seen: Seen) -> Section:
    multiples = seen.subject.config.push.multiples
    rows = tuple(
        (
            f"{multiple:g}x",
            round(float(np.mean([dose.effect for dose in doses])), 3),
            round(float(np.mean([np.mean(dose.random) for dose in doses])), 3)
            if multiple
            else None,
            round(float(np.mean([dose.loss for dose in doses])), 2),
            sum(dose.is_broken for dose in doses),
        )
        for multiple, doses in (
            (multiple, [one.response.doses[place] for one in seen.clamped])
            for place, multiple in enumerate(multiples)
        )
    )
    items: list[Figure | Table | Transcript] = [
        Figure(
            name="clamping",
            title="More and more of a topic",
            caption="Probability that the next word is of the topic, by multiple of the latent's "
            "maximum; one line a topic, crossed where the text has broken; grey the mean of "
            "random directions of the same length.",
            draw=lambda: _doses(seen),
        ),
        Table(
            title="Multiples in numbers",
            columns=(
                "multiple",
                "words of the topic",
                "the same, random",
                "nats a token",
                "topics whose text broke",
            ),
            rows=rows,
            caption=f"Means over {len(seen.clamped)} topics. Nats a token: how unlikely the "
            "unpushed model finds what the pushed one writes; a nat more than without a push "
            "counts as broken.",
        ),
    ]
    if seen.clamped:
        items.append(_written(seen, seen.clamped[0], "What is written under a clamp"))
    return Section(
        title="Clamping a topic",
        text="A topic's latent is set to multiples of its largest activation at every token, and "
        "what the dictionary misses of the value is kept, so that a latent set to what it is "
        f"changes nothing. Prompts are the first {PLACE} tokens of texts that have nothing of the "
        "topic, behind which a word of some topic is to come. Some nouns belong to two "
        "topics and are shown under one of them; they are not counted as words of either.",
        items=tuple(items),
    )


def _written(seen: Seen, one: Clamped, title: str) -> Transcript:
    prompt = " ".join(seen.subject.word(int(token)) for token in one.prompts[0, 1:])
    turns = [Turn(speaker="prompt", text=prompt)]
    for dose, text in zip(one.response.doses, one.written, strict=True):
        truth = (
            ("multiple", f"{dose.strength:g}"),
            ("text", "broken" if dose.is_broken else "holds"),
        )
        turns.append(Turn(speaker="model", text=text, truth=truth))
    return Transcript(
        title=title,
        turns=tuple(turns),
        truth=(("latent", str(one.latent)), ("topic", topic_name(one.topic))),
        caption="Words are shown as topic, N for noun or V for verb, number.",
    )


def _doses(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
    for number, one in enumerate(seen.clamped):
        doses = one.response.doses
        x = np.arange(len(doses))
        axis.plot(x, [dose.effect for dose in doses], color=f"C{number % 7}", linewidth=0.9)
        broken = [place for place, dose in enumerate(doses) if dose.is_broken]
        axis.plot(broken, [doses[place].effect for place in broken], "x", color=f"C{number % 7}")
    multiples = seen.subject.config.push.multiples
    if seen.clamped:
        means = [
            np.mean([np.mean(one.response.doses[place].random) for one in seen.clamped])
            if multiple
            else np.mean([one.response.doses[place].effect for one in seen.clamped])
            for place, multiple in enumerate(multiples)
        ]
        axis.plot(range(len(means)), means, "o-", color="grey", label="random directions")
        axis.legend(fontsize=7)
    axis.set_xticks(range(len(multiples)), [f"{multiple:g}x" for multiple in multiples])
    axis.set(xlabel="multiple of the maximum", ylabel="words of the topic", ylim=(-0.02, 1.02))
    return figure


def _attribution(seen: Seen) -> Section:
    one = seen.effects
    town, other = (
        float(np.mean([getattr(p, name) for p in one.prompts])) if one.prompts else float("nan")
        for name in ("has_town", "has_other_town")
    )
    places = float(np.mean([len(p.effects) for p in one.prompts])) if one.prompts else 0.0
    return Section(
        title="Attribution and ablation",
        text=f"The model of facts answers {one.asked:.0%} of questions about people whom its texts "
        f"asked about, {one.held_out:.0%} about others (a land at random: "
        f"{1 / seen.subject.config.facts(seen.subject.seed).lands:.0%}). Each question stands "
        "behind other facts. Every active latent at every token but the first was taken away, one "
        f"by one ({places:.0f} a question), and the fall of the right answer's lead over a wrong "
        "one is its effect. Attribution estimates all effects at once: activation times the "
        "slope of the lead along the latent's direction. The dictionary has "
        f"{one.rebuilding.l0:.1f} active latents a token and explains "
        f"{one.rebuilding.explained_variance:.2f} of the variance.\n\n"
        "The town in between is never said. For each town, the latent that fits sentences about it "
        f"best was found on other texts: it is among the ten that matter most in {town:.0%} of "
        f"questions, that of another town in {other:.0%}.",
        items=(
            Figure(
                name="attribution",
                title="What foretells an ablation",
                caption=f"Left: effect by ablation against attribution, all places of all "
                f"questions. Right: share of the {TOP} places with the largest effects that each "
                "way of choosing names; whiskers are standard errors over questions.",
                draw=lambda: _overlaps(seen),
            ),
        ),
    )


def _overlaps(seen: Seen) -> Drawing:
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained")
    prompts = seen.effects.prompts
    if prompts:
        effects, estimates = (
            np.concatenate([getattr(p, name) for p in prompts]) for name in ("effects", "estimates")
        )
        left.plot(estimates, effects, ".", color="C0", markersize=2, alpha=0.4)
        low, high = float(min(effects.min(), estimates.min())), float(effects.max())
        left.plot([low, high], [low, high], color="grey", linewidth=0.8)
        r = float(np.corrcoef(effects, estimates)[0, 1])
        left.set_title(f"r = {r:.2f}", fontsize=8)
    left.set(xlabel="attribution", ylabel="ablation")
    names = ("attribution", "activation", "other", "random")
    labels = ("attribution", "activation", "attribution,\nother answers", "at random")
    for place, name in enumerate(names):
        values = np.array([getattr(p, name) for p in prompts])
        if len(values):
            error = values.std() / len(values) ** 0.5
            right.bar(place, values.mean(), yerr=error, color=f"C{place}")
    right.set_xticks(range(len(names)), labels, fontsize=7)
    right.set(ylabel=f"share of the top {TOP}", ylim=(0, 1))
    return figure


def _alphabets(seen: Seen) -> Section:
    rows = tuple(
        (
            one.bridge,
            int((one.topics[0] >= 0).sum()),
            int((one.topics[1] >= 0).sum()),
            len(one.both),
            round(float(one.both.mean()), 3) if len(one.both) else None,
            round(one.permuted, 3),
            round(one.l0, 1),
            round(one.explained, 2),
        )
        for one in seen.alphabets
    )
    return Section(
        title="Two alphabets",
        text="Two models read the same grammar in two alphabets. In the mixed texts of the first, "
        "both alphabets say one thing; in those of the second, what the other alphabet says is "
        "about topics permuted anew in every text. Latents are read in texts of one alphabet "
        "alone, then in texts of the other. A latent stands for a "
        "topic in an alphabet if half of its activation there lies in sentences of the topic. A "
        "permuted lexicon, in which each topic's words of the second alphabet mean another topic, "
        "says how many would agree by chance. This is an analogue of several languages, not of "
        "images.",
        items=(
            Figure(
                name="alphabets",
                title="Topics of latents in either alphabet",
                caption="Latents by their topic in the first alphabet (down) and the second "
                "(across), where they have one in both; left with a true bridge, right with a "
                "shuffled one.",
                draw=lambda: _matches(seen.alphabets, seen),
            ),
            Table(
                title="Latents that stand for a topic",
                columns=(
                    "bridge",
                    "in the first",
                    "in the second",
                    "in either",
                    "the same in both",
                    "permuted lexicon",
                    "active a token",
                    "variance explained",
                ),
                rows=rows,
            ),
        ),
    )


def _matches(alphabets: list[Alphabets], seen: Seen) -> Drawing:
    topics = seen.subject.config.alphabets.meanings.topics
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 3), layout="constrained")
    for axis, one in zip(axes, alphabets, strict=True):
        counts = np.zeros((topics, topics))
        both = (one.topics >= 0).all(axis=0)
        np.add.at(counts, (one.topics[0, both], one.topics[1, both]), 1)
        image = axis.imshow(counts, cmap="Blues")
        axis.set(xlabel="topic in the second", ylabel="topic in the first")
        axis.set_title(f"bridge: {one.bridge}", fontsize=9)
        axis.grid(False)
        figure.colorbar(image, ax=axis, shrink=0.8)
    return figure


def _search(seen: Seen) -> Section:
    one = seen.search
    config = seen.subject.config.push
    topic = topic_name(config.unsafe)
    counts = {latent: one.found.count(latent) for latent in one.found}
    inside = dict(zip(one.found, one.share, strict=True))
    rows = tuple(
        (latent, count, round(inside[latent], 2))
        for latent, count in sorted(counts.items(), key=lambda pair: -pair[1])
    )
    items: list[Figure | Table | Transcript] = [
        Table(
            title="What the searches name",
            columns=("latent", "searches", "share of its activation on the topic"),
            rows=rows,
            caption="Where texts are flagged at random, that share is "
            f"{np.mean(one.by_chance):.2f} on average; {one.base_rate:.3f} of all tokens are of "
            "the topic.",
        ),
        Table(
            title="Without the latent",
            columns=("set to 0", "chance of a word of the topic, where one comes"),
            rows=(
                ("nothing", round(one.said, 3)),
                (f"latent {one.latent}", round(one.said_without, 3)),
                (
                    f"one of {len(one.said_without_others)} others of like density, mean",
                    round(float(np.mean(one.said_without_others)), 3)
                    if one.said_without_others
                    else None,
                ),
            ),
            caption="In held-out texts of the topic. Where a topic has many latents, taking one "
            "away does little.",
        ),
    ]
    if one.clamped is not None:
        items.append(_written(seen, one.clamped, "What is written under the found latent"))
    return Section(
        title="Looking for something harmful",
        text=f"One topic of the world, called {topic} here and met in {one.base_rate:.1%} of "
        "tokens, stands for something that an auditor would want to find. The search knows "
        f"nothing of it but {config.flagged} texts that somebody has flagged, of "
        "which only some sentences are about it, and other texts. It names the latent whose mean "
        "activation tells flagged texts from the others best. The latent named most often is "
        f"{one.latent}; without any truth its best rule is: {one.rule}. The topic is harmful by "
        "name only: nothing follows here about how a model would come to do harm.",
        items=tuple(items),
    )
