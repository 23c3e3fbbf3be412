"""Patching, against one forward pass with plain hooks for every patch."""

import pytest
import torch
from tests.interpret.hooks import clean_z, hooked_logits, patched_output
from tests.interpret.subjects import FAMILIES, graph, network, planned, token_ids

from glasshouse.errors import InputError
from glasshouse.interpret import (
    Metric,
    activation_patching,
    attribution_error,
    attribution_patching,
    log_probability,
    logit,
    logit_difference,
    mean_loss,
    path_patching,
)

METRIC = logit_difference([1, 2, 3], [4, 5, 6])
CLEAN, CORRUPTED = token_ids(3, 5), token_ids(3, 5, seed=9)


def difference(logits):
    rows = torch.arange(3)
    return (logits[rows, -1, [1, 2, 3]] - logits[rows, -1, [4, 5, 6]]).mean().item()


class TestMetrics:
    def test_by_hand(self):
        """Logits 1, 2, 4 at the last place; sweeps put an axis before the batch."""
        logits = torch.tensor([[[0.0, 0, 0], [1, 2, 4]]])
        for shape in (logits, logits.expand(7, 1, 2, 3)):
            last = shape[..., -1, :]
            assert (logit_difference(2, 0).of(last) == 3).all()
            assert (logit([1]).of(last) == 2).all()
            expected = 4 - torch.tensor([1.0, 2, 4]).logsumexp(0)
            assert torch.allclose(log_probability(2).of(last), expected)
            both = mean_loss(torch.tensor([[1, 2]]), last=2).of(shape)
            assert torch.allclose(both, (torch.tensor(3.0).log() - expected) / 2)
            first = mean_loss(torch.tensor([[1, 2]])).of(shape)
            assert torch.allclose(first, torch.tensor(3.0).log())
            assert first.shape == shape.shape[:-2]

    def test_refuses_a_word_of_two_tokens(self):
        """Two ids for one prompt are no one token."""
        with pytest.raises(InputError, match=r"2 token ids for 1 prompt\(s\)"):
            logit([1, 2]).of(torch.zeros(1, 5))


class TestActivationPatching:
    @pytest.mark.parametrize("variant", FAMILIES)
    def test_patches_heads_like_hooks(self, variant):
        """Every head at every place of one layer, and all places at once."""
        model, own = network(variant), clean_z(network(variant), CLEAN)
        found = activation_patching(
            graph(variant),
            CLEAN,
            CORRUPTED,
            METRIC,
            site="blocks.*.attn.z",
            over=("head", "pos"),
            batch_size=20,
        )
        assert found.values.shape == (2, 4, 5)
        for head, pos in [(0, 0), (3, 2), (2, 4)]:

            def put(layer, z, head=head, pos=pos):
                z = z.clone()
                z[:, pos, head] = own[layer][:, pos, head]
                return z

            logits = hooked_logits(model, CORRUPTED, [(1, head)], put)
            assert found.values[1, head, pos].item() == pytest.approx(difference(logits), abs=1e-5)
        assert found.clean == pytest.approx(difference(model(CLEAN).detach()), abs=1e-5)
        assert found.corrupted == pytest.approx(difference(model(CORRUPTED).detach()), abs=1e-5)

    def test_patches_outputs_like_hooks(self):
        """Attention's and MLP's outputs, place by place."""
        for part in ("attn", "mlp"):
            found = activation_patching(
                graph("gpt"), CLEAN, CORRUPTED, METRIC, site=f"blocks.*.{part}.out", over="pos"
            )
            logits = patched_output(network("gpt"), f"blocks.0.{part}", CLEAN, CORRUPTED, pos=3)
            assert found.values[0, 3].item() == pytest.approx(difference(logits), abs=1e-5)

    def test_names_each_patch(self):
        """Addresses say what was replaced; the last residual stream at the last place is all."""
        found = activation_patching(
            graph("gpt"), CLEAN, CORRUPTED, METRIC, site="blocks.*.resid_post"
        )
        assert found.addresses[-1] == "blocks.1.resid_post[pos=4]"
        assert found.recovered[-1, -1].item() == pytest.approx(1, abs=1e-4)
        assert torch.allclose(found.recovered[-1, :-1], torch.zeros(4), atol=1e-4)
        address, change = found.top(1)[0]
        largest = found.change.abs().argmax().item()
        assert (address, change) == (
            found.addresses[largest],
            found.change.flatten()[largest].item(),
        )

    def test_patches_patterns_and_whole_values(self):
        """A row of attention; with no axis, everything at once."""
        options = {"site": "blocks.1.attn.pattern"}
        found = activation_patching(
            graph("gpt"), CLEAN, CORRUPTED, METRIC, over=("head", "query"), **options
        )
        assert found.values.shape == (1, 4, 5)
        assert torch.allclose(found.change[:, :, 0], torch.zeros(4), atol=1e-5)
        embeds = activation_patching(graph("gpt"), CLEAN, CORRUPTED, METRIC, site="embed", over=())
        assert embeds.recovered.tolist() == pytest.approx([1])

    def test_counts_axes_that_have_no_names(self):
        """A module's own path, as a captured stranger has them."""
        by_name = activation_patching(
            graph("gpt"), CLEAN, CORRUPTED, METRIC, site="blocks.0.mlp.down", over=1
        )
        expected = activation_patching(
            graph("gpt"), CLEAN, CORRUPTED, METRIC, site="blocks.0.mlp.out"
        )
        assert by_name.addresses[2] == "blocks.0.mlp.down[:, 2]"
        assert torch.allclose(by_name.values, expected.values, atol=1e-6)

    def test_refuses_metrics_that_mix_prompts(self):
        """Or that take the patches' axis for the prompts'."""
        for of in (lambda x: x.mean(), lambda x: x[:, 2]):
            with pytest.raises(InputError, match="one number for each prompt"):
                activation_patching(graph("gpt"), CLEAN, CORRUPTED, Metric("logits[pos=-1]", of))

    def test_cannot_recover_what_was_not_lost(self):
        """The same prompts twice: a share of nothing."""
        found = activation_patching(graph("gpt"), CLEAN, CLEAN, METRIC)
        with pytest.raises(InputError, match="nothing to recover"):
            found.recovered  # noqa: B018

    @pytest.mark.parametrize(
        ("corrupted", "over", "said"),
        [
            (CORRUPTED[:, :4], "pos", "equally long"),
            (CORRUPTED, "head", "blocks.0.resid_pre has no axis 'head'; its axes are batch, pos"),
            (CORRUPTED, "batch", "axis 0 is the prompts"),
        ],
    )
    def test_refuses(self, corrupted, over, said):
        """Prompts that do not pair, axes that are not there or not to be cut."""
        with pytest.raises(InputError, match=said):
            activation_patching(graph("gpt"), CLEAN, corrupted, METRIC, over=over)


class TestPathPatching:
    @pytest.mark.parametrize("variant", FAMILIES)
    def test_direct_path_moves_the_logits_alone(self, variant):
        """A head of the last layer reaches them directly, so patching it whole is the same, but
        for the MLP behind it, which is frozen (or not there, where blocks are parallel)."""
        heads = path_patching(graph(variant), CLEAN, CORRUPTED, METRIC)
        assert heads.values.shape == (2, 4)
        found = graph(variant).run(
            CORRUPTED, fetch=["blocks.1.attn.out", "blocks.1.resid_post", "final_norm"]
        )
        own = clean_z(network(variant), CLEAN)[0]
        with torch.no_grad():
            z = clean_z(network(variant), CORRUPTED)[0]
            moved = z.clone()
            moved[:, :, 2] = own[:, :, 2]
            out = network(variant).blocks[0].attn.out
            x = found["blocks.1.resid_post"] + out(moved.flatten(2)) - out(z.flatten(2))
            logits = network(variant).unembed(network(variant).final_norm(x))
        assert heads.values[0, 2].item() == pytest.approx(difference(logits), abs=1e-5)

    def test_reaches_a_receiver_as_by_hand(self):
        """Head (0, 1) to the queries of head (1, 2): its difference goes through the norm and the
        query map, and from there the run goes on."""
        model, sender, receiver = network("gpt"), (0, 1), "blocks.1.attn.q[head=2]"
        found = path_patching(
            graph("gpt"), CLEAN, CORRUPTED, METRIC, senders=[sender], receivers=receiver
        )
        block = model.blocks[1]
        run = graph("gpt").run(CORRUPTED, fetch=["blocks.1.resid_pre", "blocks.1.attn.q"])
        own, z = clean_z(model, CLEAN)[0], clean_z(model, CORRUPTED)[0]
        moved = z.clone()
        moved[:, :, 1] = own[:, :, 1]
        with torch.no_grad():
            out = model.blocks[0].attn.out
            x = run["blocks.1.resid_pre"] + out(moved.flatten(2)) - out(z.flatten(2))
            q = block.attn.q(block.attn_norm(x)).unflatten(-1, (4, -1))[:, :, 2]

            def hook(module, args, output):
                output = output.unflatten(-1, (4, -1)).clone()
                output[:, :, 2] = q
                return output.flatten(2)

            handle = block.attn.q.register_forward_hook(hook)
            logits = model(CORRUPTED)
            handle.remove()
        assert found.values.item() == pytest.approx(difference(logits), abs=1e-5)
        assert abs(found.change.item()) > 1e-4

    def test_lets_mlps_pass_it_on(self):
        """With MLPs thawed, the only path from the last head on is everything it does."""
        found = path_patching(
            graph("gpt"), CLEAN, CORRUPTED, METRIC, senders=[(1, 3)], through_mlps=True
        )
        whole = activation_patching(
            graph("gpt"), CLEAN, CORRUPTED, METRIC, site="blocks.1.attn.z", over="head"
        )
        assert found.values[0].item() == pytest.approx(whole.values[0, 3].item(), abs=1e-5)
        direct = path_patching(graph("gpt"), CLEAN, CORRUPTED, METRIC, senders=[(1, 3)])
        assert abs(direct.values[0].item() - found.values[0].item()) > 1e-4

    def test_takes_addresses_and_models_without_mlps(self):
        """An MLP's output, the embeddings, one place of a head."""
        found = path_patching(
            graph("positions in queries and keys"),
            CLEAN,
            CORRUPTED,
            METRIC,
            senders=["embed", "blocks.0.attn.z[head=3, pos=-1]", "blocks.1.attn.out"],
        )
        assert found.values.shape == (3,)
        assert found.addresses[1] == "blocks.0.attn.z[head=3, pos=-1]"

    def test_refuses_senders_that_write_nothing(self):
        """A query reaches nothing but its own head."""
        with pytest.raises(InputError, match=r"blocks.0.attn.q cannot send"):
            path_patching(graph("gpt"), CLEAN, CORRUPTED, METRIC, senders=["blocks.0.attn.q"])


class TestAttributionPatching:
    def test_is_the_gradient_times_the_difference(self):
        """By torch's own autograd, through a hook."""
        model, kept = network("gpt"), {}

        def keep(module, args, output):
            output.retain_grad()
            kept["out"] = output

        handle = model.blocks[0].mlp.register_forward_hook(keep)
        METRIC.of(model(CORRUPTED)[:, -1]).sum().backward()
        handle.remove()
        model.zero_grad()
        clean = graph("gpt").run(CLEAN, fetch="blocks.0.mlp.out")["blocks.0.mlp.out"]
        change = ((clean - kept["out"].detach()) * kept["out"].grad).sum(-1).mean(0)
        found = attribution_patching(
            graph("gpt"), CLEAN, CORRUPTED, METRIC, site="blocks.0.mlp.out"
        )
        assert torch.allclose(found.change[0], change, atol=1e-5)

    def test_is_exact_where_the_model_is_linear(self):
        """The metric itself, and z of heads whose sum is read out by a linear map."""
        metric = Metric("logits[pos=-1]", lambda logits: logits[..., 1] - 2 * logits[..., 4])
        ids, other = torch.tensor([[1, 2, 1, 3, 2]]), torch.tensor([[4, 5, 6, 7, 8]])
        options = {"site": "blocks.*.attn.z", "over": ("head", "pos")}
        exact = activation_patching(planned(), ids, other, metric, **options)
        estimate = attribution_patching(planned(), ids, other, metric, **options)
        error = attribution_error(estimate, exact)
        assert error.max_abs == pytest.approx(0, abs=1e-6)
        assert error.correlation == pytest.approx(1)
        assert error.table[0] == ("blocks.0.attn.z[head=2, pos=4]", -2, -2)
        assert error.table[1] == ("blocks.0.attn.z[head=0, pos=4]", 1, 1)

    @pytest.mark.parametrize("over", ["pos", ("head", "pos"), ("pos", "head")])
    def test_tells_its_error(self, over):
        """Near where the prompts differ little, far where they differ much; the table says all."""
        site = "blocks.*.attn.z"
        exact = activation_patching(graph("gpt"), CLEAN, CORRUPTED, METRIC, site=site, over=over)
        estimate = attribution_patching(
            graph("gpt"), CLEAN, CORRUPTED, METRIC, site=site, over=over
        )
        assert estimate.values.shape == exact.values.shape
        error = attribution_error(estimate, exact)
        by_hand = (estimate.values - exact.values).abs().max().item()
        assert error.max_abs == pytest.approx(by_hand)
        assert error.correlation > 0.5
        name, estimated, real = error.table[0]
        place = exact.addresses.index(name)
        assert real == exact.change.flatten()[place].item()
        assert estimated == estimate.change.flatten()[place].item()

    def test_refuses_to_compare_other_patches(self):
        """An error between different things means nothing."""
        one = attribution_patching(graph("gpt"), CLEAN, CORRUPTED, METRIC, site="blocks.*.mlp.out")
        two = attribution_patching(graph("gpt"), CLEAN, CORRUPTED, METRIC)
        with pytest.raises(InputError, match="not the same"):
            attribution_error(one, two)
