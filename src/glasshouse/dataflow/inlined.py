"""Fed functions and gradients as part of a program: traced once, so that they compile with it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, fx
from torch._guards import TracingContext, tracing
from torch.fx.experimental.proxy_tensor import make_fx

from glasshouse.dataflow.inductor import fake_mode, placeholders
from glasshouse.dataflow.nodes import fake, operand
from glasshouse.errors import InputError


def traced(function: Callable[..., Any], values: Sequence[object]) -> fx.GraphModule:
    """The ATen calls that a function makes.

    Args:
        function: Of tensors; it may close over others, which the graph holds as attributes.
        values: Fake tensors, or symbolic integers, to trace it with.
    """
    mode = fake_mode(values)
    with tracing(TracingContext(mode)), mode, _real_tensors_too(mode):
        return make_fx(function)(*values)


@contextmanager
def _real_tensors_too(mode: Any) -> Iterator[None]:
    """Let a traced function use tensors that it closes over."""
    before, mode.allow_non_fake_inputs = mode.allow_non_fake_inputs, True
    try:
        yield
    finally:
        mode.allow_non_fake_inputs = before


def inline_change(
    graph: fx.Graph, node: fx.Node, change: Callable[[Tensor], Tensor], name: str
) -> list[Tensor]:
    """Put what a fed function computes in the place of a call of `changed`.

    Args:
        graph: Changed in place; tensors that the function closes over become placeholders, last.
        node: `changed(value, function)`.
        change: The function.
        name: The value's name, for messages.

    Returns:
        The tensors that the new placeholders stand for.

    Raises:
        InputError: If the function looks at numbers or lengths.
    """
    value = operand(node)
    body = _traced_change(change, fake(value), name)
    closed_over: dict[str, fx.Node] = {}
    tensors: list[Tensor] = []
    copies: dict[fx.Node, fx.Node] = {placeholders(body.graph)[0]: value}
    for inner in body.graph.nodes:
        if inner.op == "get_attr":
            held = getattr(body, str(inner.target))
            if inner.target not in closed_over:
                with graph.inserting_after(placeholders(graph)[-1]):
                    lifted = graph.placeholder(f"{node.name}_holds_{len(tensors)}")
                with fake_mode([fake(value)]) as mode:
                    lifted.meta["val"] = mode.from_tensor(held, static_shapes=True)
                closed_over[inner.target] = lifted
                tensors.append(held)
            copies[inner] = closed_over[inner.target]
        elif inner.op == "call_function":
            with graph.inserting_before(node):
                copies[inner] = graph.node_copy(inner, copies.__getitem__)
            copies[inner].meta |= {k: v for k, v in node.meta.items() if k == "nn_module_stack"}
    result = copies[operand(next(reversed(body.graph.nodes)))]
    result.meta.setdefault("value_name", name)
    node.replace_all_uses_with(result)
    graph.erase_node(node)
    return tensors


def _traced_change(change: Callable[[Tensor], Tensor], value: Tensor, name: str) -> fx.GraphModule:
    env = fake_mode([value]).shape_env
    assert env is not None
    num_guards, replacements = len(env.guards), dict(env.replacements)
    try:
        body = traced(change, [value])
    except InputError:
        raise
    except Exception as error:  # tracing raises many kinds
        raise InputError(_refusal(name, str(error))) from error
    if len(env.guards) > num_guards:
        reason = f"it asks whether {env.guards[-1].expr}"
        del env.guards[num_guards:]
        env.replacements.clear()
        env.replacements.update(replacements)
        raise InputError(_refusal(name, reason))
    return body


def _refusal(name: str, reason: str) -> str:
    first = reason.strip().splitlines()[0] if reason.strip() else "no reason given"
    return (
        f"the function fed at {name} cannot be compiled: {first}; feed tensors, write it without "
        "branches on numbers and lengths, or run the plan uncompiled"
    )
