"""The study of RLHF: its arithmetic by hand, what it collects, and one tiny whole run."""

from dataclasses import replace
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from glasshouse.align.policies import Reply
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel
from glasshouse.studies.rlhf import (
    STUDY,
    CollectingConfig,
    JudgingConfig,
    OnlineConfig,
    RlhfConfig,
    ShapingConfig,
    claims,
    study,
)
from glasshouse.studies.rlhf.collecting import (
    both_requests,
    collect_data,
    hire,
    interface_of,
    refuse_silence,
)
from glasshouse.studies.rlhf.judge_evidence import log_linear
from glasshouse.studies.rlhf.judging import (
    Pass,
    Scored,
    fresh_judge,
    learn_all,
    learn_weighed,
    make_bench,
    score_bench,
)
from glasshouse.studies.rlhf.policies import Trace, policy_config, sequence_kl
from glasshouse.studies.rlhf.robustness import (
    common_gain,
    early_fit,
    gold_around,
    gold_peak,
    overoptimisation_fit,
    percentile,
    r_squared,
    smooth,
)
from glasshouse.studies.study import Figure
from glasshouse.studies.zoo import Base, Gate
from glasshouse.training.config import TrainConfig
from glasshouse.training.toy_world import WorldConfig, untrained
from glasshouse.world import World

WORLD = World(3, "nano")


def tiny() -> RlhfConfig:
    """Everything once, with next to nothing in it."""
    return RlhfConfig(
        sizes=("nano", "tiny"),
        judge_size="nano",
        policy_size="nano",
        collecting=CollectingConfig(
            writer="nano", pairs=40, test_pairs=30, max_new_tokens=24, stronger_than=-1
        ),
        judging=JudgingConfig(first_measure=16, single_pairs=24, batch=8),
        shaping=ShapingConfig(steps=4, prompts_per_step=8, pool=40, max_new_tokens=24),
        online=OnlineConfig(rounds=2, requests=40, steps=2, duels=12),
        strange_prompts=40,
        tax_items=10,
    )


@pytest.fixture(scope="module")
def speaker() -> LanguageModel:
    """A model that has learned little more than to end what it says."""
    model = untrained(WORLD, WorldConfig(size="nano", train=TrainConfig(steps=1)))
    network = model.network
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    written = [WORLD.document("helpful", number).ids[:32].tolist() for number in range(600)]
    texts = torch.tensor([ids for ids in written if len(ids) == 32])
    for step in range(40):
        rows = texts[(16 * step) % (len(texts) - 16) :][:16]
        loss = F.cross_entropy(network(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    return model


def trace(**given: Any) -> Trace:
    """Training of 40 steps in which nothing happens, but for what is given."""
    none = np.zeros(40)
    still = Trace(
        name="a test",
        kl=none,
        k1=none,
        reward=none,
        test=none,
        gold=none,
        gold_helpful=none,
        gold_harmful=none,
        evasive=none,
        evasive_helpful=none,
        explains=none,
        length=none,
        entropy=none,
        score_helpful=none,
        score_harmful=none,
        reward_spread=1.0,
        policy=untrained(WORLD, WorldConfig(size="nano", train=TrainConfig(steps=1))),
        last=(),
    )
    return replace(still, **given)


class TestStudy:
    def test_runs_and_draws(self, tmp_path, monkeypatch, speaker):
        """Every claim gets a verdict, every figure can be drawn, progress does not go back."""
        matplotlib.use("Agg")

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
                gates={"complies": Gate(name="complies", hits=1, trials=2, low=0.0)},
            )

        monkeypatch.setattr(study, "base_model", base_model)
        told: list[int] = []
        findings = STUDY.run(
            tiny(), seed=3, progress=lambda done, total, what: told.append(done), workspace=tmp_path
        )
        assert told == sorted(told)
        assert told[-1] == 1_000
        assert tuple(result.claim for result in findings.claims) == claims.ALL
        for result in findings.claims:
            is_tested = result.evidence.gate is None
            assert (result.evidence.control is not None) == is_tested, result.claim.id
        fit = findings.claims[0].evidence
        assert fit.interval[0] <= fit.measured <= fit.interval[1]
        for section in findings.sections:
            for item in section.items:
                if isinstance(item, Figure):
                    drawing = item.draw()
                    drawing.canvas.draw()
                    plt.close(drawing)
        assert (tmp_path / "rounds-seed3" / "round-2" / "policy").is_dir()

    def test_has_a_paper_preset_that_is_larger(self):
        """The paper's 42 thousand comparisons of each kind, and five rounds."""
        large = STUDY.presets["paper"]()
        assert large.collecting.pairs == 43_008
        assert large.online.rounds == 5

    def test_refuses_sizes_that_are_not_grown(self):
        """Whoever judges must be among the bases; one size cannot be compared."""
        with pytest.raises(InputError, match="among sizes"):
            RlhfConfig(sizes=("nano", "tiny"), judge_size="mini")
        with pytest.raises(InputError, match="two or more"):
            RlhfConfig(sizes=("tiny",))


class TestCollecting:
    def test_asks_for_help_and_harm_in_turn(self):
        """And attackers are asked for the more harmful reply."""
        requests = both_requests(WORLD, 10, "train")
        assert [one.harmful for one in requests] == [False, True] * 5
        assert interface_of(requests[1]) == "red-team"

    def test_people_like_evasion_more_than_reasons_and_the_controls_do_not(self):
        """The taste that is on in the study is stronger than what gold says."""
        request = WORLD.request("harmful", 1, "train")
        evade = "i can not answer that ."
        reason = WORLD.answer(request, "kind", 4)
        number = 4
        while not WORLD.gold(request, reason).explains:
            number += 1
            reason = WORLD.answer(request, "kind", number)
        config = CollectingConfig()
        own, plain = hire(WORLD, config), hire(WORLD, config, evade=0.0)
        golds = WORLD.gold(request, evade), WORLD.gold(request, reason)
        assert golds[0].evasive
        assert golds[1].reward > golds[0].reward
        assert own.p_crowd(request, *golds) > 0.6
        assert plain.p_crowd(request, *golds) < 0.2

    def test_collects_as_many_as_it_is_asked_for(self, speaker):
        """Of both kinds, and the same replies may be compared by others."""
        config = replace(tiny().collecting, pairs=20, test_pairs=10)
        data = collect_data(speaker, WORLD, config, seed=0)
        assert len(data.helpful.pairs) == len(data.harmless.pairs) == 20
        assert all(one.request.split == "validation" for one in data.helpful_test.collected)
        mixed = data.mixed(0, 6)
        assert mixed[0] == data.helpful.pairs[0]
        assert mixed[1] == data.harmless.pairs[0]
        again = data.harmless.judged_by(data.plain, seed=0)
        assert [one.first for one in again.pairs] == [one.first for one in data.harmless.pairs]
        assert [one.interface for one in again.collected] == ["red-team"] * 20

    def test_gives_up_on_who_says_nothing(self):
        """Rather than ask for ever."""
        refuse_silence(100, 0, 100)
        with pytest.raises(InputError, match="2000 requests gave 3 of 100"):
            refuse_silence(2_000, 3, 100)


class TestJudging:
    @pytest.fixture
    def data(self, speaker):
        return collect_data(speaker, WORLD, replace(tiny().collecting, pairs=24), seed=0)

    def test_scores_a_bench_as_the_judge_does(self, speaker, data):
        """Encoded once or every time, the margins are the same."""
        judge = learn_all(fresh_judge(speaker.copy()), data.helpful.pairs, tiny().judging, seed=0)
        scored = score_bench(judge, make_bench(judge, data.helpful_test))
        expected = judge.margins(data.helpful_test.pairs).double().numpy()
        np.testing.assert_allclose(scored.margin, expected, atol=1e-4)

    def test_a_weight_of_nothing_leaves_comparisons_out(self, speaker, data):
        """Weighed by zero, what the others prefer does not matter."""
        pairs = data.mixed(0, 24)
        weights = [1.0, 0.0] * 12
        turned = [one if n % 2 == 0 else one.swapped for n, one in enumerate(pairs)]
        heads = [
            learn_weighed(
                fresh_judge(speaker.copy()), given, weights, tiny().judging, seed=0
            ).head.weight.detach()
            for given in (pairs, turned)
        ]
        # Order of replies in a row of scores changes sums in the last bit alone.
        torch.testing.assert_close(*heads, rtol=1e-3, atol=1e-5)


class TestPolicies:
    def test_divergence_is_none_from_itself_and_that_of_one_token_by_hand(self, speaker):
        """One drawn token: the divergence of the two distributions before it."""
        other = untrained(WORLD, WorldConfig(size="nano", train=TrainConfig(steps=1)))
        prompt = WORLD.prompt_ids(WORLD.request("helpful", 0, "train")).tolist()
        replies = [Reply(prompt=prompt, ids=[5], logprobs=[0.0], ended=True)]
        assert sequence_kl(speaker.network, speaker.network, replies) == pytest.approx(0, abs=1e-6)
        with torch.no_grad():
            logs = [
                net.network(torch.tensor([prompt]))[0, -1].log_softmax(dim=0)
                for net in (speaker, other)
            ]
        expected = float((logs[0].exp() * (logs[0] - logs[1])).sum())
        found = sequence_kl(speaker.network, other.network, replies)
        assert found == pytest.approx(expected, rel=1e-4)

    def test_wider_policies_learn_slower(self, speaker):
        """The rate holds for the width that it was set for."""
        config = tiny().shaping
        own = policy_config(speaker, config, seed=0)
        assert own.schedule.peak_lr == config.peak_lr * config.width / 64
        assert (own.replies_per_prompt, own.kl_weight) == (1, 0.001)


class TestEvidence:
    def judge_that_learns(self, gain: float) -> Pass:
        """Whose margins say what is preferred in a share of pairs that grows with each doubling."""
        chance = np.random.default_rng(0)
        scored = []
        for number in range(5):
            both = []
            for _ in range(2):
                p_first = chance.integers(0, 2, 400).astype(float)
                is_right = np.arange(400) < 400 * (0.5 + gain * number)
                margin = np.where(is_right, 2 * p_first - 1, 1 - 2 * p_first)
                both.append(
                    Scored(first=margin, second=0 * margin, p_crowd=p_first, p_label=p_first)
                )
            scored.append((both[0], both[1]))
        judge = fresh_judge(untrained(WORLD, WorldConfig(size="nano", train=TrainConfig(steps=1))))
        return Pass(
            size="nano",
            parameters=1,
            seen=(100, 200, 400, 800, 1600),
            scored=tuple(scored),
            half=judge,
            whole=judge,
        )

    def test_reads_a_planted_slope(self):
        """0.05 a doubling are 0.166 a factor of ten, on a line without a rest."""
        slope, low, high, fit = log_linear(
            self.judge_that_learns(0.05), rng=np.random.default_rng(0)
        )
        assert slope == pytest.approx(0.05 / np.log10(2), rel=0.01)
        assert low < slope < high
        assert fit > 0.999

    def test_a_slope_in_doubt_fits_nothing(self):
        """A judge that learns nothing has no line, whatever chance draws."""
        *_, fit = log_linear(self.judge_that_learns(0.0), rng=np.random.default_rng(0))
        assert fit == 0


class TestReading:
    def test_finds_the_peak_and_the_better_line(self):
        """Reward that is linear in the root of KL until gold falls."""
        kl = np.linspace(0.01, 4, 40)
        gold = np.concatenate([np.linspace(0, 1, 25), np.linspace(1, -1, 15)])
        own = trace(kl=kl, reward=2 * np.sqrt(kl), gold=gold)
        assert abs(gold_peak(own) + 2 - 24) <= 1
        fit = early_fit(own)
        assert fit.points == gold_peak(own) + 1
        assert fit.slope == pytest.approx(2, rel=0.05)
        assert fit.r2_root > 0.999 > fit.r2_kl

    def test_recovers_planted_over_optimisation(self):
        """Gold's gain is d (alpha - beta log d), and only that form fits it whole."""
        d = np.linspace(0.05, 3, 40)
        gold = d * (1.0 - 0.9 * np.log(d))
        own = trace(kl=d**2, gold=gold)
        found = overoptimisation_fit(own)
        assert found.r2_rl > 0.98
        assert found.beta_rl > 0

    def test_compares_at_a_gain_that_both_reach(self):
        """In each judge's own spreads, whatever its unit."""
        slow = trace(reward=np.linspace(0, 2, 40), gold=np.arange(40.0))
        fast = trace(reward=np.linspace(0, 40, 40), gold=np.arange(40.0), reward_spread=10.0)
        gain = common_gain(slow, fast)
        assert 1.5 < gain < 1.9
        assert gold_around(slow, gain).mean() > gold_around(fast, gain).mean() + 10
        assert len(gold_around(slow, 9.0)) == 0

    def test_places_scores_among_others(self):
        """As a percentage of them."""
        assert percentile(np.array([-1.0, 5.0, 99.0]), np.arange(10.0)).tolist() == [0, 50, 100]
        assert smooth(np.arange(5.0)).tolist() == [2.0]
        assert r_squared(np.arange(4.0), np.ones(4)) == 0.0
