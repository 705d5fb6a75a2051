"""Photos to attributes, end to end, against the straightforward way on the same photos in the same run.

    pip install torch==2.13.0
    python benchmarks/classify.py --photos 400 --repeats 3

Ours: ingest (read, clean, measure, fingerprint, catalog) and classify (decode, embed, 13 heads, write). The straightforward
way: Pillow, torch eager in float32, `XGBClassifier.predict_proba` per attribute and batch, Parquet. Both networks have random
weights (only speed is compared) and the same shape. Prints medians over repeats and the ratio; stages of ours are told apart.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import xgboost
from PIL import Image
from torch import nn

from vitrine.demo.catalog import draw_catalog
from vitrine.embed.build import propose_network
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.jobs import run_training
from vitrine.workspace import Workspace, create
from vitrine.workspace import open as open_workspace

SIDE = 1_200
BATCH = 8


def conv(a: int, b: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(a, b, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(b)]
    return nn.Sequential(*layers, nn.ReLU6()) if act else nn.Sequential(*layers)


class Residual(nn.Module):
    """A block with a shortcut, projected where the shape changes and `project` asks for it."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + (x if self.shortcut is None else self.shortcut(x))


def mobilenet_v2() -> nn.Module:
    """MobileNetV2 1.0 (Sandler et al. 2018), 1,280 numbers out."""
    layers: list[nn.Module] = [conv(3, 32, 3, 2)]
    before = 32
    for t, c, n, s in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for i in range(n):
            stride, hidden = (s if i == 0 else 1), before * t
            body = nn.Sequential(
                *([conv(before, hidden)] if t > 1 else []),
                conv(hidden, hidden, 3, stride, hidden),
                conv(hidden, c, act=False),
            )
            layers.append(Residual(body, None) if stride == 1 and before == c else body)
            before = c
    return nn.Sequential(*layers, conv(before, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def resnet50() -> nn.Module:
    """ResNet-50 (He et al. 2016), 2,048 numbers out."""
    layers: list[nn.Module] = [conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    before = 64
    for width, n, s in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for i in range(n):
            stride = s if i == 0 else 1
            body = nn.Sequential(conv(before, width), conv(width, width, 3, stride), conv(width, 4 * width, act=False))
            shortcut = conv(before, 4 * width, 1, stride, act=False) if i == 0 else None
            layers += [Residual(body, shortcut), nn.ReLU()]
            before = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


NETWORKS = {"MobileNetV2": mobilenet_v2, "ResNet-50": resnet50}


def photos_of_studio_size(drawn: Path, folder: Path, count: int) -> None:
    """Drawn photos enlarged to 1,200 pixels, as a studio delivers them, each the photo of a new product."""
    folder.mkdir()
    for path in sorted(drawn.iterdir())[:count]:
        studio = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        studio.save(folder / f"N{path.name}", quality=90)


def straightforward(network: nn.Module, heads: list[xgboost.XGBClassifier], photos: list[Path], output: Path) -> float:
    begun = time.perf_counter()
    rows = []
    with torch.inference_mode():
        for start in range(0, len(photos), BATCH):
            batch = photos[start : start + BATCH]
            pixels = [np.asarray(Image.open(p).convert("RGB").resize((224, 224)), dtype=np.float32) for p in batch]
            vectors = network(torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2) / 127.5 - 1).numpy()
            for number, head in enumerate(heads):
                proba = head.predict_proba(vectors)
                rows += [(p.name, number, int(r.argmax()), float(r.max())) for p, r in zip(batch, proba, strict=True)]
    columns = list(zip(*rows, strict=True))
    pq.write_table(pa.table(dict(zip(("photo", "attribute", "value", "confidence"), columns, strict=True))), output)
    return time.perf_counter() - begun


def learn(drawn: Path, folder: Path, embedder: dict[str, Any]) -> Path:
    """A workspace with 13 trained heads on this embedder."""
    workspace = create(folder, (drawn / "taxonomy.toml").read_text(encoding="utf-8"), {"embedder": embedder})
    items = items_of_rows(read_table(drawn / "labels.csv"), workspace.settings.columns, workspace.taxonomy)
    workspace.ingest(items, PhotoSource(str(drawn / "photos")), place="learn")
    run_training(workspace, attributes=None, on_embed=lambda *_: None, on_train=lambda *_: None)
    workspace.classify()
    workspace.catalog.close()
    return folder


def ours(workspace: Workspace, table: Path, photos: Path, place: str) -> tuple[float, float]:
    """Seconds of ingest and of classify for photos that are new to the workspace."""
    begun = time.perf_counter()
    items = items_of_rows(
        read_table(table), workspace.settings.columns, workspace.taxonomy, PhotoSource(str(photos)).list()
    )
    workspace.ingest(items, PhotoSource(str(photos)), place=place)
    middle = time.perf_counter()
    workspace.classify()
    return middle - begun, time.perf_counter() - middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--color-shape", action="store_true", help="with the color and shape block as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_catalog(folder / "learn", products=500, seed=1, size=256, faults=False)
        draw_catalog(folder / "new", products=arguments.photos, seed=2, size=256, faults=False)
        photos_of_studio_size(folder / "new" / "photos", folder / "studio", arguments.photos)
        photos = sorted((folder / "studio").iterdir())
        random = np.random.default_rng(0)
        for network in arguments.networks:
            torch.manual_seed(0)
            model = NETWORKS[network]().eval()
            path = folder / f"{network}.xml"
            example = torch.zeros(1, 3, 224, 224)
            openvino.save_model(openvino.convert_model(model, example_input=example, input=[1, 3, 224, 224]), path)
            dim = model(example).shape[1]
            heads = [
                xgboost.XGBClassifier(n_estimators=50, max_depth=4).fit(
                    random.normal(size=(800, dim)), np.arange(800) % 8
                )
                for _ in range(13)
            ]
            learnt = learn(
                folder / "learn", folder / network, {**propose_network(path), "color_shape": arguments.color_shape}
            )
            plain, whole, parts = [], [], []
            for repeat in range(arguments.repeats):
                plain.append(straightforward(model, heads, photos, folder / "plain.parquet"))
                home = folder / f"{network}-{repeat}"
                shutil.copytree(learnt, home)
                parts.append(ours(open_workspace(home), _bare_table(folder / "new"), folder / "studio", "new"))
                whole.append(sum(parts[-1]))
            ratio = statistics.median(p / w for p, w in zip(plain, whole, strict=True))
            classify = statistics.median(p / c for p, (_, c) in zip(plain, parts, strict=True))
            n = len(photos)
            print(f"{network}: {n} photos of {SIDE}², {arguments.repeats} repeats, medians")
            print(f"  straightforward   {n / statistics.median(plain):7.1f} photos/s   1.0x")
            print(f"  ours, all of it   {n / statistics.median(whole):7.1f} photos/s   {ratio:.1f}x")
            print(f"    ingest          {n / statistics.median(i for i, _ in parts):7.1f} photos/s")
            print(
                f"    classify alone  {n / statistics.median(c for _, c in parts):7.1f} photos/s   {classify:.1f}x",
                flush=True,
            )


def _bare_table(drawn: Path) -> Path:
    """A table of new products without a photo column, so that photos are found by their names, and without labels."""
    path = drawn / "bare.csv"
    skus = dict.fromkeys(str(row.cells["sku"]) for row in read_table(drawn / "labels.csv"))
    path.write_text("sku\n" + "\n".join(f"N{sku}" for sku in skus) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
