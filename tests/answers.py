"""What a workspace says, in an order that lets two be compared."""

import pyarrow as pa

from vitrine.workspace import Workspace

_ROWS = ["sku", "attribute", "value", "confidence", "decision", "alternatives", "head_id", "model_id"]


def predictions(workspace: Workspace) -> pa.Table:
    """The champion's predictions but for their run and moment."""
    return workspace.predictions().select(_ROWS).sort_by([("sku", "ascending"), ("attribute", "ascending")])
