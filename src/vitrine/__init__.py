"""Vitrine: an open, offline product-information desk for fashion retail.

`vitrine.open(folder)` gives a workspace: `.predictions()`, `.products()`, `.labels()` are Arrow tables
(`.to_pandas()` makes them pandas), `.classify_photo(data)` answers for one photo.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitrine.workspace import Workspace, open

__version__ = "0.1.0"
__all__ = ["Workspace", "__version__", "open"]


def __getattr__(name: str) -> Any:
    """Import the workspace when it is first asked for: `import vitrine.errors` should not load a database."""
    if name in ("Workspace", "open"):
        from vitrine import workspace

        return getattr(workspace, name)
    raise AttributeError(f"module 'vitrine' has no attribute '{name}'")
