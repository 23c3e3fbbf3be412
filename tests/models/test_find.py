import huggingface_hub
import pytest
from tests.models.test_language_model import make_model

from glasshouse.errors import InputError
from glasshouse.models import LanguageModel


def refuse(*args, **options):
    raise ConnectionError("no route to host")


class TestHubSnapshot:
    def test_downloads_what_a_model_needs(self, tmp_path, monkeypatch):
        """Configuration, safetensors and tokenizer: no code, no pickles, no copies in folders."""
        make_model().save(tmp_path / "snapshot")
        asked = {}

        def download(name, *, allow_patterns, ignore_patterns):
            asked[name] = (allow_patterns, ignore_patterns)
            return str(tmp_path / "snapshot")

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
        model = LanguageModel.load("somebody/small-model")
        assert asked == {"somebody/small-model": (["*.json", "*.safetensors", "*.jinja"], ["*/*"])}
        assert model.origin == str(tmp_path / "snapshot")

    def test_says_why_it_cannot_be_had(self, tmp_path, monkeypatch):
        """No network, no such repository and no access raise many kinds of errors; one sentence."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
        with pytest.raises(InputError, match=r"no snapshot.*no route to host.*check the name"):
            LanguageModel.load("nobody/no-such-model")

    def test_takes_pickles_only_when_told_to(self, tmp_path, monkeypatch):
        """A repository of older days; the sentence names the way."""
        (tmp_path / "config.json").write_text("{}")
        wanted = []

        def download(name, *, allow_patterns, ignore_patterns):
            wanted.append(allow_patterns)
            return str(tmp_path)

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
        with pytest.raises(InputError, match=r"no safetensors.*allow_pickle=True"):
            LanguageModel.load("somebody/old-model")
        with pytest.raises(InputError, match="model_type"):
            LanguageModel.load("somebody/old-model", allow_pickle=True)
        assert "*.bin" not in wanted[0]
        assert "*.bin" in wanted[1]
