"""One whole update against an implementation written a second time, token by token."""

import copy
from dataclasses import replace

import pytest
import torch
from tests.align.policies.small import END, PLAIN, PROMPTS, count_wanted, make_policy

from glasshouse.align.policies import UpdateRules, ValueRules, train_policy
from glasshouse.align.policies.config import PolicyConfig, RewardRules


def reply_logits(network, reply, temperature):
    return network(torch.tensor([reply.whole]))[0][len(reply.prompt) - 1 : -1] / temperature


def reply_logprobs(network, reply, temperature):
    """Log-probabilities of one reply's tokens."""
    logits = reply_logits(network, reply, temperature)
    normaliser = logits.exp().sum(dim=1).log()
    return (
        torch.stack([row[token] for row, token in zip(logits, reply.ids, strict=True)]) - normaliser
    )


def compared(rewards, config: PolicyConfig):
    """What each reply was worth beyond others, written out."""
    found = []
    size = config.replies_per_prompt
    for place, reward in enumerate(rewards):
        first = place // size * size
        others = [r for at, r in enumerate(rewards[first : first + size], first) if at != place]
        group = [*others, reward]
        if config.algorithm == "rloo":
            found.append(reward - sum(others) / len(others))
        elif config.algorithm == "reinforce":
            rest = [r for at, r in enumerate(rewards) if at != place]
            found.append(reward - sum(rest) / len(rest))
        else:
            mean = sum(group) / size
            spread = (sum((r - mean) ** 2 for r in group) / (size - 1)) ** 0.5
            found.append(
                (reward - mean) / ((spread + 1e-4) if config.update.divide_by_spread else 1)
            )
    return found


def plain_batch(policy, reference, replies, scores, config, head=None):
    """Old log-probabilities, advantages and value targets, a list a reply."""
    old = [reply_logprobs(policy, r, config.temperature).detach() for r in replies]
    ref = [reply_logprobs(reference, r, config.temperature).detach() for r in replies]
    costs = [
        config.kl_weight * (o - r) * (config.rewards.kl == "reward")
        for o, r in zip(old, ref, strict=True)
    ]
    if config.algorithm != "ppo":
        rewards = [float(s - c.sum()) for s, c in zip(scores, costs, strict=True)]
        worth = compared(rewards, config)
        return old, ref, [torch.full_like(o, w) for o, w in zip(old, worth, strict=True)], None
    advantages, targets = [], []
    for reply, score, cost in zip(replies, scores, costs, strict=True):
        features = policy.features(torch.tensor([reply.whole]))[0][len(reply.prompt) - 1 : -1]
        values = [*(features @ head.weight[0] + head.bias).tolist(), 0.0]
        rewards = [-float(c) for c in cost]
        rewards[-1] += float(score)
        gamma, trace = config.values.discount, config.values.trace
        later, own = 0.0, []
        for at in reversed(range(len(reply.ids))):
            later = rewards[at] + gamma * values[at + 1] - values[at] + gamma * trace * later
            own.insert(0, later)
        advantages.append(torch.tensor(own))
        targets.append(torch.tensor(own) + torch.tensor(values[:-1]))
    if config.whitens:
        flat = torch.cat(advantages)
        mean, spread = flat.mean(), flat.var(correction=0).add(1e-8).sqrt()
        advantages = [(own - mean) / spread for own in advantages]
    return old, ref, advantages, targets


def plain_loss(policy, replies, batch, config: PolicyConfig, head=None, old_values=None):
    """The loss of some replies, by hand."""
    rules, per_reply, values = config.update, [], []
    above = rules.clip if rules.clip_above is None else rules.clip_above
    for place, reply in enumerate(replies):
        old, ref, advantage = (batch[at][place] for at in range(3))
        new = reply_logprobs(policy, reply, config.temperature)
        if rules.ratio == "reply":
            ratio = (new.sum() - old.sum()).exp()
            worth = advantage.mean()
            own = -torch.min(ratio * worth, ratio.clamp(1 - rules.clip, 1 + above) * worth)
            per_reply.append(own[None] / len(reply.ids) + 0 * new)
        else:
            ratio = (new - old).exp()
            clamped = ratio.clamp(1 - rules.clip, 1 + above)
            per_reply.append(-torch.min(ratio * advantage, clamped * advantage))
        if config.rewards.kl == "loss":
            gap = ref - new
            per_reply[-1] = per_reply[-1] + config.kl_weight * (gap.exp() - 1 - gap)
        if head is not None:
            features = policy.features(torch.tensor([reply.whole]))[0][len(reply.prompt) - 1 : -1]
            value = features @ head.weight[0] + head.bias
            target = batch[3][place]
            before = old_values[place]
            held = before + (value - before).clamp(-config.values.clip, config.values.clip)
            values.append(0.5 * torch.max((value - target) ** 2, (held - target) ** 2))
    tokens = torch.cat(per_reply)
    if rules.ratio == "reply":
        loss = torch.stack([own.sum() for own in per_reply]).mean()
    elif config.average == "token":
        loss = tokens.mean()
    elif config.average == "reply":
        loss = torch.stack([own.mean() for own in per_reply]).mean()
    else:
        loss = tokens.sum() / (len(replies) * config.max_new_tokens)
    return loss if head is None else loss + config.values.weight * torch.cat(values).mean()


CONFIGS = {
    "grpo": PLAIN,
    "grpo in the loss": replace(PLAIN, rewards=replace(PLAIN.rewards, kl="loss")),
    "dr grpo": replace(PLAIN, update=UpdateRules(divide_by_spread=False, average="constant")),
    "grpo by tokens, warm": replace(PLAIN, temperature=0.7, update=UpdateRules(average="token")),
    "rloo": replace(PLAIN, algorithm="rloo"),
    "rloo of replies": replace(
        PLAIN, algorithm="rloo", update=UpdateRules(ratio="reply", epochs=3)
    ),
    "reinforce": replace(PLAIN, algorithm="reinforce"),
    "three epochs": replace(PLAIN, update=UpdateRules(epochs=3, clip=0.05, clip_above=0.1)),
    "ppo": replace(PLAIN, algorithm="ppo"),
    "ppo in three epochs": replace(
        PLAIN,
        algorithm="ppo",
        update=UpdateRules(epochs=3, clip=0.01),
        values=ValueRules(weight=0.5, clip=0.01, trace=0.8, discount=0.9, lr_scale=1.0),
    ),
    "ppo unwhitened": replace(PLAIN, algorithm="ppo", update=UpdateRules(whiten=False)),
}


class TestUpdate:
    @pytest.mark.parametrize("name", CONFIGS)
    def test_agrees_with_one_written_token_by_token(self, name):
        """The weights after the first step, from the same replies, are the same; the second step's
        divergence is what moved.
        """
        config = replace(CONFIGS[name], stop_ids=(END, 1))
        policy = make_policy(std=0.3)
        plain, reference = copy.deepcopy(policy.network), copy.deepcopy(policy.network)
        head = torch.nn.Linear(16, 1)
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
        steps = train_policy(policy, PROMPTS, count_wanted, config)
        first = next(steps)
        is_ppo = config.algorithm == "ppo"
        with torch.no_grad():
            batch = plain_batch(
                plain, reference, first.replies, first.scores, config, head if is_ppo else None
            )
        old_values = [torch.zeros(len(reply.ids)) for reply in first.replies]
        optimizers = [
            torch.optim.AdamW(part.parameters(), lr=0.1 * scale, eps=1.0, weight_decay=0.0,
                              betas=(config.optimizer.beta1, config.optimizer.beta2))
            for part, scale in ((plain, 1.0), (head, config.values.lr_scale))
        ]  # fmt: skip
        losses = []
        for _ in range(config.update.epochs):
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss = plain_loss(
                plain, first.replies, batch, config, head if is_ppo else None, old_values
            )
            loss.backward()
            losses.append(loss.item())
            for optimizer in optimizers:
                optimizer.step()
        for (name_of, ours), theirs in zip(
            policy.network.named_parameters(), plain.parameters(), strict=True
        ):
            assert torch.allclose(ours, theirs, atol=1e-6, rtol=0), name_of
        moved = max(
            float((a - b).detach().abs().max())
            for a, b in zip(plain.parameters(), reference.parameters(), strict=True)
        )
        assert moved > 1e-3
        told = first.loss + config.values.weight * (first.value_loss or 0.0)
        assert told == pytest.approx(sum(losses) / len(losses), abs=1e-6)
        second = next(steps)
        with torch.no_grad():
            gaps = [
                float(
                    (
                        reply_logprobs(plain, reply, config.temperature)
                        - reply_logprobs(reference, reply, config.temperature)
                    ).sum()
                )
                for reply in second.replies
            ]
        assert second.kl == pytest.approx(sum(gaps) / len(gaps), abs=1e-5)

    def test_counts_every_reply_once_in_minibatches(self):
        """Four minibatches of one prompt each are four updates, whose order is the seed's."""
        config = replace(PLAIN, algorithm="rloo", steps=1, update=UpdateRules(minibatches=4))
        ends = []
        for seed in (0, 0, 1):
            policy = make_policy(std=0.3)
            list(train_policy(policy, PROMPTS, count_wanted, replace(config, seed=seed)))
            ends.append(policy.network.embed.weight.detach().clone())
        assert torch.equal(ends[0], ends[1])
        assert not torch.equal(ends[0], ends[2])

    def test_reads_once_what_it_would_read_twice(self, monkeypatch):
        """Where one update follows, old and new log-probabilities are one reading; to the bit."""
        from glasshouse.align.policies import training

        ends = []
        for once in (True, False):
            if not once:
                monkeypatch.setattr(training, "read_once", lambda *given: None)
            policy = make_policy(std=0.3)
            list(train_policy(policy, PROMPTS, count_wanted, replace(PLAIN, algorithm="ppo")))
            ends.append(policy.network.embed.weight.detach().clone())
        assert torch.equal(*ends)

    def test_leaves_replies_that_were_cut_off_out_of_the_loss(self):
        """Their tokens have no gradient, whatever they are said to be worth."""
        rewards = RewardRules(normalise="none", truncated="leave-out")
        config = replace(PLAIN, algorithm="rloo", steps=1, kl_weight=0.0, rewards=rewards)
        ends = []
        for bonus in (0.0, 100.0):

            def reward(replies, bonus=bonus):
                cut = torch.tensor([0.0 if reply.ended else bonus for reply in replies])
                return count_wanted(replies) + cut

            policy = make_policy(std=0.3)
            [step] = train_policy(policy, PROMPTS, reward, replace(config, stop_ids=(END, 1, 2)))
            assert 0 < step.ended < 1
            ends.append(policy.network.embed.weight.detach().clone())
        assert torch.equal(*ends)
