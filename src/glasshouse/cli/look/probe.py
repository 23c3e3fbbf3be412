"""`glasshouse look probe`: whether a property can be read off a value, beside a control."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasshouse.cli.console import data, json_line, shown_path, talk
from glasshouse.cli.look.subject import (
    HeldOutTokens,
    Model,
    TextPath,
    ValueName,
    check_rows,
    check_value,
    open_subject,
)
from glasshouse.cli.notebook import DEFAULT_PROJECT, NotebookUrl, Notes, Project
from glasshouse.cli.options import AsJson, Seed, named_path
from glasshouse.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from glasshouse.interpret.probing import Probed
    from glasshouse.models import LanguageModel
else:
    # all import torch, which `--help` has no time for
    LanguageModel = Probed = Tensor = Any

KINDS = ("logistic", "ridge", "mass-mean")


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a probe is fitted and scored on."""

    values: Tensor
    labels: Tensor
    document: Tensor
    types: Tensor


def probe(
    model: Model,
    value: ValueName,
    feature: Annotated[
        str | None,
        typer.Option(
            metavar="FAMILY=VALUE",
            help="A feature that the world knows of every token, as concept=dog.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="FILE",
            help='Lines of JSON, {"text": …, "label": true}, read at the last token; or "labels", '
            "one for each token.",
        ),
    ] = None,
    kind: Annotated[str, typer.Option(help=f"How it is fitted: {', '.join(KINDS)}.")] = "logistic",
    text: TextPath = None,
    tokens: HeldOutTokens = 40_000,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named_path,
            metavar="FILE",
            help="Write the direction, for `look --feed VALUE=+4*FILE:probe`.",
        ),
    ] = None,
    notebook: NotebookUrl = None,
    project: Project = DEFAULT_PROJECT,
    json: AsJson = False,
) -> None:
    """Fit a probe on half of the texts, score it on the others, beside probes of nothing.

    The control is the same probe on labels that are a coin flip for each token of the vocabulary;
    selectivity is what the probe knows above it. Balanced accuracy: 0.5 is chance.

    [green]glasshouse look probe run:book --value blocks.1.resid_post --feature concept=dog[/green]
    """
    if (feature is None) == (labels is None):
        raise InputError("give one of --feature FAMILY=VALUE and --labels FILE")
    if kind not in KINDS:
        raise InputError(f"--kind {kind!r} must be one of {', '.join(KINDS)}")
    if out is not None and out.exists():
        raise InputError(f"--out {out} is there already; name a new file")
    if feature is not None:
        rows = _feature_rows(model, value, feature, text, tokens)
    else:
        assert labels is not None
        rows = _labelled_rows(model, value, labels)
    check_rows(rows.values, value)
    from glasshouse.interpret.probing import probe_with_controls

    what = feature or str(labels)
    found = probe_with_controls(
        kind, rows.values, rows.labels, rows.document, rows.types, seed=seed
    )
    if out is not None:
        _write(out, found, value)
    record = {
        "kind": kind,
        "value": value,
        "of": what,
        "rows": len(rows.labels),
        "with": int(rows.labels.sum()),
        "accuracy": found.accuracy,
        "auroc": found.auroc,
        "control": found.control,
        "controls": list(found.controls),
        "selectivity": found.selectivity,
    }
    _note(Notes(notebook, project), model, record)
    _report(record, out, json=json)


def _feature_rows(model: str, value: str, feature: str, text: Path | None, tokens: int) -> _Rows:
    """Held-out rows, labelled by the world."""
    import torch

    from glasshouse.interpret.activations import harvest_all
    from glasshouse.interpret.texts import SKIP

    loaded, texts = open_subject(model, text, tokens=tokens, value=value)
    if texts.truth is None:
        raise InputError(
            f"--feature {feature} needs a run on the toy world, whose truth is known; "
            "give --labels FILE for other texts"
        )
    place = _place_of(feature, texts.truth.names)
    rows = harvest_all(loaded, texts.held_out.tolist(), value, skip=SKIP)
    has = texts.truth.of(rows, texts.context)[:, [place]].toarray().ravel()
    labels = torch.as_tensor(has.astype(bool))
    halves = [int(labels[rows.document % 2 == half].sum()) for half in (0, 1)]
    if min(halves) < 2:
        raise InputError(
            f"{feature} is on {sum(halves)} of {len(labels):,} held-out tokens, too few for a "
            "probe; give more with --tokens, or ask for a feature that is not so rare"
        )
    return _Rows(rows[value], labels, rows.document, rows.ids)


def _place_of(feature: str, names: tuple[str, ...]) -> int:
    """The place of a feature among all.

    Raises:
        InputError: If there is none of that name; the sentence says the nearest.
    """
    from difflib import get_close_matches

    if feature in names:
        return names.index(feature)
    family = feature.partition("=")[0]
    inside = [name for name in names if name.startswith(f"{family}=")]
    near = get_close_matches(feature, names, n=3) or inside[:3]
    families = sorted({name.partition("=")[0] for name in names})
    hint = f"near it are {', '.join(near)}" if near else f"families are {', '.join(families)}"
    raise InputError(f"--feature {feature!r} is not in the world's ledger; {hint}")


def _labelled_rows(model: str, value: str, path: Path) -> _Rows:
    """Rows of labelled texts: the last token of each, or every token."""
    import torch

    from glasshouse.interpret.activations import harvest_all
    from glasshouse.models import LanguageModel

    lines = _read_labels(path)
    loaded = LanguageModel.load(model)
    check_value(loaded, value)
    rows = harvest_all(loaded, [one["text"] for one in lines], value)
    counts = torch.bincount(rows.document, minlength=len(lines))
    if "label" in lines[0]:
        last = counts.cumsum(0) - 1
        labels = torch.tensor([one["label"] for one in lines])
        return _Rows(rows[value][last], labels, rows.document[last], rows.ids[last])
    for number, (one, count) in enumerate(zip(lines, counts.tolist(), strict=True), start=1):
        if len(one["labels"]) != count:
            raise InputError(
                f"line {number} of {path} has {len(one['labels'])} labels for {count} tokens"
            )
    labels = torch.tensor([label for one in lines for label in one["labels"]])
    return _Rows(rows[value], labels, rows.document, rows.ids)


def _read_labels(path: Path) -> list[dict[str, Any]]:
    """Labelled texts, all in one of the two forms.

    Raises:
        InputError: If a line is neither.
    """
    import msgspec

    try:
        written = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--labels {path} cannot be read: {error}") from None
    lines: list[dict[str, Any]] = []
    for number, line in enumerate(written, start=1):
        if not line.strip():
            continue
        try:
            one = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise InputError(f"line {number} of {path} is not JSON: {error}") from None
        form = _form(one)
        if form is None or (lines and form not in lines[0]):
            raise InputError(
                f'line {number} of {path} must be {{"text": "…", "label": true}} or have "labels", '
                "one for each token, as all other lines"
            )
        lines.append(one)
    if not lines:
        raise InputError(f"--labels {path} holds no line")
    return lines


def _form(one: Any) -> str | None:
    """Which of the two forms a line has; None: neither."""
    if not isinstance(one, dict) or not isinstance(one.get("text"), str) or not one["text"]:
        return None
    if isinstance(one.get("label"), bool):
        return "label"
    many = one.get("labels")
    return "labels" if isinstance(many, list) and all(isinstance(m, bool) for m in many) else None


def _write(out: Path, found: Probed, value: str) -> None:
    """Write the direction where other verbs can feed it."""
    from safetensors.torch import save_file

    from glasshouse.files import write_atomically

    about = {"value": value, "bias": repr(found.probe.bias), "kind": found.probe.kind}
    tensors = {"probe": found.probe.direction.float().contiguous()}
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, lambda draft: save_file(tensors, draft, metadata=about))


def _note(notes: Notes, model: str, record: dict[str, Any]) -> None:
    """Take a finding down."""

    def work(notebook: Any) -> None:
        from datetime import UTC, datetime

        from glasshouse.notebook import Finding, new_id
        from glasshouse.notebook.importing import subject_of

        notebook.add(
            Finding(
                id=new_id(),
                created=datetime.now(UTC),
                kind="probe",
                title=f"{record['of']} at {record['value']}: accuracy {record['accuracy']:.3f}, "
                f"control {record['control']:.3f}",
                subject=subject_of(model),
                sites=[record["value"]],
                extra=record,
            )
        )

    notes.write(work)


def _report(record: dict[str, Any], out: Path | None, *, json: bool) -> None:
    """Say what was found."""
    if record["selectivity"] < 0.1:
        talk(
            "a probe of labels that mean nothing is nearly as accurate: that this property can be "
            "read says little of the model"
        )
    if json:
        json_line(record)
        return
    data(f"{record['kind']} probe of {record['of']} at {record['value']}")
    data(f"  rows         {record['rows']:,}, {record['with']:,} of them with it")
    data(f"  accuracy     {record['accuracy']:.3f}  balanced, on texts it was not fitted on")
    data(f"  AUROC        {record['auroc']:.3f}")
    spread = ", ".join(f"{one:.3f}" for one in record["controls"])
    data(f"  control      {record['control']:.3f}  the mean of {spread}")
    data(f"  selectivity  {record['selectivity']:.3f}")
    if out is not None:
        data(shown_path(out))
