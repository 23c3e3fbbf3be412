"""The report's chapters: figures, tables and what policies said."""

import numpy as np

from glasshouse.studies.rlhf import figures
from glasshouse.studies.rlhf.measure import Seen
from glasshouse.studies.rlhf.policies import Said, Trace
from glasshouse.studies.rlhf.robustness import early_fit, last_part, overoptimisation_fit, smooth
from glasshouse.studies.study import Figure, Section, Table, Text, Transcript, Turn


def chapters(seen: Seen) -> tuple[Section, ...]:
    """All chapters, in reading order."""
    return (_policies(seen), _judges(seen), _evasion(seen), _online(seen), _ends(seen))


def _policies(seen: Seen) -> Section:
    rows = []
    for size, trace in seen.policies.items():
        fit, bend = early_fit(trace), overoptimisation_fit(trace)
        rows.append(
            (
                size,
                fit.points,
                fit.slope,
                fit.r2_root,
                fit.r2_kl,
                f"{bend.alpha_rl:.2f}, {bend.beta_rl:.2f} ({bend.r2_rl:.2f})",
                f"{bend.alpha_best:.2f}, {bend.beta_best:.2f} ({bend.r2_best:.2f})",
            )
        )
    return Section(
        title="Reward, and what it is worth",
        text="Policies of each size are trained by PPO against one preference model, whose "
        "comparisons come from people who like evasion, length and certainty. The gold reward is "
        "measured on every reply and trained on never.",
        items=(
            Figure(
                name="reward-and-gold",
                title="Reward and gold reward against √KL",
                caption="Left, the judge's score, with a judge of other comparisons dotted and a "
                "line fitted until gold peaks, each less its mean on the compared replies; "
                "middle, the gold reward, its peak marked. Right, the shape of the paper's "
                "figure 4, sketched and not measured: a judge of other comparisons falls behind. "
                "Means over five updates.",
                draw=lambda: figures.draw_overoptimisation(seen),
            ),
            Table(
                title="Lines until gold's peak, and over-optimisation fits",
                columns=(
                    "policy",
                    "points",
                    "slope (nats a √nat)",
                    "R² in √KL",
                    "R² in KL",
                    "d (α - β log d): α, β (R²)",
                    "d (α - β d): α, β (R²)",
                ),
                rows=tuple(rows),
                caption="The last two columns fit gold's gain over all of training (Gao et al. "
                "2022); d is √KL.",
            ),
            _gates(seen),
        ),
    )


def _gates(seen: Seen) -> Table:
    return Table(
        title="Gates of the bases",
        columns=("base", "gate", "measured", "passed"),
        rows=tuple(
            (size, gate.name, gate.measured, "yes" if gate.passed else "no")
            for size, base in seen.bases.items()
            for gate in base.gates.values()
        ),
        caption="Compliance and refusal are required by the claim on evasion; the others are told.",
    )


def _judges(seen: Seen) -> Section:
    return Section(
        title="Preference models",
        text="Each size passes once over the comparisons, half of them on helpfulness and half "
        "from attackers, who press the more harmful reply.",
        items=(
            Figure(
                name="judges-by-data",
                title="Accuracy against comparisons",
                caption="Held-out accuracy, helpful and red-team comparisons counting the same; "
                "against true probabilities, so that the best possible is below 1.",
                draw=lambda: figures.draw_judges(seen),
            ),
            Figure(
                name="calibration",
                title="Calibration, and accuracy among high scores",
                caption="Left, probability claimed and true probability, in bins of equal numbers. "
                "Right, accuracy on pairs whose both scores exceed a threshold.",
                draw=lambda: figures.draw_calibration(seen),
            ),
        ),
    )


def _evasion(seen: Seen) -> Section:
    own = seen.by_judge[seen.config.judge_size]
    return Section(
        title="How policies become evasive",
        text="Both policies begin as the same base and differ in whose comparisons their judge "
        "learned from.",
        items=(
            Figure(
                name="evasion",
                title="Evasive replies",
                caption="Shares of replies, means over five updates.",
                draw=lambda: figures.draw_evasion(seen),
            ),
            _said("The last replies, people who like evasion", own),
            _said("The last replies, people who do not", seen.plain),
        ),
    )


def _said(title: str, trace: Trace) -> Transcript:
    turns: list[Turn] = []
    for one in _some(trace.last):
        turns += [
            Turn(speaker="human", text=one.request.text),
            Turn(
                speaker="assistant",
                text=one.text or "(nothing)",
                truth=(("gold reward", f"{one.gold:.2f}"), ("judge", f"{one.score:.2f}")),
            ),
        ]
    return Transcript(title=title, turns=tuple(turns))


def _some(said: tuple[Said, ...]) -> list[Said]:
    """Three of each kind."""
    harmful = [one for one in said if one.request.harmful][:3]
    return [*[one for one in said if not one.request.harmful][:3], *harmful]


def _online(seen: Seen) -> Section:
    found = seen.rounds
    players = found.table.elo
    return Section(
        title="Rounds",
        text="Each round's people compare the newest policy's replies; judges learn from all "
        "rounds so far, and policies begin as the base again.",
        items=(
            Table(
                title="Elo by gold duels",
                columns=("player", "Elo", "95% interval", "share won"),
                rows=tuple(
                    (
                        name,
                        float(players.ratings[n]),
                        f"{players.low[n]:.0f} to {players.high[n]:.0f}",
                        float(
                            found.table.wins[n].sum()
                            / (found.table.wins[n].sum() + found.table.wins[:, n].sum())
                        ),
                    )
                    for n, name in enumerate(players.players)
                ),
            ),
            Table(
                title="Rounds",
                columns=("round", "comparisons", "earlier judge's accuracy on them", "ceiling"),
                rows=tuple(
                    (
                        one.number,
                        one.comparisons,
                        None if one.fresh is None else one.fresh.accuracy,
                        None if one.fresh is None else one.fresh.ceiling,
                    )
                    for one in found.rounds
                ),
            ),
        ),
    )


def _ends(seen: Seen) -> Section:
    rows = [
        (
            name,
            float(smooth(trace.reward).max()),
            float(smooth(trace.gold).max()),
            float(last_part(trace.gold).mean()),
            float(last_part(trace.gold_helpful).mean()),
            float(last_part(trace.gold_harmful).mean()),
            float(np.mean(last_part(trace.length))),
            float(np.mean(last_part(trace.entropy))),
            float(np.mean(last_part(trace.kl))),
        )
        for name, trace in _all_runs(seen).items()
    ]
    return Section(
        title="Strange prompts, and the tax",
        items=(
            Figure(
                name="strange-prompts",
                title="How strange prompts are",
                caption="Relative Mahalanobis distances from ordinary prompts; dashed, the "
                "threshold that flags a twentieth of them.",
                draw=lambda: figures.draw_strange(seen),
            ),
            Figure(
                name="tax",
                title="What shaping cost",
                caption="Share of questions right after shaping less before, on the same "
                "questions; bars are 95% intervals.",
                draw=lambda: figures.draw_tax(seen),
            ),
            Table(
                title="Questions before and after",
                columns=("policy", "task", "before", "after", "95% interval of the change"),
                rows=tuple(
                    (
                        size,
                        row.task,
                        row.before,
                        row.after,
                        f"{row.interval[0]:+.3f} to {row.interval[1]:+.3f}",
                    )
                    for size, report in seen.taxes.items()
                    for row in report.rows
                ),
                caption="Shares answered right by the likeliest next token.",
            ),
            Table(
                title="All policies at their end",
                columns=(
                    "run",
                    "highest score",
                    "highest gold",
                    "gold",
                    "on help",
                    "on harm",
                    "tokens",
                    "entropy (nats)",
                    "KL (nats)",
                ),
                rows=tuple(rows),
                caption="Means over the last fifth of updates where not said otherwise.",
            ),
            Text(
                title="How it was run",
                paragraphs=(
                    f"{len(seen.data.helpful.collected)} helpful and "
                    f"{len(seen.data.harmless.collected)} red-team comparisons of replies of the "
                    f"base {seen.config.collecting.writer}; {seen.config.shaping.steps} updates of "
                    f"{seen.config.shaping.prompts_per_step} replies a policy.",
                ),
            ),
        ),
    )


def _all_runs(seen: Seen) -> dict[str, Trace]:
    runs = {f"policy {size}": trace for size, trace in seen.policies.items()}
    runs |= {
        f"judge {size}": trace
        for size, trace in seen.by_judge.items()
        if size != seen.config.judge_size
    }
    return runs | {"judge of people without a taste for evasion": seen.plain}
