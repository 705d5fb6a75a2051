"""Keep the state of a training in one safetensors file: tensors as they are, everything around them as JSON. No pickle.

>>> from tempfile import mkdtemp
>>> path = Path(mkdtemp()) / "last.safetensors"
>>> save(path, {"rate": 0.1, "betas": (0.9, 0.99), "state": {0: {"step": torch.tensor(3.0)}}})
>>> load(path)
{'rate': 0.1, 'betas': (0.9, 0.99), 'state': {0: {'step': tensor(3.)}}}
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vitrine.errors import NotFound, StorageError
from vitrine.stores.whole import whole

_TREE = "tree"


def save(path: Path, state: Any) -> None:
    """Write dictionaries, lists, tuples, tensors and plain values to `path`, whole or not at all.

    StorageError when the disk does not take it.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = _taken_apart(state, tensors)
    with whole(path, hint="free some space and run the same command again: it continues") as temporary:
        try:
            save_file(tensors, temporary, metadata={_TREE: json.dumps(tree)})
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load(path: Path) -> Any:
    """What `save` kept, on the CPU; NotFound without the file, StorageError when it is damaged."""
    if not path.exists():
        raise NotFound(f"there is no checkpoint {path}")
    try:
        with safe_open(path, framework="pt") as file:
            tree = json.loads((file.metadata() or {})[_TREE])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dictionary
            return _put_together(tree, tensors)
    except (SafetensorError, KeyError, ValueError) as error:
        raise StorageError(
            f"the checkpoint {path} is damaged: {error}", hint=f"delete it to begin anew: rm '{path}'"
        ) from error


def _taken_apart(node: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(node, torch.Tensor):
        name = str(len(tensors))
        # a copy: safetensors refuses tensors that share memory, and reads only the plain layout
        tensors[name] = node.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(node, dict):
        return {"dict": [[key, _taken_apart(value, tensors)] for key, value in node.items()]}
    if isinstance(node, list | tuple):
        return {type(node).__name__: [_taken_apart(value, tensors) for value in node]}
    return node


def _put_together(tree: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(tree, dict):
        return tree
    (kind, content), *_ = tree.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _put_together(value, tensors) for key, value in content}
    values = [_put_together(value, tensors) for value in content]
    return tuple(values) if kind == "tuple" else values
