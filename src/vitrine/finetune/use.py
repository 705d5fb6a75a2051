"""Enter a network in vitrine.toml as the embedder; every other line and comment of the file stays as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from vitrine import config
from vitrine.errors import InputError
from vitrine.stores.whole import whole

# what described the network before and would be wrong for another one
_OF_A_NETWORK = ("model", "sha256", "output", "size", "resize", "channels", "mean", "std", "precision")


def use_network(folder: Path, settings: Mapping[str, Any]) -> Path:
    """Write the `[embedder]` settings that describe a network (model, sha256, output, precision) into `folder`/vitrine.toml.

    Whether color and shape stand beside it, and whether mirror images are averaged, stays as it was.
    """
    path = folder / config.FILE
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    except (OSError, tomlkit.exceptions.ParseError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    section = document.setdefault("embedder", tomlkit.table())
    for name in _OF_A_NETWORK:
        section.pop(name, None)
    for name, value in settings.items():
        section[name] = value
    with whole(path, hint="free some space and run the same command again") as temporary:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")
    return path
