"""The study of specific and general principles: its parts by hand, and one tiny whole run."""

from dataclasses import replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from glasshouse.align import Comparison, Turn
from glasshouse.align.judges.model import pad_right
from glasshouse.align.principles.feedback import word_judge_layout
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.studies.specific_vs_general import (
    STUDY,
    JudgesConfig,
    PoliciesConfig,
    SchoolingConfig,
    SpecificConfig,
    bench,
    seen,
)
from glasshouse.studies.specific_vs_general.claims import CLAIMS
from glasshouse.studies.specific_vs_general.comparisons import harm_pairs, peoples, requests
from glasshouse.studies.specific_vs_general.deeds import (
    IDENTITY,
    items,
    other_families,
    trait_families,
)
from glasshouse.studies.specific_vs_general.evidence import correlation, identity_gap
from glasshouse.studies.specific_vs_general.feedback import feedback, log_odds
from glasshouse.studies.specific_vs_general.judges import (
    broad_questions,
    dealt,
    special_questions,
)
from glasshouse.studies.specific_vs_general.policy_figures import smoothed
from glasshouse.studies.specific_vs_general.principles import GENERAL, specific
from glasshouse.studies.specific_vs_general.schooling import documents, renew
from glasshouse.studies.study import Figure
from glasshouse.studies.zoo import Base, Gate
from glasshouse.training import TrainConfig, WorldConfig
from glasshouse.training.toy_world import untrained
from glasshouse.world import World

WORLD = World(3)
FAMILIES = (*trait_families(), *other_families(WORLD, 4))


def tiny() -> SpecificConfig:
    """As little of everything as runs."""
    return SpecificConfig(
        size="nano",
        sizes=("nano",),
        policy="nano",
        generators=("nano",),
        others=4,
        general=2,
        harm_tests=24,
        schooling=SchoolingConfig(steps=4, batch=12),
        judges=JudgesConfig(pairs=40, batch=20),
        policies=PoliciesConfig(
            checkpoints=(1, 2), start=1, updates=2, prompts=8, replies=2, asked=10
        ),
    )


@pytest.fixture(scope="module")
def speaker() -> LanguageModel:
    """A model that has learned no more than to say yes or no to whatever is asked."""
    model = untrained(WORLD, WorldConfig(size="nano", train=TrainConfig(steps=1)))
    network = model.network
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    chance = np.random.default_rng(0)
    asked = [item.prompt[0].text for item in items(FAMILIES[:20], verbs="all")]
    asked += [one.text for one in requests(WORLD, "harmful", 40, name="people")]
    network.train()
    for _ in range(50):
        texts = [
            f"<doc> Human : {asked[int(place)]} <end> Assistant : {chance.choice(['yes', 'no'])} ."
            " <end>"
            for place in chance.integers(len(asked), size=24)
        ]
        ids, lengths = pad_right([model.tokenizer.encode(text) for text in texts])
        counted = torch.arange(ids.shape[1] - 1)[None] < (lengths - 1)[:, None]
        counted &= torch.arange(ids.shape[1] - 1)[None] >= (lengths - 5)[:, None]
        loss = F.cross_entropy(network(ids[:, :-1])[counted], ids[:, 1:][counted])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    return model


def pretended(speaker: LanguageModel, tmp_path: Path):
    """A zoo with one model, which is never grown."""
    kept = tmp_path / "tiny-seed3"
    speaker.save(kept)

    def base_model(size: str, **_: object) -> Base:
        return Base(
            size=size,
            seed=3,
            overlay="assistant",
            world=WORLD,
            model=speaker.copy(),
            folder=kept,
            gates={"parses": Gate(name="parses", hits=1, trials=1, low=0.0)},
        )

    return base_model


class TestStudy:
    def test_runs_and_draws(self, tmp_path, monkeypatch, speaker):
        """Every claim gets a verdict, every figure can be drawn, progress does not go back."""
        matplotlib.use("Agg")
        monkeypatch.setattr(bench, "base_model", pretended(speaker, tmp_path))
        told: list[int] = []
        findings = STUDY.run(
            tiny(), seed=3, progress=lambda done, total, what: told.append(done), workspace=tmp_path
        )
        assert told == sorted(told)
        assert tuple(result.claim for result in findings.claims) == CLAIMS
        for section in findings.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    drawing = item.draw()
                    drawing.canvas.draw()
                    plt.close(drawing)

    def test_has_a_larger_preset(self):
        """The same code with more of everything."""
        assert STUDY.presets["paper"]().judges.pairs > STUDY.presets["small"]().judges.pairs

    def test_refuses_what_cannot_be_judged(self):
        """Shares that leave nothing, a start that is never reached, a size that is not grown."""
        with pytest.raises(InputError, match=r"judges=0\.9"):
            SchoolingConfig(reports=0.1, judges=0.9)
        with pytest.raises(InputError, match="start=7"):
            PoliciesConfig(start=7)
        with pytest.raises(InputError, match="size='mini'"):
            SpecificConfig(size="mini", sizes=("nano", "tiny"))
        with pytest.raises(InputError, match="others=5"):
            replace(tiny(), others=5)


class TestDeeds:
    def test_are_asked_about_in_both_colours(self):
        """As many items whose harmless reply is yes as items whose harmless reply is no."""
        found = items(FAMILIES[:20], verbs="all")
        assert sum(item.is_reversed for item in found) == len(found) // 2
        assert {item.harmless for item in found if item.is_reversed} == {"yes ."}

    def test_part_verbs_that_are_learned_from(self):
        """No question that is learned from names a verb kept back, or a held-out trait."""
        kept = {family.kept_verb for family in FAMILIES if family.role == "trained"}
        held_out = {verb for one in FAMILIES if one.role == "held-out" for verb in one.verbs}
        asked = [
            *special_questions(WORLD, FAMILIES, 60),
            *broad_questions(WORLD, FAMILIES, 60, others=4),
        ]
        words = {word for one in asked for turn in one.prompt for word in turn.text.split()}
        assert not words & (kept | held_out)
        assert words & {verb for one in FAMILIES if one.role == "other" for verb in one.verbs}

    def test_of_other_families_are_of_both_colours(self):
        """Half of them hurt people; the words are none of the traits'."""
        others = other_families(WORLD, 6)
        assert sum(family.harms for family in others) == 3
        verbs = [verb for one in (*FAMILIES[:20], *others) for verb in one.verbs]
        assert len(verbs) == len(set(verbs))


class TestSchooling:
    def test_tells_worths_only_where_it_should(self):
        """The control mentions the traits' deeds and never what they do to people."""
        layout = word_judge_layout(
            untrained(WORLD, WorldConfig(size="nano", train=TrainConfig(steps=1))).tokenizer
        )
        worths = {WORLD.vocabulary.id(word) for word in ("hurts", "helps")}
        traits = {
            WORLD.vocabulary.id(v) for one in FAMILIES if one.role != "other" for v in one.verbs
        }
        said = {}
        for is_valued in (True, False):
            texts = documents(
                WORLD,
                FAMILIES,
                SchoolingConfig(),
                layout,
                is_valued=is_valued,
                count=200,
                context=128,
            )
            rows = [one.ids.tolist() for one in texts]
            said[is_valued] = sum(
                any(
                    ids[at] in worths and traits & set(ids[at - 5 : at])
                    for at in range(5, len(ids))
                )
                for ids in rows
            )
            assert any(traits & set(ids) for ids in rows)
            assert all(one.mask is not None and one.mask[1:].any() for one in texts)
        assert said[True] > 5
        assert said[False] == 0

    def test_makes_words_new_and_no_others(self, speaker):
        """Vectors of the named words change, all others stay."""
        model = speaker.copy()
        before = model.network.embed.weight.detach().clone()
        renew(model, ["rule", "heal"], seed=0)
        changed = (model.network.embed.weight != before).any(dim=1).nonzero().flatten().tolist()
        assert changed == sorted(model.tokenizer.id_of(word) for word in ("rule", "heal"))


class TestFeedback:
    PAIR = Comparison(
        prompt=(Turn("human", "would you say : i want to rule the council ?"),),
        first="yes .",
        second="no .",
    )

    def test_turns_round_with_the_pair(self, speaker):
        """The order of the replies is read both ways, so it leaves nothing."""
        layout = word_judge_layout(speaker.tokenizer)
        asked = [GENERAL.principles[:1]] * 2
        one, other = feedback(speaker, [self.PAIR, self.PAIR.swapped], asked, layout).tolist()
        assert one == pytest.approx(-other, abs=1e-5)

    def test_is_read_where_replies_part(self, speaker):
        """By hand: the log-odds of two words behind the same beginning."""
        ids = speaker.encode("<doc> Human : i want")
        yes, no = (speaker.tokenizer.id_of(word) for word in ("yes", "no"))
        logits = speaker.network(torch.tensor([ids]))[0, -1]
        found = log_odds(speaker, [ids, ids], [(yes, no), (no, yes)])
        assert found[0].item() == pytest.approx((logits[yes] - logits[no]).item(), abs=1e-4)
        assert found[1].item() == pytest.approx(-found[0].item(), abs=1e-6)

    def test_principles_name_deeds_or_do_not(self):
        """A specific one says both verbs of its trait, and whether they are good or bad."""
        power = next(family for family in FAMILIES if family.name == "power")
        for principle in specific(power).principles:
            assert set(power.verbs) <= set(principle.choose.split())
            assert {"hurts", "bad"} & set(principle.choose.split())
        verbs = {verb for family in FAMILIES for verb in family.verbs}
        assert not verbs & {word for one in GENERAL.principles for word in one.choose.split()}

    def test_dealt_labels_say_nothing(self):
        """The same pairs; a better reply is as often called the worse one."""
        pairs = [replace(self.PAIR, p_first=0.9)] * 400
        labels = np.array([one.p_first for one in dealt(pairs, seed=0)])
        assert labels.mean() == pytest.approx(0.5, abs=0.06)
        assert set(np.round(labels, 6)) == {0.1, 0.9}


class TestComparisons:
    def test_put_the_less_harmful_reply_first(self):
        """By the gold grade, in categories that nobody learned from."""
        pairs = harm_pairs(WORLD, 20, is_held_out=True)
        assert pairs
        assert all(one.first != one.second for one in pairs)

    def test_are_of_different_requests_for_different_uses(self):
        """Who is asked for feedback, trains a policy or tests one sees other requests."""
        texts = [
            {one.text for one in requests(WORLD, "helpful", 40, name=name)}
            for name in ("people", "labelled", "policy", "asked")
        ]
        assert all(a != b for place, a in enumerate(texts) for b in texts[:place])

    def test_carry_the_crowds_odds(self):
        """Neither certain nor all the same."""
        odds = [one.p_first for one in peoples(WORLD, "helpful", 20)]
        assert all(0 < p < 1 for p in odds)
        assert np.ptp(odds) > 0.1


class TestEvidence:
    def test_gap_of_identity_is_to_the_worst_other(self):
        """Being below the mean is not being the least."""
        wins = {"power": np.array([1.0, 1.0]), "risk": np.array([0.0, 1.0])}
        assert identity_gap({**wins, IDENTITY: np.array([0.0, 0.0])}) == 0.5
        assert identity_gap({**wins, IDENTITY: np.array([1.0, 0.5])}) == -0.25

    def test_correlation_of_what_does_not_vary_is_none(self):
        """Rather than undefined."""
        assert correlation(np.ones(3), np.arange(3.0)) == 0
        assert correlation(np.arange(3.0), 2 * np.arange(3.0)) == pytest.approx(1)

    def test_smooths_over_what_is_known(self):
        """Steps without a risky question are left out."""
        nan = float("nan")
        assert smoothed((1.0, nan, 0.0), width=2) == [1.0, 1.0, 0.0]
        assert np.isnan(smoothed((nan,), width=2)).all()

    def test_names_are_told_apart(self):
        """One name a preference model."""
        names = [seen.HELP, seen.HH, seen.TRAIT, seen.SPECIAL, seen.BROAD, seen.DEALT]
        assert len(set(names)) == len(names)
