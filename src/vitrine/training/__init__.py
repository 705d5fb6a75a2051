"""Train networks with torch: the extra `train`. Importing this package loads nothing heavy; its modules need torch."""

import importlib.util

from vitrine.errors import MissingPart


def need_torch() -> None:
    """Raise MissingPart, with the command that installs it, where torch or safetensors is absent."""
    for name in ("torch", "safetensors"):
        if importlib.util.find_spec(name) is None:
            raise MissingPart(
                f"training needs '{name}', which is not installed",
                hint="pip install 'vitrine[train]' --extra-index-url https://download.pytorch.org/whl/cpu",
            )
