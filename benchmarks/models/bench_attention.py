"""Training step of a `mini` block stack: explicit attention beside torch's fused one, on a CPU.

Forward and backward in float32 and under bfloat16 autocast: 4 layers, d_model 128, 4 heads, 2,048
tokens a step, in texts of 64 to 512. The figure is the ratio of median CPU seconds, fused over
explicit: above 1, explicit is faster. Prints one JSON line.
"""

import argparse
import json
import statistics
import time

import torch

from glasshouse.models import Transformer, mini

TOKENS, VOCAB = 2048, 1216


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ratios = {
        f"{'bf16' if is_bf16 else 'fp32'}, context {context}": round(
            ratio(context, is_bf16=is_bf16, rounds=options.rounds), 3
        )
        for is_bf16 in (False, True)
        for context in (64, 128, 256, 512)
    }
    record = {"benchmark": "attention", "threads": options.threads, "fused_over_explicit": ratios}
    print(json.dumps(record | {"torch": torch.__version__}))


def ratio(context: int, *, is_bf16: bool, rounds: int) -> float:
    network = Transformer(mini(VOCAB, context=context))
    ids = torch.randint(VOCAB, (TOKENS // context, context))
    times: dict[str, list[float]] = {"explicit": [], "fused": []}
    for index in range(rounds + 1):
        for kernel, values in times.items():
            network.kernel = kernel
            start = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
                loss = network.features(ids).float().square().mean()
            loss.backward()
            if index:
                values.append(time.process_time() - start)
    return statistics.median(times["fused"]) / statistics.median(times["explicit"])


if __name__ == "__main__":
    main()
