"""`glasshouse look train-sae|features|steer|probe`: from a run to latents that are scored."""

import json
from pathlib import Path

import pytest
import torch
from tests.cli.commands import glasshouse, refused
from tests.cli.world_run import VALUE, world_model, world_run

from glasshouse.interpret.dictionaries import (
    Dictionary,
    DictionaryConfig,
    TopK,
    load_dictionary,
    save_dictionary,
)
from glasshouse.models import LanguageModel
from glasshouse.notebook import ActivationExample, Feature, Finding, Notebook, Run
from glasshouse.notebook.importing import dictionary_id
from glasshouse.records import Query

FEW = ("--tokens", 3000)
TRAINED = ("--value", VALUE, "--latents", 24, "--k", 4, "--steps", 12, *FEW, "--set",
           "batch_rows=64", "--set", "save_every=5")  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder with one model, which is captured once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(LanguageModel, "load", lambda _: world_model())
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A dictionary by other means: one direction a latent, of which one is never active."""
    folder = tmp_path_factory.mktemp("dictionaries") / "drawn"
    width = world_model().network.config.d_model
    shape = DictionaryConfig(d_in=width, num_latents=8, kind=TopK(k=4), value=VALUE)
    dictionary = Dictionary(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        dictionary.encoder_bias[7] = -1e6
    save_dictionary(dictionary, folder)
    return folder


def opened(notebook: str) -> Notebook:
    return Notebook.open(notebook)


class TestLook:
    def test_shows_the_verbs_and_what_a_look_takes(self, capfd):
        """One page of help for both ways to call it."""
        told = glasshouse(capfd, "look", "--help").out
        for words in ("MODEL", "--prompt", "--feed", "train-sae", "features", "steer", "probe"):
            assert words in told

    @pytest.mark.parametrize("verb", ["train-sae", "features", "steer", "probe"])
    def test_explains_each_verb(self, capfd, verb):
        """Every verb has options of its own."""
        told = glasshouse(capfd, "look", verb, "--help")
        assert told.status == 0
        assert "--notebook" in told.out

    def test_takes_what_is_no_verb_for_a_model(self, capfd, here):
        """A model comes first, and options may come before it."""
        told = glasshouse(capfd, "look", "--names", world_run(), "--fetch", "logits")
        assert told.out.startswith("logits [batch=")


class TestTrainSae:
    def test_writes_a_dictionary_that_is_scored_on_the_truth(self, capfd, notebook):
        """End to end: the folder, the scores, and the curves in the notebook."""
        told = glasshouse(capfd, "look", "train-sae", world_run(), *TRAINED, "--out", "d/one")
        assert told.status == 0, told.err
        assert told.out == "d/one\n"
        for words in ("L0 4.0", "explained variance", "dead latents", "cross-entropy recovered",
                      "true features", "best found", "worst found"):  # fmt: skip
            assert words in told.err
        assert load_dictionary("d/one", value=VALUE).num_latents == 24
        assert [path.name for path in Path("d").iterdir()] == ["one"]  # nothing unfinished is left
        record = json.loads(Path("d/one/training.json").read_text())
        assert record["scores"]["ledger"]["features"] > 10
        with opened(notebook) as book:
            run = book.load(Run, dictionary_id(Path("d/one")))
            assert run is not None
            assert run.kind == "dictionary"
            assert run.config["value"] == VALUE
            assert book.curve(run.id, "explained_variance").steps == list(range(1, 13))

    def test_goes_on_where_it_was_stopped(self, capfd, monkeypatch):
        """Ctrl-C says what is kept; the same command ends in the same dictionary."""
        glasshouse(capfd, "look", "train-sae", world_run(), *TRAINED, "--out", "whole")
        from glasshouse.cli.progress import Bar

        called = Bar.__call__

        def stop(self, done, total, what):
            if done == 7:
                raise KeyboardInterrupt
            called(self, done, total, what)

        with monkeypatch.context() as patched:
            patched.setattr(Bar, "__call__", stop)
            told = glasshouse(capfd, "look", "train-sae", world_run(), *TRAINED, "--out", "parts")
        assert told.status == 130
        assert "step 5 of 12 is kept" in told.err
        assert not Path("parts").exists()
        told = glasshouse(capfd, "look", "train-sae", world_run(), *TRAINED, "--out", "parts")
        assert "going on after step 5 of 12" in told.err
        whole, parts = (load_dictionary(name).state_dict() for name in ("whole", "parts"))
        assert all(torch.equal(whole[name], parts[name]) for name in whole)

    def test_learns_from_a_text(self, capfd, here):
        """A file serves where there is no run; of its truth nothing is known."""
        words = world_model().tokenizer.decode(list(range(30, 60)))
        Path("text.txt").write_text(f"{words}\n" * 60)
        told = glasshouse(capfd, "look", "train-sae", "anything", *TRAINED, "--text", "text.txt",
                          "--kind", "batchtopk", "--out", "d", "--json")  # fmt: skip
        record = json.loads(told.out)
        assert record["explained_variance"] < 1
        assert "ledger" not in record

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (("--value", "blocks.9.resid_post"), "blocks.9.resid_post"),
            (("--value", "blocks.0.attn.pattern"), "no row a token"),
            (("--value", VALUE, "--kind", "sparse"), "--kind 'sparse' must be one of topk"),
            (("--value", VALUE, "--kind", "relu", "--k", 3), "give --penalty"),
            (("--value", VALUE, "--kind", "topk", "--penalty", 3), "give --k"),
            (("--value", VALUE, "--latents", 4, "--k", 5), "k=5 active latents cannot be had"),
            (("--value", VALUE, "--text", "none.txt"), "no text file or folder none.txt"),
            (("--value", VALUE, "--latents", 0), "'0' is not a whole number from 1"),
        ],
    )
    def test_refuses(self, capfd, here, words, sentence):
        """A mistake is one sentence, and nothing is written."""
        told = glasshouse(capfd, "look", "train-sae", world_run(), *words, "--out", "d")
        assert sentence in told.err.splitlines()[-1]
        assert told.status == 2
        assert list(here.iterdir()) == []

    def test_refuses_a_taken_folder(self, capfd):
        """Before the work begins."""
        Path("d").mkdir()
        Path("d/file").touch()
        told = glasshouse(capfd, "look", "train-sae", world_run(), *TRAINED, "--out", "d")
        assert "d is there already" in refused(told)

    def test_refuses_a_model_without_texts(self, capfd, here):
        """A model directory alone does not say what it was grown on."""
        told = glasshouse(capfd, "look", "train-sae", "some/model", *TRAINED, "--out", "d")
        assert "belongs to no run whose texts could be read; give --text PATH" in refused(told)

    @pytest.mark.parametrize(("fill", "words"), [(float("nan"), "NaN"), (0.0, "same on every")])
    def test_refuses_values_that_say_nothing(self, capfd, monkeypatch, fill, words):
        """A broken model must not become a dictionary."""
        from copy import deepcopy

        broken = deepcopy(world_model().network)
        with torch.no_grad():
            for weight in broken.parameters():
                weight.fill_(fill)
        model = LanguageModel(broken, world_model().tokenizer, "broken")
        monkeypatch.setattr(LanguageModel, "load", lambda _: model)
        told = glasshouse(capfd, "look", "train-sae", world_run(), *TRAINED, "--out", "d")
        assert told.status == 2
        assert words in told.err
        assert not Path("d").exists()


class TestFeatures:
    def test_writes_pages_and_remembers(self, capfd, trained, notebook):
        """Pages, explanations, matches with the truth; then found by words and by likeness."""
        told = glasshouse(capfd, "look", "features", world_run(), trained, "--all", *FEW)
        assert told.status == 0, told.err
        assert told.out == "looks/drawn-features/index.html\n"
        assert "1 of 8 latents are active on none of these tokens" in told.err
        assert "best matches with the truth" in told.err
        assert len(list(Path("looks/drawn-features").glob("[0-9]*.html"))) == 7
        own = dictionary_id(trained)
        with opened(notebook) as book:
            found = list(book.query(Query(Feature).where(Feature.dictionary == own)))
            assert len(found) == 7
            one = found[0]
            assert one.site == VALUE
            assert one.truth
            example = book.load(ActivationExample, one.id, 0)
            assert example is not None
            assert len(example.tokens) == len(example.activations)
        word = next(w for w in one.explanation.split() if w.isalpha() and w != "token")
        told = glasshouse(capfd, "look", "features", world_run(), trained, "--find", word, "--json")
        assert one.number in [json.loads(line)["latent"] for line in told.out.splitlines()]
        told = glasshouse(capfd, "look", "features", world_run(), trained, "--like", 2, "--json")
        nearest = [json.loads(line) for line in told.out.splitlines()]
        assert len(nearest) == 6
        assert 2 not in [one["latent"] for one in nearest]
        cosines = [one["cosine"] for one in nearest]
        assert cosines == sorted(cosines, reverse=True)

    def test_gives_records_of_the_latents_asked_for(self, capfd, trained):
        """For programs."""
        told = glasshouse(capfd, "look", "features", world_run(), trained, "--latent", 3,
                          "--latent", 1, *FEW, "--json")  # fmt: skip
        assert [json.loads(line)["latent"] for line in told.out.splitlines()] == [1, 3]

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (("--latent", 8), "no latent 8; it has 0 to 7"),
            (("--latent", 7), "latent 7 is active on none of"),
            (("--like", 8), "no such latent; it has 0 to 7"),
            (("--find", " "), "--find '' is empty"),
            (("--all", "--top", 3), "at most one of"),
            (("--value", "blocks.0.resid_post"), "was made for blocks.1.resid_post, not for"),
            (("--find", "x", "--project", "another"), "no latents of"),
        ],
    )
    def test_refuses(self, capfd, trained, words, sentence):
        """A mistake is one sentence."""
        told = glasshouse(capfd, "look", "features", world_run(), trained, *words, *FEW)
        assert told.status == 2
        assert told.out == ""
        assert sentence in told.err.splitlines()[-1]
        assert not Path("looks").exists()

    def test_refuses_a_dictionary_of_another_width(self, capfd):
        """Say both widths."""
        shape = DictionaryConfig(d_in=7, num_latents=8, kind=TopK(k=2))
        save_dictionary(Dictionary(shape), "seven")
        words = ("look", "features", world_run(), "seven")
        assert "does not say what value it encodes" in refused(glasshouse(capfd, *words))
        told = refused(glasshouse(capfd, *words, "--value", VALUE))
        assert "reads values of width 7" in told
        assert f"{VALUE} has width {world_model().network.config.d_model}" in told

    def test_refuses_a_folder_without_a_dictionary(self, capfd):
        """The folder is named."""
        Path("empty").mkdir()
        told = refused(glasshouse(capfd, "look", "features", world_run(), "empty"))
        assert "empty holds no dictionary" in told


class TestSteer:
    PROMPT = ("--prompt", "<doc> Q :", "--max-tokens", 4)

    def test_sets_a_latent_beside_random_directions(self, capfd, trained, notebook):
        """A dose a line, with effect, control and fluency; the finding is taken down."""
        told = glasshouse(capfd, "look", "steer", world_run(), "--dict", trained, "--latent", 1,
                          "--to", "4x", *self.PROMPT, *FEW, "--json")  # fmt: skip
        assert told.status == 0, told.err
        doses = [json.loads(line) for line in told.out.splitlines()]
        assert [one["strength"] for one in doses] == [0, 0.5, 1, 2, 4]
        assert all(len(one["random"]) == (3 if one["strength"] else 0) for one in doses)
        assert len(doses[0]["watched"]) == 10
        with opened(notebook) as book:
            kept = [one for one in book.query(Query(Finding)) if one.kind == "steer"]
        assert kept
        assert kept[-1].sites == [VALUE]

    def test_pushes_along_a_contrast(self, capfd):
        """Two texts make a direction; files give a text a line."""
        Path("against.txt").write_text("what is the\n\nwhat is a\n")
        told = glasshouse(capfd, "look", "steer", world_run(), "--value", VALUE, "--from",
                          "where does the", "--against", "against.txt", "--strengths", "0,0.5",
                          "--watch", "dog", *self.PROMPT)  # fmt: skip
        assert told.status == 0, told.err
        assert "watched: dog" in told.out
        assert "random directions" in told.err or "no push left" in told.err

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ((), "give one of --dict DICT --latent N and --from TEXT --against TEXT"),
            (("--dict", "D"), "--dict needs --latent N"),
            (("--dict", "D", "--latent", 9), "no such latent; it has 0 to 7"),
            (("--dict", "D", "--latent", 7), "latent 7 is active on none of the texts"),
            (("--dict", "D", "--latent", 1, "--to", "fast"), "--to 'fast' must be a positive"),
            (("--dict", "D", "--latent", 1, "--strengths", "2,1"), "must rise"),
            (("--dict", "D", "--latent", 1, "--value", "blocks.0.mlp.out"), "was made for"),
            (("--from", "the"), "--from needs --against TEXT"),
            (("--from", "the", "--against", "the", "--value", VALUE), "the same value there"),
            (("--from", "the", "--against", " ", "--value", VALUE), "one is empty"),
        ],
    )
    def test_refuses(self, capfd, trained, words, sentence):
        """A mistake is one sentence."""
        given = [trained if word == "D" else word for word in words]
        told = glasshouse(capfd, "look", "steer", world_run(), *given, *self.PROMPT, *FEW)
        assert told.status == 2
        assert told.out == ""
        assert sentence in told.err.splitlines()[-1]


class TestVerdict:
    def test_says_first_that_the_text_is_broken(self):
        """Steering that destroys fluency is reported, not hidden."""
        from glasshouse.cli.look.steer import verdict

        doses = [
            {"strength": s, "effect": e, "random": [0.1, 0.3] if s else [], "is_broken": s > 1}
            for s, e in ((0, 0.1), (1, 0.4), (5, 0.9))
        ]
        told = verdict(doses, "times")
        assert told.startswith("fluency is destroyed at 5 (times)")
        assert told.endswith("at 1 the watched words go from 0.100 to 0.400 "
                             "(random directions: 0.200)")  # fmt: skip
        doses[1]["is_broken"] = True
        assert "no push left the text whole" in verdict(doses, "times")


class TestProbe:
    def test_reads_a_feature_beside_its_control(self, capfd, here):
        """A part of speech is plain to see; the direction can be fed afterwards."""
        told = glasshouse(capfd, "look", "probe", world_run(), "--value", VALUE, "--feature",
                          "part=name", *FEW, "--out", "name.safetensors", "--json")  # fmt: skip
        assert told.status == 0, told.err
        found = json.loads(told.out)
        assert found["accuracy"] > 0.6
        assert len(found["controls"]) == 3
        assert found["selectivity"] == pytest.approx(found["accuracy"] - found["control"])
        from safetensors.torch import load_file

        width = world_model().network.config.d_model
        assert load_file("name.safetensors")["probe"].shape == (width,)

    def test_reads_labelled_texts(self, capfd):
        """Labels of texts are read at the last token, labels of tokens at each."""
        texts = [("the dog", True), ("the river", False)] * 6
        order = [texts[i] for i in (0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11)]
        lines = [json.dumps({"text": text, "label": label}) for text, label in order]
        Path("texts.jsonl").write_text("\n".join(lines))
        told = glasshouse(capfd, "look", "probe", "any", "--value", VALUE, "--labels",
                          "texts.jsonl", "--kind", "mass-mean")  # fmt: skip
        assert told.status == 0, told.err
        assert "accuracy     1.000" in told.out
        lines = [json.dumps({"text": text, "labels": [False, label]}) for text, label in order]
        Path("tokens.jsonl").write_text("\n".join(lines))
        told = glasshouse(capfd, "look", "probe", "any", "--value", VALUE, "--labels",
                          "tokens.jsonl", "--json")  # fmt: skip
        assert json.loads(told.out)["rows"] == 24

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ((), "give one of --feature FAMILY=VALUE and --labels FILE"),
            (("--feature", "concept=dgo"), "not in the world's ledger; near it are concept=dog"),
            (("--feature", "part=name", "--kind", "deep"), "--kind 'deep' must be one of"),
            (("--labels", "none.jsonl"), "cannot be read"),
            (("--labels", "bad.jsonl"), "line 2 of bad.jsonl"),
            (("--labels", "short.jsonl"), "has 1 labels for 2 tokens"),
        ],
    )
    def test_refuses(self, capfd, words, sentence):
        """A mistake is one sentence."""
        Path("bad.jsonl").write_text('{"text": "the dog", "label": true}\n{"text": "dog"}\n')
        Path("short.jsonl").write_text('{"text": "the dog", "labels": [true]}\n')
        told = glasshouse(capfd, "look", "probe", world_run(), "--value", VALUE, *words, *FEW)
        assert told.status == 2
        assert sentence in told.err.splitlines()[-1]

    def test_refuses_an_empty_feature(self, capfd):
        """A feature that hardly a token has cannot be probed for."""
        told = glasshouse(capfd, "look", "probe", world_run(), "--value", VALUE, "--feature",
                          "entity=zzz", *FEW)  # fmt: skip
        assert told.status == 2
        rare = next(iter(_rare_features()))
        told = glasshouse(capfd, "look", "probe", world_run(), "--value", VALUE, "--feature",
                          rare, *FEW)  # fmt: skip
        assert "too few for a probe" in told.err


def _rare_features() -> list[str]:
    """Features that no held-out token has."""
    from glasshouse.interpret.texts import texts_of

    truth = texts_of(world_model(), world_run(), held_out_tokens=3000).truth
    assert truth is not None
    counts = truth.features.sum(axis=0)
    return [name for name, count in zip(truth.names, counts, strict=True) if not count]
