"""Dictionaries of every kind: what they compute, learn, refuse and keep."""

import json
from dataclasses import replace

import pytest
import torch
from tests.interpret.dictionaries.planted import sparse_magnitudes
from torch import Tensor

from glasshouse.errors import InputError, RunError
from glasshouse.interpret.activations import shuffled_batches
from glasshouse.interpret.dictionaries import (
    BatchTopK,
    Coder,
    Dictionary,
    DictionaryConfig,
    DictionaryTrainer,
    DictionaryTrainingConfig,
    Gated,
    JumpReLU,
    Kind,
    ReLU,
    TopK,
    load_dictionary,
    save_dictionary,
    train_dictionaries,
    train_dictionary,
)
from glasshouse.interpret.dictionaries.losses import batch_topk, dictionary_loss
from glasshouse.interpret.dictionaries.metrics import mean_max_cosine, measure_rebuilding

FEATURES, WIDTH = 24, 12
KINDS: dict[str, Kind] = {
    "relu": ReLU(penalty=2.0),
    "unit": ReLU(penalty=0.5, decoder="unit"),
    "tied": ReLU(penalty=0.5, decoder="tied"),
    "topk": TopK(k=3),
    "matryoshka": TopK(k=3, prefixes=(0.5,)),
    "batchtopk": BatchTopK(k=3),
    "jumprelu": JumpReLU(penalty=0.1),
    "gated": Gated(penalty=4.0),
}


def rows(count: int = 4096, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Sparse sums of random directions, with a mean; and the directions."""
    chance = torch.Generator().manual_seed(77)
    directions = torch.nn.functional.normalize(
        torch.randn(FEATURES, WIDTH, generator=chance), dim=1
    )
    values = sparse_magnitudes(count, FEATURES, density=0.06, seed=seed) @ directions
    return values * 5 + 1, directions


def make(kind: Kind, *, latents: int = 32, seed: int = 0) -> Dictionary:
    config = DictionaryConfig(d_in=WIDTH, num_latents=latents, kind=kind, value="here")
    dictionary = Dictionary(config, generator=torch.Generator().manual_seed(seed))
    dictionary.fit_scale(rows()[0])
    return dictionary


def matched_latents(truth: Tensor, codes: Tensor) -> Tensor:
    """The latent that goes best with each true magnitude."""
    both = torch.corrcoef(torch.cat([truth.T, codes.T]))
    return both[: truth.shape[1], truth.shape[1] :].nan_to_num().argmax(dim=1)


def train(dictionary: Dictionary, steps: int = 300, **options) -> list:
    config = DictionaryTrainingConfig(steps=steps, lr=5e-3, **options)
    return list(train_dictionary(dictionary, shuffled_batches(rows()[0], 256, seed=0), config))


class TestDictionary:
    """One module for every kind."""

    @pytest.mark.parametrize("name", KINDS)
    def test_learns_to_rebuild(self, name):
        """Rows that it has not seen, with few latents."""
        dictionary = make(KINDS[name])
        before = measure_rebuilding(dictionary, rows(seed=9)[0]).explained_variance
        train(dictionary)
        found = measure_rebuilding(dictionary, rows(seed=9)[0])
        assert isinstance(dictionary, Coder)
        assert found.explained_variance > max(before, 0.6)
        assert found.l0 < 12

    @pytest.mark.parametrize("name", ["relu", "topk"])
    def test_finds_the_directions(self, name):
        """That the rows were made of."""
        dictionary = make(KINDS[name], latents=48)
        train(dictionary, 800)
        assert mean_max_cosine(rows()[1], dictionary.directions).mean() > 0.9

    @pytest.mark.parametrize("name", KINDS)
    def test_has_the_same_codes_sparse_and_dense(self, name):
        """Whatever is asked for."""
        dictionary = make(KINDS[name])
        values = rows(20)[0]
        codes, indices = dictionary.encode_sparse(values)
        wanted = dictionary.encode(values)
        found = torch.zeros_like(wanted).scatter_add_(1, indices, codes)
        torch.testing.assert_close(found, wanted)
        assert dictionary.encode(values.view(4, 5, WIDTH)).shape == (4, 5, 32)
        torch.testing.assert_close(dictionary(values), dictionary.decode(wanted))

    @pytest.mark.parametrize("name", ["relu", "jumprelu", "gated"])
    def test_is_the_same_function_with_directions_of_length_one(self, name):
        """Activations then mean the same for every latent."""
        dictionary = make(KINDS[name])
        train(dictionary, 50)
        twin = dictionary.canonical()
        values = rows(50, seed=3)[0]
        torch.testing.assert_close(twin(values), dictionary(values), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(twin.decoder.norm(dim=1), torch.ones(32))

    def test_works_in_units_of_its_own(self):
        """A value ten times as large is rebuilt as well."""
        small, large = make(TopK(k=3)), make(TopK(k=3))
        large.fit_scale(rows()[0] * 10)
        values = rows(20)[0]
        torch.testing.assert_close(large(values * 10), small(values) * 10)
        torch.testing.assert_close(large.encode(values * 10), small.encode(values))

    def test_rebuilds_another_value_as_a_transcoder(self):
        """Another width out than in."""
        values = rows()[0]
        target = values[:, :4].relu() * 3
        config = DictionaryConfig(d_in=WIDTH, num_latents=32, kind=TopK(k=4), d_out=4)
        dictionary = Dictionary(config, generator=torch.Generator().manual_seed(0))
        dictionary.fit_scale(values, target)
        pairs = shuffled_batches(torch.cat([values, target], dim=1), 256, seed=0)
        batches = ((both[:, :WIDTH], both[:, WIDTH:]) for both in pairs)
        training = DictionaryTrainingConfig(steps=300, lr=5e-3)
        steps = list(train_dictionary(dictionary, batches, training))
        assert steps[-1].explained_variance > 0.6
        assert measure_rebuilding(dictionary, values, target).explained_variance > 0.6

    def test_tells_whose_a_latent_is_as_a_crosscoder(self):
        """Two values side by side, one a hundred times as large: each has its own features."""
        planted = sparse_magnitudes(4096, 12, density=0.08, seed=0)
        chance = torch.Generator().manual_seed(1)
        directions = torch.nn.functional.normalize(torch.randn(2, 12, 8, generator=chance), dim=2)
        first = planted[:, :8] @ directions[0, :8]  # the last four are of the second value alone
        second = planted[:, 4:] @ directions[1, 4:] * 100  # and the first four of the first
        values = torch.cat([first, second], dim=1)
        config = DictionaryConfig(
            d_in=16, num_latents=24, kind=ReLU(penalty=1.0), parts=(8, 8), value="both"
        )
        dictionary = Dictionary(config, generator=torch.Generator().manual_seed(0))
        dictionary.fit_scale(values)
        assert float(dictionary.input_scale[0]) > 30 * float(dictionary.input_scale[8])
        training = DictionaryTrainingConfig(steps=800, lr=5e-3)
        list(train_dictionary(dictionary, shuffled_batches(values, 256, seed=0), training))
        lengths = dictionary.part_lengths().detach()
        latents = matched_latents(planted, dictionary.encode(values).detach())
        share = (lengths[:, 0] / lengths.sum(dim=1))[latents]
        assert (share[:4] > 0.8).all()
        assert ((share[4:8] > 0.25) & (share[4:8] < 0.75)).all()
        assert (share[8:] < 0.2).all()

    def test_counts_each_part_of_a_crosscoder_in_its_penalty(self):
        """The sum of lengths, which is more than the length of both together."""
        whole = DictionaryConfig(d_in=4, num_latents=1, kind=ReLU(penalty=1.0))
        losses = []
        for config in (whole, replace(whole, parts=(2, 2))):
            dictionary = Dictionary(config)
            with torch.no_grad():
                dictionary.encoder.fill_(1.0)
                dictionary.decoder.copy_(torch.tensor([[3.0, 0.0, 0.0, 4.0]]))
            batch = torch.ones(2, 4)
            losses.append(dictionary_loss(dictionary, batch, batch).total.item())
        assert losses[1] - losses[0] == pytest.approx(4 * (3 + 4 - 5))

    def test_reaches_a_wanted_number_of_latents(self):
        """Where a penalty on their number would have to be searched for."""
        for target in (2.0, 4.0):
            dictionary = make(JumpReLU(penalty=10.0, target=target))
            train(dictionary, 400)
            found = measure_rebuilding(dictionary, rows(seed=9)[0])
            assert found.l0 == pytest.approx(target, rel=0.25)

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"parts": (6, 5)}, "add up to 12"),
            ({"num_latents": 0}, "num_latents=0"),
            ({"kind": TopK(k=33)}, "k=33 active"),
            ({"kind": ReLU(decoder="tied"), "d_out": 3}, "tied"),
        ],
    )
    def test_refuses_shapes_that_cannot_be(self, options, sentence):
        """Before any weight is drawn."""
        with pytest.raises(InputError, match=sentence):
            DictionaryConfig(**({"d_in": 12, "num_latents": 32, "kind": TopK(k=3)} | options))

    def test_refuses_a_value_of_another_width(self):
        """With both widths, and what it was made for."""
        with pytest.raises(InputError, match=r"made for here.* width 12.* width 5"):
            make(TopK(k=3)).encode(torch.ones(2, 5))
        with pytest.raises(InputError, match="NaN"):
            make(TopK(k=3)).fit_scale(torch.full((4, WIDTH), float("nan")))


class TestBatchTopk:
    """The largest of a batch."""

    def test_chooses_k_a_row_on_average(self):
        """Exactly those that sorting all of them would."""
        dictionary = make(BatchTopK(k=2))
        centred = dictionary.centred(rows(64)[0] * dictionary.input_scale)
        places, chosen = batch_topk(dictionary, centred, 2)
        latents = dictionary.latents(centred).relu()
        least = latents.flatten().topk(128).values.min()
        found = torch.zeros_like(latents, dtype=torch.bool).scatter_(1, places, chosen)
        assert torch.equal(found, (latents >= least) & (latents > 0))

    def test_finds_rows_that_hold_most_of_the_batch(self):
        """A row may have more than was looked at first."""
        dictionary = make(BatchTopK(k=1))
        centred = torch.zeros(32, WIDTH)
        centred[0] = dictionary.encoder.sum(dim=0) * 100
        places, chosen = batch_topk(dictionary, centred, 1)
        positive = int((dictionary.latents(centred[:1]) > 0).sum())
        assert int(chosen[0].sum()) == min(positive, 32)
        assert places.shape == chosen.shape


class TestTraining:
    """An iterator of steps."""

    def test_takes_steps_and_says_what_they_did(self):
        """Numbers that a reader would plot."""
        steps = train(make(TopK(k=3)), 50, warmup_steps=10)
        assert [step.step for step in steps] == list(range(1, 51))
        assert steps[-1].explained_variance > steps[0].explained_variance
        assert steps[0].lr == pytest.approx(5e-4)
        assert steps[20].lr == 5e-3
        assert steps[-1].lr < 1e-3
        assert steps[-1].l0 <= 3

    def test_is_the_same_for_the_same_seed(self):
        """Bit for bit."""
        one, other = make(TopK(k=3)), make(TopK(k=3))
        train(one, 20)
        train(other, 20)
        assert torch.equal(one.decoder, other.decoder)

    @pytest.mark.parametrize("name", ["topk", "batchtopk", "jumprelu"])
    def test_goes_on_where_it_stopped(self, name):
        """As if it had never stopped."""
        whole, halved = make(KINDS[name]), make(KINDS[name])
        train(whole, 20)
        config = DictionaryTrainingConfig(steps=20, lr=5e-3)
        batches = shuffled_batches(rows()[0], 256, seed=0)
        first = DictionaryTrainer(halved, config)
        for _ in range(7):
            first.train_on(next(batches))
        state = {name: value.clone() for name, value in first.state_dict().items()}
        again = make(KINDS[name], seed=5)
        second = DictionaryTrainer(again, config)
        second.load_state_dict(state)
        list(train_dictionary(again, batches, config, trainer=second))
        assert torch.equal(again.decoder, whole.decoder)
        assert torch.equal(again.encoder_bias, whole.encoder_bias)

    def test_keeps_gates_few(self):
        """Lengths that could shrink while gains grow would leave the penalty nothing to hold."""
        dictionary = make(Gated(penalty=2.0))
        train(dictionary, 400)
        found = measure_rebuilding(dictionary, rows(seed=9)[0])
        assert torch.allclose(dictionary.decoder.norm(dim=1), torch.ones(32), atol=1e-5)
        assert found.l0 < 4
        assert found.explained_variance > 0.9

    def test_trains_several_as_each_alone(self):
        """One stream, other sizes and kinds."""
        together = [make(TopK(k=3)), make(ReLU(penalty=0.5), latents=16)]
        alone = [make(TopK(k=3)), make(ReLU(penalty=0.5), latents=16)]
        config = DictionaryTrainingConfig(steps=15, lr=5e-3)
        batches = shuffled_batches(rows()[0], 256, seed=0)
        steps = list(train_dictionaries(together, batches, config))
        for one in alone:
            train(one, 15)
        assert len(steps) == 15
        for one, other in zip(together, alone, strict=True):
            assert torch.equal(one.decoder, other.decoder)

    def test_wakes_dead_latents_by_an_auxiliary_error(self):
        """Those that the bias keeps silent."""
        dictionary = make(TopK(k=3))
        with torch.no_grad():
            dictionary.encoder_bias[:8] = -1.5
        steps = train(dictionary, 300, dead_rows=512)
        assert max(step.dead_share for step in steps) >= 0.15
        assert steps[-1].dead_share < 0.1

    def test_gives_dead_latents_new_directions(self):
        """Rows that are rebuilt badly."""
        dictionary = make(ReLU(penalty=0.5))
        with torch.no_grad():
            dictionary.encoder_bias[:8] = -50
        steps = train(dictionary, 120, dead_rows=512, resample_every=40)
        assert steps[30].dead_share >= 0.25
        assert steps[-1].dead_share < 0.2
        assert (dictionary.encoder_bias > -10).all()

    @pytest.mark.parametrize(
        ("kind", "closed_by", "value"),
        [(Gated(), "gate_bias", -100.0), (JumpReLU(), "log_threshold", 8.0)],
    )
    def test_opens_what_kept_dead_latents_closed(self, kind, closed_by, value):
        """A new direction behind a closed gate, or under a threshold too high, is dead as well."""
        config = DictionaryConfig(d_in=8, num_latents=16, kind=kind)
        dictionary = Dictionary(config, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            getattr(dictionary, closed_by)[:4] = value
        rows = torch.randn(256, 8, generator=torch.Generator().manual_seed(1))
        options = DictionaryTrainingConfig(steps=2, dead_rows=256, resample_every=2)
        list(train_dictionary(dictionary, [rows, rows], options))
        assert (dictionary.encode(rows)[:, :4] > 0).any(dim=0).all()

    def test_keeps_directions_at_length_one_where_that_is_the_constraint(self):
        """And lets them be where it is not."""
        unit, free = make(TopK(k=3)), make(ReLU(penalty=0.5))
        train(unit, 20)
        train(free, 20)
        torch.testing.assert_close(unit.decoder.norm(dim=1), torch.ones(32))
        assert (free.decoder.norm(dim=1) - 1).abs().max() > 0.1

    @pytest.mark.parametrize(
        ("batch", "sentence"),
        [
            (torch.full((4, WIDTH), float("nan")), "step 1: the values hold NaN"),
            (torch.ones(4, WIDTH), "all rows are equal"),
            (torch.ones(4, 3), "width 3 in and 3 out"),
        ],
    )
    def test_refuses_rows_that_teach_nothing(self, batch, sentence):
        """And says at which step."""
        config = DictionaryTrainingConfig(steps=1)
        with pytest.raises(InputError, match=sentence):
            next(train_dictionary(make(TopK(k=3)), iter([batch]), config))

    def test_says_when_rows_run_out(self):
        """Rather than to end early in silence."""
        config = DictionaryTrainingConfig(steps=5)
        with pytest.raises(InputError, match="run out after 1 of 5"):
            list(train_dictionary(make(TopK(k=3)), iter([rows(64)[0]]), config))


class TestFiles:
    """Folders, whole or absent."""

    @pytest.mark.parametrize("name", KINDS)
    def test_keep_a_dictionary(self, tmp_path, name):
        """All of it."""
        dictionary = make(KINDS[name])
        train(dictionary, 5)
        save_dictionary(dictionary, tmp_path / "d")
        found = load_dictionary(tmp_path / "d", value="here")
        assert found.config == dictionary.config
        values = rows(30)[0]
        assert torch.equal(found(values), dictionary(values))

    @pytest.mark.parametrize("name", ["relu", "topk", "batchtopk", "jumprelu", "gated"])
    def test_write_what_saelens_reads(self, tmp_path, name):
        """The same codes and reconstructions from its layout, scale and all."""
        dictionary = make(KINDS[name])
        train(dictionary, 30)
        save_dictionary(dictionary, tmp_path / "d", layout="saelens")
        config = json.loads((tmp_path / "d" / "cfg.json").read_text())
        assert config["d_sae"] == 32
        found = load_dictionary(tmp_path / "d", value="here")
        values = rows(30)[0]
        codes = dictionary.encode(values)
        torch.testing.assert_close(found.encode(values), codes, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found(values), dictionary(values), rtol=1e-4, atol=1e-3)

    @pytest.mark.parametrize("name", ["relu", "topk", "jumprelu", "gated"])
    def test_are_read_by_saelens_itself(self, tmp_path, name):
        """Where it is installed."""
        saelens = pytest.importorskip("sae_lens")
        dictionary = make(KINDS[name])
        train(dictionary, 30)
        save_dictionary(dictionary, tmp_path / "d", layout="saelens")
        theirs = saelens.SAE.load_from_disk(str(tmp_path / "d"))
        values = rows(30)[0]
        torch.testing.assert_close(
            theirs.encode(values), dictionary.encode(values), rtol=1e-4, atol=1e-4
        )
        torch.testing.assert_close(theirs(values), dictionary(values), rtol=1e-4, atol=1e-3)
        theirs.save_model(str(tmp_path / "back"))
        back = load_dictionary(tmp_path / "back")
        torch.testing.assert_close(back(values), dictionary(values), rtol=1e-4, atol=1e-3)

    def test_write_what_sparsify_reads(self, tmp_path):
        """Its own names, the same reconstruction."""
        dictionary = make(TopK(k=3))
        train(dictionary, 30)
        save_dictionary(dictionary, tmp_path / "d", layout="sparsify")
        values = rows(30)[0]
        found = load_dictionary(tmp_path / "d")
        torch.testing.assert_close(found(values), dictionary(values), rtol=1e-4, atol=1e-3)
        with pytest.raises(InputError, match="TopK"):
            save_dictionary(make(Gated()), tmp_path / "e", layout="sparsify")

    def test_are_read_by_sparsify_itself(self, tmp_path):
        """Where it is installed."""
        sparsify = pytest.importorskip("sparsify")
        dictionary = make(TopK(k=3))
        train(dictionary, 30)
        save_dictionary(dictionary, tmp_path / "d", layout="sparsify")
        theirs = sparsify.SparseCoder.load_from_disk(tmp_path / "d")
        values = rows(30)[0]
        torch.testing.assert_close(theirs(values).sae_out, dictionary(values), rtol=1e-4, atol=1e-3)

    def test_keep_a_crosscoder(self, tmp_path):
        """With a scale a value; other layouts have no word for it."""
        config = DictionaryConfig(d_in=WIDTH, num_latents=16, kind=TopK(k=2), parts=(4, 8))
        dictionary = Dictionary(config)
        dictionary.fit_scale(rows()[0])
        save_dictionary(dictionary, tmp_path / "d")
        found = load_dictionary(tmp_path / "d")
        assert found.config == config
        assert torch.equal(found(rows(5)[0]), dictionary(rows(5)[0]))
        with pytest.raises(InputError, match="crosscoders"):
            save_dictionary(dictionary, tmp_path / "e", layout="saelens")

    def test_know_a_value_by_its_hook(self, tmp_path):
        """SAELens names values as TransformerLens does."""
        save_dictionary(make(TopK(k=3)), tmp_path / "d", layout="saelens")
        path = tmp_path / "d" / "cfg.json"
        path.write_text(path.read_text().replace('"here"', '"blocks.3.hook_resid_post"'))
        found = load_dictionary(tmp_path / "d", value="blocks.3.resid_post")
        assert found.config.value == "blocks.3.resid_post"

    def test_are_refused_for_another_value(self, tmp_path):
        """By both names."""
        save_dictionary(make(TopK(k=3)), tmp_path / "d")
        with pytest.raises(InputError, match=r"made for here, not for there"):
            load_dictionary(tmp_path / "d", value="there")

    def test_are_refused_when_damaged(self, tmp_path):
        """Missing, cut, of a future format, of a stranger."""
        with pytest.raises(RunError, match="holds no dictionary"):
            load_dictionary(tmp_path)
        folder = tmp_path / "d"
        save_dictionary(make(TopK(k=3)), folder)
        with pytest.raises(InputError, match="is there already"):
            save_dictionary(make(TopK(k=3)), folder)
        weights = (folder / "dictionary.safetensors").read_bytes()
        (folder / "dictionary.safetensors").write_bytes(weights[:100])
        with pytest.raises(RunError, match="cannot be read"):
            load_dictionary(folder)
        plain = json.loads((folder / "dictionary.json").read_text())
        for wrong, sentence in (({"format": 9}, "format 9"), ({"kind": {"name": "x"}}, "damaged")):
            (folder / "dictionary.json").write_text(json.dumps(plain | wrong))
            with pytest.raises(RunError, match=sentence):
                load_dictionary(folder)
