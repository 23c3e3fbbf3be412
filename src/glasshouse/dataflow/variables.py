"""Variables: tensors that outlive a run, and that a run may assign.

A module's parameters and buffers live in the module; a graph reads them at every run. A run leaves
them as they are unless it is told to `assign` them: then every write that the module's code makes
into them (a counter, running statistics, a cache that was given as an input) is made for good.

Source:
    Abadi et al. 2016 (1603.04467), sections 2 (Variables) and 3.3 (Save and Restore).
"""

from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from glasshouse.dataflow.address import matching_names, only_name
from glasshouse.errors import InputError, RunError
from glasshouse.files import write_atomically


class Variables(MutableMapping[str, Tensor]):
    """A module's parameters and buffers by name. To set one writes into the live tensor.

    Args:
        module: Whose they are.
        names: Names or patterns (`blocks.*.attn.**`); None: all of them.

    Raises:
        InputError: If a name finds nothing.
    """

    def __init__(self, module: nn.Module, names: str | Sequence[str] | None = None) -> None:
        self._module = module
        known = [name for name, _ in module.named_parameters()]
        known += [name for name, _ in module.named_buffers()]
        if names is not None:
            patterns = (names,) if isinstance(names, str) else names
            chosen = {name for pattern in patterns for name in matching_names(pattern, known)}
            known = [name for name in known if name in chosen]
        self._names = tuple(known)

    def __getitem__(self, name: str) -> Tensor:
        """The live tensor.

        Raises:
            InputError: If there is no such variable, or a pattern finds several; the message lists
                the nearest names.
        """
        path, _, key = only_name(name, self._names).rpartition(".")
        return getattr(self._module.get_submodule(path), key).detach()

    def __setitem__(self, name: str, value: Tensor) -> None:
        """Write a value into the live tensor.

        Raises:
            InputError: If the shape or dtype is another.
        """
        old = self[name]
        _check(name, value, old)
        with torch.no_grad():
            old.copy_(value)

    def __delitem__(self, name: str) -> None:
        raise InputError(f"{name} is part of a module and cannot be deleted")

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of all values, as they are now; `update` brings them back."""
        return {name: value.clone() for name, value in self.items()}

    def save(self, path: Path) -> None:
        """Write all values as one safetensors file, which is whole or absent.

        Raises:
            OSError: If the disk is full or the folder cannot be written.
        """
        seen: set[int] = set()
        values = {}
        for name, value in self.items():
            storage = value.untyped_storage().data_ptr()
            values[name] = value.clone() if storage in seen else value.contiguous()
            seen.add(storage)
        write_atomically(path, lambda draft: safetensors.torch.save_file(values, draft))

    def restore(self, path: Path) -> None:
        """Read all values from a file that `save` wrote: every one of them or none.

        Raises:
            RunError: If the file is missing, truncated or of another module; nothing has been
                changed then.
        """
        try:
            values = safetensors.torch.load_file(path)
        except (OSError, SafetensorError) as error:
            raise RunError(f"{path} holds no variables that can be read: {error}") from error
        missing, unknown = self.keys() - values.keys(), values.keys() - self.keys()
        if missing or unknown:
            odd = ", ".join(sorted(missing or unknown)[:3])
            raise RunError(
                f"{path} {'lacks' if missing else 'holds'} {odd}, which this module "
                f"{'has' if missing else 'lacks'}; was it saved from another?"
            )
        for name, value in values.items():
            try:
                _check(name, value, self[name])
            except InputError as error:
                raise RunError(f"{path} does not fit: {error}") from error
        self.update(values)


def _check(name: str, value: Tensor, old: Tensor) -> None:
    if (value.shape, value.dtype) != (old.shape, old.dtype):
        raise InputError(
            f"{name} is {tuple(old.shape)} {old.dtype}; what should be put there is "
            f"{tuple(value.shape)} {value.dtype}"
        )
