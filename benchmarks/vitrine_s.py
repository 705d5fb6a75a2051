"""Build `vitrine-s`, the network that comes with Vitrine, and compare it with its own starting weights on sets it never saw.

    python benchmarks/vitrine_s.py --data ../shared/data --keep FOLDER

It begins with the Apache-2.0 weights of MobileNetV2 and learns from CC0 `clothing` (its train folder) and a drawn catalog,
without labels: what it sees in one look shall be what its start sees on average in six (near, far, mirrored). It gives four
vectors, one where each resolution is left: the mean and the spread of the map there. Judged are `fashion-products` and
`shoe-brands`: heads on its vectors against heads on the start's, alone and beside color-shape, over family-safe splits.
Prints a table and writes results/vitrine_s.json; the network itself lies in FOLDER/vitrine-s.onnx.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from finetune import FROZEN, MOBILENET, Parts, gain, judged
from real_photos import dataset_of, make
from vitrine.config import EmbedderSettings
from vitrine.demo.catalog import draw_catalog
from vitrine.embed.build import build as build_embedder
from vitrine.embed.network import core
from vitrine.embed.preprocess import preprocess
from vitrine.embed.weights import file_sha256
from vitrine.errors import Refused
from vitrine.finetune.export import export, prove
from vitrine.finetune.job import embedder_settings
from vitrine.finetune.mobilenet_v2 import MobileNetV2, read_weights
from vitrine.finetune.start import open_start
from vitrine.workspace import Workspace

SIDE = 224
VARIANTS = 3  # pictures made of a photo: as it is, and two cut and colored at random
FROZEN_BLOCKS = 8  # up to the first with 64 columns: what they give is computed once
MOST_PARAMETERS, MOST_BYTES = 4_000_000, 8_000_000
Pictures = NDArray[np.uint8]


def started(data: Path) -> MobileNetV2:
    """The network with the weights it starts from."""
    network = MobileNetV2(normalized=False)
    read_weights(network, data / MOBILENET)
    return network.eval()


def pictures(arguments: argparse.Namespace) -> Pictures:
    """Each photo to learn from in `VARIANTS` pictures, one after the other: (n, 224, 224, 3)."""
    drawn = arguments.keep / "drawn"
    if not drawn.exists():
        draw_catalog(drawn, products=arguments.drawn, seed=3, size=SIDE, faults=False)
    clothing = make("clothing", arguments.data, arguments.keep / "clothing", arguments.data / FROZEN)
    table = clothing.freeze().table.select(["sku", "photo_ids"]).to_pylist()
    ids = sorted({one for row in table if not row["sku"].startswith("validation/") for one in row["photo_ids"]})
    photos = [clothing.pixels(one) for one in ids]
    photos += [np.asarray(Image.open(path).convert("RGB")) for path in sorted((drawn / "photos").iterdir())]
    random = np.random.default_rng(0)
    made = np.empty((len(photos) * VARIANTS, SIDE, SIDE, 3), np.uint8)
    for number, photo in enumerate(photos):
        made[number * VARIANTS] = preprocess(photo, SIDE, "pad")
        for variant in range(1, VARIANTS):
            made[number * VARIANTS + variant] = varied(Image.fromarray(photo), random)
    return made


def varied(photo: Image.Image, random: np.random.Generator) -> Pictures:
    """Half to all of the photo, a little stretched, perhaps mirrored, brighter or paler."""
    area, ratio = random.uniform(0.5, 1), np.exp(random.uniform(-0.25, 0.25))
    wide, high = min(1, np.sqrt(area * ratio)), min(1, np.sqrt(area / ratio))
    left, top = random.uniform(0, 1 - wide), random.uniform(0, 1 - high)
    box = np.array([left, top, left + wide, top + high]) * (2 * photo.size)
    made = photo.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=tuple(box.tolist()))
    if random.random() < 0.5:
        made = made.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if random.random() < 0.5:
        made = ImageEnhance.Brightness(made).enhance(random.uniform(0.8, 1.2))
    if random.random() < 0.5:
        made = ImageEnhance.Color(made).enhance(random.uniform(0.6, 1.4))
    return np.asarray(made)


def six_views(picture: Pictures) -> Iterator[Pictures]:
    """The picture as it is, nearer and farther away, each with its mirror image."""
    image = Image.fromarray(picture)
    edge, less = int(SIDE * 0.08), int(SIDE * 0.84)
    near = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=(edge, edge, SIDE - edge, SIDE - edge))
    far = np.full_like(picture, 255)
    begin = (SIDE - less) // 2
    far[begin : begin + less, begin : begin + less] = image.resize((less, less), Image.Resampling.BILINEAR)
    for view in (picture, np.asarray(near), far):
        yield np.ascontiguousarray(view)
        yield np.ascontiguousarray(view[:, ::-1])


def taught(network: MobileNetV2, shown: Pictures, path: Path) -> list[torch.Tensor]:
    """What the start sees of each picture, the mean of its six views: the embedding (n, 1280) and depth-14 (n, 1152)."""
    export(network, path)
    compiled = core().compile_model(str(path), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
    sums = [np.zeros((len(shown), compiled.output(one).partial_shape[1].get_length()), np.float32) for one in range(2)]
    lock = Lock()

    def add(request: Any, row: int) -> None:
        with lock:
            for number, total in enumerate(sums):
                total[row] += request.get_output_tensor(number).data[0] / 6

    queue = openvino.AsyncInferQueue(compiled)
    queue.set_callback(add)
    for row, picture in enumerate(shown):
        for view in six_views(picture):
            queue.start_async({0: view[None]}, row)
    queue.wait_all()
    return [torch.from_numpy(total) for total in sums]


def learn(
    network: MobileNetV2, shown: Pictures, wanted: list[torch.Tensor], arguments: argparse.Namespace
) -> list[float]:
    """Let the upper blocks learn the mean of six views from one; the held-out loss of each epoch (1 = knows nothing)."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.learn_only(len(network.depths()) - FROZEN_BLOCKS)
    parts = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16):
        for begin in range(0, len(shown), 64):
            batch = torch.from_numpy(shown[begin : begin + 64]).permute(0, 3, 1, 2).float()
            lower = network.lower(network.normalize(batch.contiguous(memory_format=torch.channels_last)), FROZEN_BLOCKS)
            parts.append(lower.half().clone())
    base = torch.cat(parts)
    scale = [one.std(0).clamp_min(0.1 * float(one.std(0).mean())) for one in wanted]

    def loss_of(rows: torch.Tensor) -> torch.Tensor:
        lower = base[rows].float().contiguous(memory_format=torch.channels_last)
        seen = network.see_above(lower, FROZEN_BLOCKS)
        pairs = zip(seen, wanted, scale, strict=True)
        return torch.stack([((one - goal[rows]) / spread).square().mean() for one, goal, spread in pairs]).sum()

    photos = torch.from_numpy(np.random.default_rng(1).permutation(len(shown) // VARIANTS))
    held = len(photos) // 12
    rows = (photos[:, None] * VARIANTS + torch.arange(VARIANTS)).reshape(-1)
    held_rows, own = rows[: held * VARIANTS], rows[held * VARIANTS :]
    learning = [one for one in network.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=arguments.rate, weight_decay=0)
    steps = arguments.epochs * (len(own) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, arguments.rate, total_steps=steps, pct_start=0.1)
    history = []
    for epoch in range(arguments.epochs):
        begun = time.perf_counter()
        for batch in own[torch.randperm(len(own))][: len(own) // 64 * 64].split(64):
            with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16):
                loss = loss_of(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.inference_mode():
            history.append(float(np.mean([float(loss_of(batch)) for batch in held_rows.split(64)])))
        print(f"epoch {epoch}: held out {history[-1]:.4f}, {time.perf_counter() - begun:.0f} s", flush=True)
    return history


def build(arguments: argparse.Namespace) -> dict[str, Any]:
    """Learn, export, prove and check the size."""
    torch.manual_seed(0)
    shown = pictures(arguments)
    print(f"{len(shown)} pictures", flush=True)
    network = started(arguments.data)
    wanted = taught(network, shown, arguments.keep / "start-four-depths.onnx")
    history = learn(network, shown, wanted, arguments)
    # half-way to the start: nearer to the six views on photos unlike those it learnt from (Wortsman et al. 2022)
    learnt = network.state_dict()
    begun = started(arguments.data).state_dict()
    network.load_state_dict({name: (learnt[name] + begun[name]) / 2 for name in learnt})
    path = arguments.keep / "vitrine-s.onnx"
    export(network, path)
    proof = prove(network, path, shown[:: max(1, len(shown) // 100)])
    size = sum(parameter.numel() for parameter in network.parameters())
    if size > MOST_PARAMETERS or path.stat().st_size > MOST_BYTES:
        raise Refused(f"{size:,} parameters in {path.stat().st_size:,} bytes are more than vitrine-s may have")
    return {
        "network": str(path), "sha256": file_sha256(path), "bytes": path.stat().st_size, "parameters": size,
        "pictures": len(shown), "held_out": history, "cosine": proof.cosine,
    }  # fmt: skip


def both(arguments: argparse.Namespace, built: Mapping[str, Any], name: str) -> tuple[Workspace, dict[str, Path]]:
    """A set's workspace, and in it the start and what was built."""
    workspace = make(name, arguments.data, arguments.keep / name, arguments.data / FROZEN)
    before = workspace.folder / "start.onnx"
    if not before.exists():
        export(open_start(str(arguments.data / MOBILENET)).backbone, before, pooled=True)
    own = workspace.data / "networks" / Path(built["network"]).name
    own.parent.mkdir(exist_ok=True)
    shutil.copyfile(built["network"], own)
    return workspace, {"start": before, "vitrine-s": own}


def compare(arguments: argparse.Namespace, built: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per set, split, attribute and company: accuracy of both, and the gain with its interval."""
    found = []
    for name in arguments.sets:
        workspace, networks = both(arguments, built, name)
        for beside in ("alone", "color-shape"):
            parts = {
                one: Parts(
                    workspace, [_alone(path, workspace.folder)] + [EmbedderSettings()] * (beside == "color-shape")
                )
                for one, path in networks.items()
            }
            for number in range(arguments.splits):
                dataset = dataset_of(workspace, f"split-{number}")
                scores, rows = {}, {}
                for one in networks:
                    scores[one], rows[one] = judged(workspace, dataset, parts[one])
                for attribute in scores["start"]:
                    change = gain(rows["vitrine-s"], rows["start"], attribute)
                    line = {"set": name, "beside": beside, "split": number, "attribute": attribute, **change}
                    line |= {one: scores[one][attribute]["accuracy"] for one in networks}
                    found.append(line)
                    print(f"{name:<17}{beside:<12}{number} {attribute:<16} n = {change['n']:<6} start {line['start']:.4f}  "
                          f"vitrine-s {line['vitrine-s']:.4f}  {100 * change['gain']:+.2f} "
                          f"({100 * change['low']:+.2f} to {100 * change['high']:+.2f})", flush=True)  # fmt: skip
    return found


def rates(workspace: Workspace, networks: Mapping[str, Path]) -> dict[str, float]:
    """Photos a second of each network alone, one after the other: medians of five rounds of 400 photos."""
    ids = sorted({one for row in workspace.freeze().table.column("photo_ids").to_pylist() for one in row})[:400]
    photos = [workspace.pixels(one) for one in ids]
    folder = workspace.folder
    embedders = {name: build_embedder(_alone(path, folder), folder=folder) for name, path in networks.items()}
    seen: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(5):
        for name, embedder in embedders.items():
            begun = time.perf_counter()
            embedder.embed(photos)
            seen[name].append(len(photos) / (time.perf_counter() - begun))
    return {name: statistics.median(some) for name, some in seen.items()}


def _alone(network: Path, folder: Path) -> EmbedderSettings:
    # in half precision early layers lose colors: at the same precision, which costs the same
    return EmbedderSettings(**{**embedder_settings(network, folder), "precision": "f32", "color_shape": False})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "vitrine-finetune")
    parser.add_argument("--drawn", type=int, default=1_600, help="products of the drawn catalog")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rate", type=float, default=5e-4, help="highest learning rate")
    parser.add_argument("--network", type=Path, help="compare this file instead of building one")
    parser.add_argument("--sets", nargs="*", default=["fashion-products", "shoe-brands"])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--bf16", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    arguments.keep.mkdir(parents=True, exist_ok=True)
    built = {"network": str(arguments.network)} if arguments.network else build(arguments)
    rate = rates(*both(arguments, built, arguments.sets[0]))
    print("photos a second alone: " + ", ".join(f"{name} {value:.0f}" for name, value in rate.items()), flush=True)
    found = compare(arguments, built)
    for beside in ("alone", "color-shape"):
        lines = [line for line in found if line["beside"] == beside]
        names = sorted({(line["set"], line["attribute"]) for line in lines})
        gains = [np.mean([line["gain"] for line in lines if (line["set"], line["attribute"]) == one]) for one in names]
        print(
            f"{beside}: mean over {len(names)} attributes {100 * np.mean(gains):+.2f} points, worst {100 * min(gains):+.2f}"
        )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    Path("results").mkdir(exist_ok=True)
    Path("results/vitrine_s.json").write_text(
        json.dumps({"commit": commit, **built, "photos_per_second": rate, "found": found}, indent=1, default=str)
    )


if __name__ == "__main__":
    main()
