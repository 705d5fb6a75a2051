"""Build the embedder that the settings describe.

>>> from vitrine.config import EmbedderSettings
>>> [block.name for block in build(EmbedderSettings(), folder=Path(".")).blocks][:1]
['color']
"""

import importlib
from pathlib import Path
from typing import Any

from vitrine.config import EmbedderSettings
from vitrine.embed.embedder import Embedder
from vitrine.embed.weights import DEFAULT, HUB, OWN, weights
from vitrine.errors import InputError, MissingPart

EMBEDDERS = {
    "color-shape": "vitrine.embed.color_shape:ColorShape",
    "openvino": "vitrine.embed.openvino:OpenVino",
    "composite": "vitrine.embed.composite:Composite",
}


def build(settings: EmbedderSettings, *, folder: Path) -> Embedder:
    """The one part the settings name, or a composite of them; a relative model path starts at `folder`.

    Raises InputError when nothing is switched on, MissingPart where a library is absent.
    """
    parts = []
    if settings.model:
        own = settings.model_dump(exclude={"color_shape"})
        parts.append(make("openvino", folder=folder, **own))
    if settings.color_shape:
        parts.append(make("color-shape"))
    if not parts:
        raise InputError(
            "no embedder is switched on: color_shape is false and model is empty",
            hint="set one of them under [embedder] in vitrine.toml",
        )
    return parts[0] if len(parts) == 1 else make("composite", parts=parts)


def propose_network(model: str | Path = DEFAULT) -> dict[str, Any]:
    """The [embedder] settings for a network's file (see `weights`), as the file describes itself.

    The precision is the best of this machine, but f32 for int8 weights, which bf16 hardly speeds up, and for a network that
    gives vectors of several depths: early layers lose colors in bf16.
    """
    from vitrine.embed.describe import describe
    from vitrine.embed.openvino import best_precision

    path = weights(str(model), folder=Path())
    found = describe(path)
    return {
        "model": str(model) if str(model) in OWN or str(model).startswith(HUB) else str(path.resolve()),
        "sha256": found.sha256,
        "output": ",".join(found.outputs),
        "precision": "f32" if found.quantized or found.several else best_precision(),
    }


def make(name: str, **options: Any) -> Embedder:
    """An embedder of the registry, imported only now."""
    if name not in EMBEDDERS:
        raise InputError(f"embedder {name!r} is unknown; known: {', '.join(EMBEDDERS)}")
    module_name, _, class_name = EMBEDDERS[name].partition(":")
    try:
        made: Embedder = getattr(importlib.import_module(module_name), class_name)(**options)
    except ModuleNotFoundError as error:
        raise MissingPart(
            f"embedder {name!r} needs the package {error.name}", hint=f"pip install {error.name}"
        ) from error
    return made
