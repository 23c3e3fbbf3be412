"""Training step of `mini`: explicit attention beside torch's fused one, eager, on a CPU.

Forward, cross-entropy and backward in float32 and under bfloat16 autocast: 4 layers, d_model 128,
4 heads, vocabulary 1,280, and 4,096 tokens a step in texts of 64 to 512 (so context 128 is a batch
of 32). The two take turns; the figure is the ratio of median CPU seconds, fused over explicit:
below 1, fused is faster. Prints one JSON line.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F

from glasshouse.models import Transformer, mini

TOKENS, VOCAB = 4096, 1280


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--contexts", type=int, nargs="+", default=[64, 128, 256, 512])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ratios = {
        f"{'bf16' if is_bf16 else 'fp32'}, context {context}": round(
            ratio(context, is_bf16=is_bf16, rounds=options.rounds), 3
        )
        for is_bf16 in (False, True)
        for context in options.contexts
    }
    record = {
        "benchmark": "attention",
        "threads": options.threads,
        "rounds": options.rounds,
        "fused_over_explicit": ratios,
        "torch": torch.__version__,
    }
    print(json.dumps(record))


def ratio(context: int, *, is_bf16: bool, rounds: int) -> float:
    network = Transformer(mini(VOCAB, context=context))
    ids = torch.randint(VOCAB, (TOKENS // context, context + 1))
    times: dict[str, list[float]] = {"explicit": [], "fused": []}
    for index in range(rounds + 1):
        for kernel, values in times.items():
            network.kernel = kernel
            start = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
                logits = network(ids[:, :-1])
            F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten()).backward()
            if index:
                values.append(time.process_time() - start)
    return statistics.median(times["fused"]) / statistics.median(times["explicit"])


if __name__ == "__main__":
    main()
