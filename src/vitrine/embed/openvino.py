"""Embed with any network that OpenVINO reads: ONNX, TFLite or IR, from this disk or the Hugging Face hub."""

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vitrine.embed.describe import Description, describe
from vitrine.embed.embedder import Block, check_image, embedder_id
from vitrine.embed.network import core, fix_shape, read_network, vectors_only
from vitrine.embed.preprocess import Channels, Preprocessing, ResizeMode, preprocess
from vitrine.embed.weights import weights
from vitrine.errors import InputError, Refused

Precision = Literal["f32", "bf16"]
Triple = tuple[float, float, float]


class OpenVino:
    """The values that a network computes on its way to an answer, for one photo an inference request.

    `model` is a file or an `hf://` address (see `vitrine.embed.weights`). `output` names one or several
    values, with commas; a map is averaged over its area. What is left out is what `describe` proposes. The
    file is read when the id or a vector is first asked for, and compiled when a vector is. With `mirror` the
    vector is the mean of the photo's and its mirror image's, at twice the cost. Each request holds one photo,
    so that no photo's bits depend on its neighbors; several requests run at a time.
    With `center` the network also looks at that share of each side in the middle of the photo, where a logo or a buckle
    is larger; what it sees there are blocks of their own, at twice the cost.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        folder: Path | None = None,
        sha256: str | None = None,
        output: str | None = None,
        size: int | None = None,
        resize: ResizeMode = "pad",
        channels: Channels = "RGB",
        mean: Triple | None = None,
        std: Triple | None = None,
        precision: Precision = "f32",
        mirror: bool = False,
        center: float | None = None,
    ) -> None:
        self._model = str(model)
        self._folder = folder or Path()
        self._sha256, self._output = sha256, output
        self._size, self._resize, self._channels = size, resize, channels
        self._mean, self._std = mean, std
        self.precision = precision
        self.mirror = mirror
        self.center = center
        self._lock = Lock()

    @cached_property
    def path(self) -> Path:
        """The network's file, its SHA-256 checked."""
        return weights(self._model, folder=self._folder, sha256=self._sha256)

    @cached_property
    def description(self) -> Description:
        """What the file says about itself."""
        return describe(self.path)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of the values that are read."""
        known = {candidate.output for candidate in self.description.candidates}
        given = [name.strip() for name in self._output.split(",")] if self._output else []
        for name in given:
            if name not in known:
                vectors = [one.output for one in self.description.candidates if one.side == 1]
                raise InputError(
                    f"{self.path} has no value {name!r} that is one vector or map a photo",
                    hint=f"its last vectors are {', '.join(vectors[-6:])}",
                )
        return tuple(given) or self.description.outputs

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """How pixels become the network's input."""
        found = self.description
        return Preprocessing(
            self._size or found.size, self._resize, self._channels, found.layout,
            self._mean or found.mean, self._std or found.std,
        )  # fmt: skip

    @cached_property
    def id(self) -> str:
        """The embedder's name and a hash of its contract."""
        return embedder_id("openvino", self.contract)

    @property
    def contract(self) -> dict[str, object]:
        """Everything that changes a vector."""
        center = {} if self.center is None else {"center": self.center}
        return center | {
            "kind": "openvino",
            "version": 1,
            "weights": self.description.sha256,
            "outputs": list(self.outputs),
            "preprocessing": self.preprocessing.contract(),
            "precision": self.precision,
            "mirror": self.mirror,
            "blocks": [[block.name, block.start, block.stop] for block in self.blocks],
        }

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """One block for each value that is read, named after it; then those of the middle of the photo."""
        lengths = {candidate.output: candidate.dim for candidate in self.description.candidates}
        blocks: list[Block] = []
        for view in ("",) if self.center is None else ("", " center"):
            for name in self.outputs:
                start = blocks[-1].stop if blocks else 0
                blocks.append(Block(name + view, start, start + lengths[name]))
        return tuple(blocks)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.blocks[-1].stop

    @property
    def side(self) -> int:
        """The shortest side in pixels that is of use."""
        return math.ceil(self.preprocessing.size / (self.center or 1.0))

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Vectors (n, dim) of RGB images of any sizes."""
        mirrors = 2 if self.mirror else 1
        vectors = np.empty((len(images), mirrors, self.dim), np.float32)
        for image in images:
            check_image(image)

        def keep(request: Any, place: tuple[int, int, int]) -> None:
            row, mirrored, view = place
            count = len(self.outputs)
            for number, block in enumerate(self.blocks[view * count : (view + 1) * count]):
                values = request.get_output_tensor(number).data
                vectors[row, mirrored, block.start : block.stop] = values.reshape(-1)

        with self._lock:
            queue = self._queue
            queue.set_callback(keep)
            for row, image in enumerate(images):
                for view, square in enumerate(self._squares(image)):
                    queue.start_async({0: square[None]}, (row, 0, view))
                    if self.mirror:
                        queue.start_async({0: np.ascontiguousarray(square[None, :, ::-1])}, (row, 1, view))
            queue.wait_all()
        if self.mirror:
            return np.asarray((vectors[:, 0] + vectors[:, 1]) * np.float32(0.5))
        return vectors[:, 0]

    def _squares(self, image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """What the network is shown of a photo: all of it, and its middle where that is wanted."""
        size, mode = self.preprocessing.size, self.preprocessing.resize
        pictures = [image] if self.center is None else [image, _middle(image, self.center)]
        return [preprocess(picture, size, mode) for picture in pictures]

    @cached_property
    def _queue(self) -> Any:
        import openvino

        if self.precision == "bf16" and best_precision() != "bf16":
            raise Refused(
                "this workspace embeds in bf16, which this processor does not have",
                hint='set precision = "f32" under [embedder] in vitrine.toml, then embed anew: vitrine train',
            )
        model = read_network(self.path)
        fix_shape(model, self.preprocessing.layout, self.preprocessing.size, self.path)
        model = self._with_preprocessing(vectors_only(model, list(self.outputs)))
        options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": self.precision}
        return openvino.AsyncInferQueue(core().compile_model(model, "CPU", options))

    def _with_preprocessing(self, model: Any) -> Any:
        """Bytes in (1, height, width, 3) RGB become what the network takes, within the network."""
        import openvino
        from openvino.preprocess import PrePostProcessor

        wanted = self.preprocessing
        steps = PrePostProcessor(model)
        taken = steps.input(0)
        taken.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        taken.model().set_layout(openvino.Layout(wanted.layout))
        if wanted.channels == "BGR":
            taken.preprocess().reverse_channels()
        if wanted.mean != (0.0, 0.0, 0.0) or wanted.std != (1.0, 1.0, 1.0):
            taken.preprocess().convert_element_type(openvino.Type.f32)
            taken.preprocess().mean(list(wanted.mean)).scale(list(wanted.std))
        return steps.build()


def _middle(image: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """The middle of a picture: `share` of its height and width, at least one pixel."""
    height, width = (max(1, round(share * side)) for side in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def best_precision() -> Precision:
    """`bf16` where the processor computes in it (AMX, AVX-512 BF16), else `f32`."""
    capabilities = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in capabilities else "f32"
