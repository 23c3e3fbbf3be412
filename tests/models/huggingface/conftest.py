import pytest


@pytest.fixture(scope="session")
def directory_of(tmp_path_factory):
    """A function from a checkpoint's name to its directory, each written once."""
    from tests.models.huggingface.checkpoints import reference, tokenizer

    written = {}

    def directory(name: str):
        if name not in written:
            written[name] = tmp_path_factory.mktemp("checkpoint")
            reference(name).save_pretrained(written[name])
            tokenizer().save(written[name])
        return written[name]

    return directory
