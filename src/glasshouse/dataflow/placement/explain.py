"""A placement in words."""

from collections.abc import Iterator
from itertools import groupby

from torch import fx

from glasshouse.dataflow.placement.place import Placement


def explain(placement: Placement) -> str:
    """Which device runs which modules, for how long, with how much memory; and what is sent."""
    lines = [
        f"{placement.estimated_seconds * 1e3:.3g} ms a run, estimated; "
        f"{_bytes(placement.bytes_sent)} sent between devices; "
        f"results at {placement.results_at}"
    ]
    for device in placement.cluster.devices:
        count = sum(name == device.name for name in placement.device_of.values())
        lines.append(
            f"{device.name}: {count} operations, "
            f"busy {placement.run.busy.get(device.name, 0.0) * 1e3:.3g} ms, "
            f"peak memory {_bytes(placement.run.peak.get(device.name, 0))}"
        )
        lines += [f"  {line}" for line in _stretches(placement, device.name)]
    named = {n.name: n.meta.get("value_name", n.name) for n in placement.program.graph.nodes}
    for message in sorted(placement.run.messages.values(), key=lambda m: m.leaves):
        lines.append(
            f"{message.sender} -> {message.receiver}: {named[message.value]}, "
            f"{_bytes(message.num_bytes)}, at {message.leaves * 1e3:.3g} ms"
        )
    return "\n".join(lines)


def _stretches(placement: Placement, device: str) -> Iterator[str]:
    """Modules whose operations a device runs, neighbours put together."""
    nodes = [n for n in placement.program.graph.nodes if placement.device_of.get(n.name) == device]
    for path, stretch in groupby(nodes, key=_block):
        names = [node.name for node in stretch]
        span = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]} ({len(names)})"
        yield f"{path or '(no module)'}: {span}"


def _block(node: fx.Node) -> str:
    """The module of a node, to the depth of one block: `blocks.3`, `final_norm`."""
    paths = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
    if not paths:
        return ""
    first, _, rest = paths[-1].partition(".")
    number = rest.partition(".")[0]
    return f"{first}.{number}" if number.isdigit() else first


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
