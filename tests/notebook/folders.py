"""Folders as training, studies and looks leave them, made by hand: no torch, a few bytes."""

import json
import math
from pathlib import Path
from typing import Any

RUN = {
    "format": 1,
    "kind": "text",
    "created": "2026-03-01T10:00:00+00:00",
    "command": ["glasshouse", "train", "--text", "a book.txt"],
    "config": {"steps": 6, "seed": 7, "schedule": {"peak_lr": 0.01}},
    "context": 16,
    "decisions": {"precision": "fp32"},
    "rows": "windows",
    "recipe": {"text": "a book.txt", "d_model": 8},
    "versions": {"glasshouse": "0.1.0", "torch": "2.9"},
    "commit": "abc",
    "machine": {"cores": 2},
}


def step_line(step: int, *, speed: float = 100.0) -> dict[str, Any]:
    held_out = {"all": 3.0 - step / 10, "prose": 2.0} if step % 2 == 0 else None
    return {
        "step": step,
        "loss": 4.0 / math.sqrt(step),
        "lr": 0.01,
        "grad_norm": 1.0,
        "tokens": 32 * step,
        "tokens_per_second": speed,
        "held_out": held_out,
    }


def run_folder(path: Path, *, steps: int = 6, saved: tuple[int, ...] = (4, 6), **changes) -> Path:
    """A run folder with so many steps done and these checkpoints."""
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps({**RUN, **changes}))
    write_metrics(path, range(1, steps + 1))
    for step in saved:
        add_checkpoint(path, step)
    return path


def write_metrics(path: Path, steps, *, speed: float = 100.0) -> None:
    lines = [json.dumps(step_line(step, speed=speed)) + "\n" for step in steps]
    (path / "metrics.jsonl").write_text("".join(lines))


def add_checkpoint(path: Path, step: int) -> Path:
    folder = path / "checkpoints" / f"step-{step:08d}"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights of %d" % step)
    (folder / "trainer.safetensors").write_bytes(b"moments")
    (folder / "config.json").write_text(json.dumps({"model_type": "glasshouse"}))
    return folder


def claim_entry(study: str, name: str, verdict: str = "reproduced") -> dict[str, Any]:
    return {
        "id": f"{study}/{name}",
        "claim": "It is high.",
        "source": "Nobody 2022, section 1",
        "paper": "0.95",
        "measured": 0.94,
        "interval": [0.91, None],
        "threshold": {
            "direction": "above",
            "value": 0.9,
            "no_effect": 0.5,
            "text": "above 0.9",
            "gate": None,
        },
        "control": {"value": 0.4, "shows_effect": False, "text": "shuffled"},
        "verdict": verdict,
    }


def report_folder(path: Path, *studies: str, seconds: float = 3.0) -> Path:
    """The report of some studies, with two claims each."""
    path.mkdir(parents=True, exist_ok=True)
    names = studies or ("fake",)
    run = {
        "format": 1,
        "kind": "report",
        "studies": [
            {
                "name": name,
                "preset": "small",
                "seed": 3,
                "seconds": seconds,
                "config": {"measured": "0.95", "train.widths": "(1, 2)", "train.name": "long"},
            }
            for name in names
        ],
        "command": "glasshouse run fake",
        "versions": {"torch": "2.9"},
        "commit": "abc",
        "started": "2026-03-02T10:00:00+00:00",
        "seconds": seconds,
        "machine": {"cores": 2},
    }
    claims = [
        claim_entry(name, claim, verdict)
        for name in names
        for claim, verdict in (("high", "reproduced"), ("low", "trend"))
    ]
    (path / "run.json").write_text(json.dumps(run))
    (path / "claims.json").write_text(json.dumps(claims))
    (path / "report.html").write_text("<html>")
    return path


def look_folder(path: Path, *, model: str = "runs/book") -> Path:
    path.mkdir(parents=True)
    look = {
        "format": 1,
        "kind": "look",
        "model": model,
        "numerics": "in float32",
        "prompts": ["the cat sat", "the dog"],
        "feeds": ["blocks.0.attn.z=zero"],
        "axes": {"blocks.0.attn.pattern": ["batch", "head"]},
        "notes": [],
        "command": "glasshouse look runs/book",
        "started": "2026-03-03T10:00:00+00:00",
    }
    (path / "look.json").write_text(json.dumps(look))
    (path / "look.html").write_text("<html>")
    return path
