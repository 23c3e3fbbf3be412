"""What a network makes of replies: its own numbers, however they are computed."""

import pytest
import torch
from tests.align.policies.small import WORDS, make_policy
from tests.align.policies.test_sampling import OF_EACH, SHAPES, draw

from glasshouse.align.policies.reading import in_parts, read, rows_of, token_logprobs


def plain_logprobs(policy, reply, temperature=1.0):
    """One reply alone, by the network's modules."""
    logits = policy.network(torch.tensor([reply.whole]))[0] / temperature
    own = logits.log_softmax(dim=1)[len(reply.prompt) - 1 : -1]
    return own.gather(1, torch.tensor(reply.ids)[:, None])[:, 0]


class TestRead:
    @pytest.mark.parametrize("name", SHAPES)
    def test_agrees_with_the_networks_modules(self, name):
        """Log-probabilities and gradients, whether prompts can be shared or not; prompts and
        replies of all lengths, some of one token.
        """
        policy = make_policy(config=SHAPES[name], std=0.3)
        replies = draw(policy, OF_EACH)
        assert {len(reply.ids) for reply in replies} > {1}
        network = policy.network
        rows = rows_of(replies, torch.device("cpu"))
        weights = torch.linspace(-1, 1, rows.is_reply.numel()).view(rows.is_reply.shape)
        found = read(network, rows, temperature=0.7, precision="fp32").logprobs
        (found * weights).sum().backward()
        gradients = {name: p.grad.clone() for name, p in network.named_parameters()}
        network.zero_grad()
        total = torch.zeros(())
        for place, reply in enumerate(replies):
            expected = plain_logprobs(policy, reply, 0.7)
            assert torch.allclose(found[place, : len(reply.ids)], expected, atol=2e-6)
            assert not found[place, len(reply.ids) :].any()
            total = total + (expected * weights[place, : len(reply.ids)]).sum()
        total.backward()
        for name, parameter in network.named_parameters():
            assert torch.allclose(gradients[name], parameter.grad, atol=2e-5), name

    @pytest.mark.parametrize("name", ["gpt", "smeared"])
    def test_is_the_same_in_parts(self, name):
        """Rows have nothing to do with each other."""
        policy = make_policy(config=SHAPES[name], std=0.3)
        rows = rows_of(draw(policy, OF_EACH), torch.device("cpu"))

        def read_part(part):
            return read(policy.network, part, temperature=1.0, precision="fp32")

        whole = in_parts(rows, read_part)
        assert len(rows.parts(12)) > 2
        for one, other in zip(in_parts(rows, read_part, most=12)[:2], whole[:2], strict=True):
            assert torch.allclose(one, other, atol=1e-6)

    def test_has_the_same_bits_with_and_without_gradients(self):
        """So that a policy that has not moved is exactly where its reference is."""
        policy = make_policy(std=0.3)
        rows = rows_of(draw(policy, OF_EACH), torch.device("cpu"))
        for precision in ("fp32", "bf16"):
            found = read(policy.network, rows, temperature=1.0, precision=precision)
            with torch.no_grad():
                again = read(policy.network, rows, temperature=1.0, precision=precision)
            assert torch.equal(found.logprobs, again.logprobs)

    def test_is_near_in_bf16(self):
        """Products in bf16, logits and log-probabilities in float32."""
        policy = make_policy(std=0.3)
        rows = rows_of(draw(policy, OF_EACH), torch.device("cpu"))
        exact, near = (
            read(policy.network, rows, temperature=1.0, precision=precision).logprobs
            for precision in ("fp32", "bf16")
        )
        assert 0 < (exact - near).abs().max() < 0.1


class TestTokenLogprobs:
    def test_agrees_with_torch(self):
        """Values, entropies and gradients against log_softmax's, at extreme logits too."""
        chance = torch.Generator().manual_seed(0)
        logits = (40 * torch.randn(50, len(WORDS), generator=chance)).requires_grad_()
        tokens = torch.randint(len(WORDS), (50,), generator=chance)
        weights = torch.randn(50, generator=chance)
        logprobs, entropy = token_logprobs(logits, tokens)
        (logprobs * weights).sum().backward()
        gradient, logits.grad = logits.grad, None
        all_of_them = logits.log_softmax(dim=1)
        expected = all_of_them.gather(1, tokens[:, None])[:, 0]
        (expected * weights).sum().backward()
        assert torch.allclose(logprobs, expected, atol=2e-5)
        assert torch.allclose(gradient, logits.grad, atol=1e-6)
        assert torch.allclose(entropy, -(all_of_them.exp() * all_of_them).sum(dim=1), atol=2e-5)
