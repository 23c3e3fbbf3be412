"""Policy training: rewards rise, nothing moves before the first update, and bad input is told."""

from dataclasses import replace

import pytest
import torch
from tests.align.policies.small import (
    END,
    PLAIN,
    PROMPTS,
    begins_well,
    count_wanted,
    make_judge,
    make_policy,
)

from glasshouse.align.policies import (
    PolicyConfig,
    RewardRules,
    UpdateRules,
    ValueRules,
    train_policy,
)
from glasshouse.align.policies.training import prompts_of_step
from glasshouse.errors import InputError
from glasshouse.training import ScheduleConfig


class TestTrainPolicy:
    @pytest.mark.parametrize("algorithm", ["ppo", "grpo", "rloo", "reinforce"])
    @pytest.mark.parametrize("precision", ["fp32", "bf16"])
    def test_raises_the_reward_of_a_bandit(self, algorithm, precision):
        """A reward that one word earns is learned, from a divergence of exactly nothing."""
        config = PolicyConfig(
            algorithm=algorithm,
            steps=40,
            prompts_per_step=8,
            replies_per_prompt=8,
            max_new_tokens=6,
            stop_ids=(),
            precision=precision,
            schedule=ScheduleConfig(peak_lr=1e-2, warmup_steps=0, shape="constant"),
        )
        steps = list(train_policy(make_policy(), PROMPTS * 2, begins_well, config))
        assert steps[0].kl == 0
        assert steps[0].kl_k3 == 0
        assert steps[0].clip_share == 0
        assert steps[0].drift < (1e-5 if precision == "fp32" else 0.02)
        assert steps[0].reward < 0.3
        # Machines round bf16 in their own ways, and so learn along paths of their own.
        assert sum(step.reward for step in steps[-10:]) / 10 > 0.6
        assert steps[-1].kl > 0.5
        assert steps[-1].entropy < steps[0].entropy

    def test_is_the_same_run_again(self):
        """Same seed, same machine, same bits; another seed, another run."""
        runs = []
        for seed in (0, 0, 1):
            policy = make_policy(std=0.3)
            steps = list(train_policy(policy, PROMPTS, count_wanted, replace(PLAIN, seed=seed)))
            runs.append([(step.loss, step.grad_norm, step.kl, step.scores) for step in steps])
        assert runs[0] == runs[1]
        assert runs[0] != runs[2]

    def test_tells_what_a_step_was_like(self):
        """Means over replies that the step hands on, and what was watched besides."""
        config = replace(PLAIN, stop_ids=(END, 1))
        policy = make_policy(std=0.3)
        [step, _] = train_policy(
            policy, PROMPTS, count_wanted, config,
            watch=lambda replies: {"evasive": sum(reply.ids[0] == 2 for reply in replies) / 12},
        )  # fmt: skip
        assert len(step.replies) == 12
        assert step.scores == count_wanted(list(step.replies)).tolist()
        assert step.reward == pytest.approx(sum(step.scores) / 12)
        assert step.length == sum(len(reply.ids) for reply in step.replies) / 12
        assert step.ended == sum(reply.ended for reply in step.replies) / 12
        assert step.watched["evasive"] >= 0
        assert step.value_loss is None
        assert {tuple(reply.prompt) for reply in step.replies} == {tuple(p) for p in PROMPTS}

    def test_leaves_the_reference_where_it_was(self):
        """Divergence is from the policy as it was at first, or from what is given."""
        policy, other = make_policy(std=0.3), make_policy(1, std=0.3)
        before = other.network.embed.weight.detach().clone()
        [step, _] = train_policy(policy, PROMPTS, count_wanted, PLAIN, reference=other)
        assert step.kl_k3 > 0.01
        assert torch.equal(other.network.embed.weight, before)

    def test_scales_rewards_by_what_they_were_before(self):
        """In ppo values are to be what rewards are less their first mean: about nothing."""
        config = replace(PLAIN, algorithm="ppo", steps=1, stop_ids=(), kl_weight=0.0)

        def far_away(replies):
            return count_wanted(replies) + 1000

        value_losses = {}
        for normalise in ("none", "centre", "scale"):
            rules = RewardRules(normalise=normalise)
            [step] = train_policy(
                make_policy(std=0.3), PROMPTS, far_away, replace(config, rewards=rules)
            )
            assert step.reward > 999
            value_losses[normalise] = step.value_loss
        assert value_losses["none"] > 1e4
        assert value_losses["centre"] < 10
        assert value_losses["scale"] < 3

    def test_never_scores_what_was_cut_off(self):
        """Whatever a judge says of a reply without an end, it is worth one spread less than the
        mean was.
        """
        config = replace(
            PLAIN, steps=1, stop_ids=(END, 1, 2), rewards=RewardRules(normalise="none")
        )

        def likes_no_end(replies):
            return torch.tensor([0.0 if reply.ended else 50.0 for reply in replies])

        [step] = train_policy(make_policy(std=0.3), PROMPTS, likes_no_end, config)
        assert 0 < step.ended < 1
        assert max(step.scores) == 50
        assert step.reward == pytest.approx(-(1 - step.ended))

    def test_begins_values_as_a_judge(self):
        """With a network of its own, which its losses train."""
        config = replace(PLAIN, algorithm="ppo", values=ValueRules(network="own"))
        judge = make_judge()
        before = judge.head.weight.detach().clone()
        first = next(
            train_policy(make_policy(), PROMPTS, count_wanted, config, values_from=judge)
        ).value_loss
        own = next(train_policy(make_policy(), PROMPTS, count_wanted, config)).value_loss
        assert first != own
        assert torch.equal(judge.head.weight, before)
        with pytest.raises(InputError, match="network='own'"):
            train_policy(
                make_policy(), PROMPTS, count_wanted, replace(PLAIN, algorithm="ppo"),
                values_from=judge,
            )  # fmt: skip
        with pytest.raises(InputError, match="grpo learns no values"):
            train_policy(make_policy(), PROMPTS, count_wanted, PLAIN, values_from=judge)

    def test_learns_values(self):
        """The value loss falls while the policy stands still, with its features or its own."""
        for network in ("own", "shared"):
            config = replace(
                PLAIN, algorithm="ppo", steps=40, kl_weight=0.0,
                values=ValueRules(network=network, lr_scale=1e4),
                optimizer=replace(PLAIN.optimizer, epsilon=1e-8),
                schedule=replace(PLAIN.schedule, peak_lr=1e-6),
            )  # fmt: skip
            steps = list(train_policy(make_policy(std=0.3), PROMPTS, always_3, config))
            assert steps[0].value_loss > 2
            assert steps[-1].value_loss < 0.5


def always_3(replies):
    return torch.full((len(replies),), 3.0)


class TestRefusals:
    def test_refuses_what_cannot_train(self):
        """Too few prompts; no reply that ends; no token that could end one."""
        with pytest.raises(InputError, match="3 prompts are fewer than the prompts_per_step=4"):
            train_policy(make_policy(), PROMPTS[:3], count_wanted, PLAIN)
        policy = make_policy()
        with torch.no_grad():  # logits of 0 for all but the end, which gets the lowest
            policy.network.final_norm.weight.zero_()
            policy.network.final_norm.bias.fill_(1.0)
            policy.network.embed.weight[1:] = 0
            policy.network.embed.weight[END] = -9
        with pytest.raises(InputError, match="no reply of the untrained policy ends"):
            next(train_policy(policy, PROMPTS, count_wanted, PLAIN))


class TestPromptsOfStep:
    def test_takes_all_in_turn(self):
        """Ten prompts, four a step: each once in every round, in orders of their own."""
        config = replace(PLAIN, prompts_per_step=4)
        taken = [place for step in range(5) for place in prompts_of_step(10, config, step)]
        assert sorted(taken[:10]) == sorted(taken[10:]) == list(range(10))
        assert taken[:10] != taken[10:]


class TestPolicyConfig:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"replies_per_prompt": 1}, "replies_per_prompt=1 must be 2 or more"),
            ({"steps": 0}, "steps=0"),
            ({"temperature": 0.0}, "temperature=0.0 must be positive"),
            ({"kl_weight": -1.0}, "kl_weight=-1.0"),
            ({"update": UpdateRules(minibatches=13)}, "13 minibatches of 12 replies"),
            ({"stop_ids": (99,)}, "stop_ids holds 99"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, change, said):
        """Named with the value, at birth where it can be seen there."""
        with pytest.raises(InputError, match=said):
            next(train_policy(make_policy(), PROMPTS, count_wanted, replace(PLAIN, **change)))

    def test_refuses_groups_that_cannot_be_meant(self):
        """Each group knows its own limits."""
        for make in (
            lambda: RewardRules(truncated_value=1.0),
            lambda: RewardRules(kl_limit=0.0),
            lambda: UpdateRules(clip=0.0),
            lambda: UpdateRules(epochs=0),
            lambda: ValueRules(trace=1.5),
            lambda: ValueRules(weight=-1.0),
        ):
            with pytest.raises(InputError):
                make()
