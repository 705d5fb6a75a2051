"""Find a network's file, in the package, on this disk or on the Hugging Face hub, and check that it is the expected one."""

import hashlib
from importlib.resources import files
from pathlib import Path

from vitrine.errors import InputError, MissingPart, Refused

HUB = "hf://"
SUFFIXES = (".onnx", ".tflite", ".xml")
# What comes with Vitrine, by name: docs/reference/vitrine-s.md says what it learnt from.
OWN = {"vitrine-s": "networks/vitrine-s.onnx"}
DEFAULT = "vitrine-s"  # what a new workspace sees with, beside color and shape


def weights(model: str, *, folder: Path, sha256: str | None = None) -> Path:
    """The local file of `model`: a name of `OWN`, a path (relative: in `folder`) or `hf://owner/name/file.onnx[@revision]`.

    Raises MissingPart where the file or the hub cannot be reached, InputError for a kind of file that
    OpenVINO does not read, Refused where the file's SHA-256 is not `sha256`.
    """
    path = _located(model, folder)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{model} is no ONNX, TFLite or OpenVINO IR file ({', '.join(SUFFIXES)})",
            hint=f"give such a file, hf://owner/name/file.onnx, or {' or '.join(OWN)}, which comes with Vitrine",
        )
    if not path.is_file():
        raise MissingPart(f"the model file {path} does not exist", hint="set model under [embedder] in vitrine.toml")
    seen = file_sha256(path)
    if sha256 is not None and seen != sha256.lower():
        raise Refused(
            f"{path} has SHA-256 {seen}, the workspace was made with {sha256}",
            hint="put the right file back, or start anew with: vitrine init --weights FILE",
        )
    return path


def _located(model: str, folder: Path) -> Path:
    if model in OWN:
        # a wheel is unpacked when it is installed, so this is a file
        return Path(str(files("vitrine.embed").joinpath(OWN[model])))
    return hub_file(model) if model.startswith(HUB) else folder / Path(model).expanduser()


def file_sha256(path: Path) -> str:
    """SHA-256 of the network; of an OpenVINO IR, which is two files, of the .xml followed by the .bin."""
    digest = hashlib.sha256()
    for part in [path, path.with_suffix(".bin")] if path.suffix.lower() == ".xml" else [path]:
        if not part.is_file():
            raise MissingPart(f"{path} needs {part.name} beside it", hint="copy both files of the OpenVINO IR")
        with open(part, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def hub_file(model: str) -> Path:
    """Download `hf://owner/name/path/file.onnx[@revision]`, or take it from the hub's own cache."""
    address, _, revision = model.removeprefix(HUB).partition("@")
    owner, name, *rest = [*address.split("/"), "", ""]
    file = "/".join(part for part in rest if part)
    if not owner or not name or not file:
        raise InputError(f"{model} is no hub address", hint="write hf://owner/name/file.onnx or …/file.onnx@revision")
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ModuleNotFoundError as error:
        raise MissingPart(f"{model} needs the hub extra", hint="pip install 'vitrine[hub]'") from error
    repository, at = f"{owner}/{name}", revision or None
    try:
        path = Path(hf_hub_download(repository, file, revision=at))
        if path.suffix.lower() == ".xml":
            hf_hub_download(repository, str(Path(file).with_suffix(".bin")), revision=at)
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        raise MissingPart(
            f"{model} cannot be fetched from the hub: {str(error).strip().splitlines()[0]}",
            hint="check the address and the connection, or download the file and give its path",
        ) from error
    return path
