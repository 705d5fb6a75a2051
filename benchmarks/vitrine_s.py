"""Build `vitrine-s`, a backbone that may be passed on, and compare it with its own starting weights on sets it never saw.

    python benchmarks/vitrine_s.py --data ../shared/data --keep FOLDER

It learns from CC0 `clothing` (its train folder) and a drawn catalog alone, from the Apache-2.0 weights of MobileNetV2, which
also teach it to keep what they knew. Judged are `fashion-products` and `shoe-brands`: heads on its vectors against heads on
the start's, alone and beside color-shape, over family-safe splits. Prints a table and writes results/vitrine_s.json.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from finetune import FROZEN, START, Parts, gain, judged
from real_photos import dataset_of, make
from vitrine.config import EmbedderSettings
from vitrine.demo.catalog import draw_catalog
from vitrine.errors import Refused
from vitrine.finetune.augment import Augmentation
from vitrine.finetune.export import export
from vitrine.finetune.job import embedder_settings, finish, prepare
from vitrine.finetune.recipe import Recipe, read_stage
from vitrine.finetune.start import open_start
from vitrine.intake.items import items_of_folders, items_of_rows
from vitrine.intake.propose import propose_attribute, taxonomy_toml
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.learn.dataset import Dataset
from vitrine.workspace import Workspace, create
from vitrine.workspace import open as open_workspace

ATTRIBUTES = ("garment", "category", "color", "upper")
MOST_PARAMETERS, MOST_BYTES = 4_000_000, 8_000_000


def sources(folder: Path, data: Path, drawn: int) -> Workspace:
    """A workspace with the clothing photos (attribute `garment`) and a drawn catalog (its 13 attributes)."""
    if (folder / "done").exists():
        return open_workspace(folder)
    shutil.rmtree(folder, ignore_errors=True)
    catalog = folder / "drawn"
    catalog.mkdir(parents=True)
    draw_catalog(catalog, products=drawn, seed=3, size=224, workers=1)
    photos = PhotoSource(str(data / "clothing" / "train"))
    counts = Counter(path.split("/")[-2] for path in photos.list())
    garment = taxonomy_toml([propose_attribute("garment", counts)], min_rows=10)
    text = (catalog / "taxonomy.toml").read_text(encoding="utf-8")
    workspace = create(folder, text + garment[garment.index("[attributes.garment]") :], {})
    rows = read_table(catalog / "labels.csv")
    items = items_of_rows(rows, workspace.settings.columns, workspace.taxonomy)
    workspace.ingest(items, PhotoSource(str(catalog / "photos")), place="drawn")
    garments = items_of_folders(photos.list(), workspace.taxonomy.attribute("garment"))
    workspace.ingest(garments, photos, place="clothing")
    workspace.find_twins()
    (folder / "done").touch()  # written last: an interrupted workspace is made anew
    return workspace


def all_train(dataset: Dataset) -> Dataset:
    """Every product to learn from: what is judged lies in other sets."""
    index = dataset.table.column_names.index("part")
    parts = [["train"] * dataset.table.num_rows]
    return Dataset(f"{dataset.dataset_id}-all", dataset.taxonomy_id, dataset.table.set_column(index, "part", parts))


def build(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fine-tune, export and check the size."""
    workspace = sources(arguments.keep / "vitrine-s", arguments.data, arguments.drawn)
    recipe = Recipe(
        stages=tuple(map(read_stage, arguments.stage)), keep=arguments.keeping, bf16=arguments.bf16,
        augmentation=Augmentation(least_area=0.35, jitter=0.1),
    )  # fmt: skip
    dataset = all_train(workspace.freeze())
    prepared = prepare(workspace, dataset, str(arguments.data / START), recipe, attributes=ATTRIBUTES)

    def say(training: Any) -> None:
        last = training.history[-1]
        print(f"epoch {last.epoch}: loss {last.loss:.3f}, score {last.score:.4f}, {last.seconds:.0f} s", flush=True)

    fitted = prepared.fit(recipe, on_epoch=say)
    report = finish(prepared, recipe, fitted, use=False)
    size = sum(parameter.numel() for parameter in fitted.network.backbone.parameters())
    if size > MOST_PARAMETERS or report["bytes"] > MOST_BYTES:
        raise Refused(f"{size:,} parameters in {report['bytes']:,} bytes are more than vitrine-s may have")
    return {**report, "parameters": size}


def compare(arguments: argparse.Namespace, built: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per set, split, attribute and company: accuracy of both, and the gain with its interval."""
    found = []
    for name in arguments.sets:
        workspace = make(name, arguments.data, arguments.keep / name, arguments.data / FROZEN)
        before = workspace.folder / "start.onnx"
        if not before.exists():
            export(open_start(str(arguments.data / START)).backbone, before)
        own = workspace.data / "networks" / Path(built["network"]).name
        own.parent.mkdir(exist_ok=True)
        shutil.copyfile(built["network"], own)
        networks = {"start": before, "vitrine-s": own}
        for beside in ("alone", "color-shape"):
            parts = {
                one: Parts(workspace, [EmbedderSettings(**embedder_settings(path, workspace.folder), color_shape=False)]
                           + [EmbedderSettings()] * (beside == "color-shape"))
                for one, path in networks.items()
            }  # fmt: skip
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "vitrine-finetune")
    parser.add_argument("--drawn", type=int, default=1_500, help="products of the drawn catalog")
    parser.add_argument("--stage", nargs="*", default=["1:0", "8:6", "2:all"], help="EPOCHS:BLOCKS …")
    parser.add_argument("--keeping", type=float, default=2.0, help="weight of staying near the start")
    parser.add_argument("--sets", nargs="*", default=["fashion-products", "shoe-brands"])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--bf16", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    built = build(arguments)
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
    kept = {
        name: built[name] for name in ("sha256", "parameters", "bytes", "recipe", "epoch", "epochs", "figures", "proof")
    }
    Path("results/vitrine_s.json").write_text(
        json.dumps({"commit": commit, **kept, "found": found}, indent=1, default=str)
    )


if __name__ == "__main__":
    main()
