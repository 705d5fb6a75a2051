"""The kit: what a worker on another machine needs of a workspace; it never sees the catalog.

Photos, vectors and answers go by the store that all machines reach; settings, taxonomy, network and model are sent along.
"""

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitrine import __version__, config
from vitrine.embed.weights import weights
from vitrine.errors import Refused
from vitrine.workspace import Workspace

if TYPE_CHECKING:
    from vitrine.config import Settings
    from vitrine.learn.model import Model

# what computes pixels, vectors and answers: of another version it may give other digits
_COMPUTING = ("numpy", "pillow", "openvino", "scipy", "scikit-learn", "xgboost-cpu")
_PLACES = ("photos", "embeddings", "runs")


@dataclass(frozen=True, slots=True)
class Kit:
    """Settings and files by their place in the workspace, and the identities that a worker must share."""

    settings: Mapping[str, dict[str, Any]]
    files: Mapping[str, bytes]
    model_id: str | None
    embedding_id: str
    versions: Mapping[str, str]


def pack(workspace: Workspace, model: "Model | None") -> Kit:
    """What workers need to embed in this workspace, and with a `model` to classify."""
    files = {"taxonomy.toml": (workspace.folder / "taxonomy.toml").read_bytes()}
    if model is not None:
        folder = workspace.data / "models" / model.model_id
        found = (path for path in sorted(folder.rglob("*")) if path.is_file())
        files |= {path.relative_to(workspace.folder).as_posix(): path.read_bytes() for path in found}
    settings = _settings(workspace)
    if (network := workspace.settings.embedder.model) is not None:
        path = weights(network, folder=workspace.folder, sha256=workspace.settings.embedder.sha256)
        # an OpenVINO IR is two files
        files |= {f"network/{one.name}": one.read_bytes() for one in (path, path.with_suffix(".bin")) if one.is_file()}
        settings["embedder"]["model"] = f"network/{path.name}"
    return Kit(settings, files, model.model_id if model else None, workspace.embedding_id, _versions())


def unpack(kit: Kit, folder: Path) -> Workspace:
    """The workspace of a kit, in `folder`; Refused where this machine would compute something else, or not see the photos."""
    here = _versions()
    for name, version in kit.versions.items():
        if here.get(name) != version:
            raise Refused(
                f"worker on {platform.node()}: {name} is {here.get(name)}, where the batch was started it is {version}",
                hint="install the same versions on every machine: pip install -c constraints.txt 'vitrine[ray,s3]'",
            )
    for name, data in kit.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    config.write(folder, dict(kit.settings))
    workspace = Workspace(folder)
    _check_places(workspace.settings)
    if workspace.embedding_id != kit.embedding_id:
        raise Refused(
            f"worker on {platform.node()} makes vectors of {workspace.embedding_id}, asked for are {kit.embedding_id}",
            hint="install the same versions on every machine",
        )
    return workspace


def _settings(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Those that change an answer, with places as every machine names them."""
    kept = workspace.settings.model_dump(include={"cleaning", "embedder"}, exclude_none=True)
    places = {name: workspace.place(getattr(workspace.settings.storage, name)) for name in _PLACES}
    for name in ("embeddings", "runs"):
        if "://" not in places[name]:
            Path(places[name]).mkdir(parents=True, exist_ok=True)  # so that a worker that does not see it says so
    return {**kept, "storage": places}


def _versions() -> dict[str, str]:
    found = {"vitrine": __version__, "python": platform.python_version()}
    for name in _COMPUTING:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _check_places(settings: "Settings") -> None:
    for name in _PLACES:
        place = getattr(settings.storage, name)
        if "://" not in place and not Path(place).is_dir():
            raise Refused(
                f"worker on {platform.node()}: there is no folder {place}",
                hint=f"set {name} under [storage] to what all machines reach, such as s3://bucket/{name}",
            )
