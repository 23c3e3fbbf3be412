"""Pages of 1,000 latents of a dictionary of 4,096, over a million tokens.

Encoding is most of it: every token's product with every latent, of which 32 stay. `--width` is that
of the value. All threads that torch takes are used.

    python -m benchmarks.interpret.bench_dashboards [--tokens 1000000] [--width 256] [--pages 1000]

There is no peer beside it: SAEDashboard's own figures are for hosts with a GPU. It does not show
running the model, whose values are random rows here.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import torch

from glasshouse.interpret.activations import Activations
from glasshouse.interpret.dictionaries import Dictionary, DictionaryConfig, TopK
from glasshouse.interpret.features import collect_entries, nearest_directions, report_latents
from glasshouse.models import word_tokenizer
from glasshouse.report.features import feature_sheets, write_features

LATENTS, VOCAB = 4096, 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--pages", type=int, default=1000)
    options = parser.parse_args()
    chance = torch.Generator().manual_seed(0)
    config = DictionaryConfig(d_in=options.width, num_latents=LATENTS, kind=TopK(k=32))
    dictionary = Dictionary(config, generator=chance)
    values = torch.randn(options.tokens, options.width, generator=chance)
    count = torch.arange(options.tokens)
    ids = torch.randint(VOCAB, (options.tokens,), generator=chance)
    texts = Activations(values={}, ids=ids, document=count // 128, position=count % 128)
    tokenizer = word_tokenizer(["<end>", *(f"w{i}" for i in range(VOCAB - 1))], end_token="<end>")
    latents = torch.arange(options.pages)
    seconds: dict[str, float] = {}
    start = time.perf_counter()

    def lap(name: str) -> None:
        seconds[name] = round(time.perf_counter() - start - sum(seconds.values()), 2)

    entries = collect_entries(dictionary, values)
    lap("encode")
    reports = report_latents(entries, texts, latents.tolist())
    lap("examples")
    effects = dictionary.directions[latents] @ torch.randn(options.width, VOCAB, generator=chance)
    alike = nearest_directions(dictionary, 8, latents=latents)
    sheets = feature_sheets(reports, effects=effects, alike=alike)
    lap("effects and neighbours")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "pages"
        write_features(sheets, out, tokenizer, model="random", value="blocks.3.resid_post")
        lap("pages")
        size = sum(path.stat().st_size for path in out.iterdir())
    record = {
        "benchmark": "dashboards",
        **vars(options),
        "seconds": seconds,
        "total_seconds": round(sum(seconds.values()), 1),
        "megabytes": round(size / 2**20, 1),
        "threads": torch.get_num_threads(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
