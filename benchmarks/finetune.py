"""Fine-tuning on the real photos: accuracy and distances against the frozen start, photos a second against a plain torch loop.

    python benchmarks/finetune.py accuracy --data ../shared/data --splits 2
    python benchmarks/finetune.py distances --data ../shared/data --splits 3
    python benchmarks/finetune.py throughput --data ../shared/data

Accuracy: each split re-draws which families are train, calibrate and test; a network is fine-tuned on the train part alone,
then heads are trained on its vectors beside color-shape (and on its vectors alone) exactly as on the frozen start's, and all
are judged on the same test rows. The difference has a 95 % interval by paired bootstrap over test families.

Distances: the start, a network that learnt attributes alone and one that learnt distances beside them. Queries are test
products, searched is everything of other families: by the embedding alone, by all vectors that heads read, and by the
look-alikes that are made of those with heads and a learnt metric.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from real_photos import dataset_of, make, own_parts
from steer import FINE, mean
from vitrine.config import EmbedderSettings
from vitrine.embed.build import build
from vitrine.embed.embed_missing import embed_missing
from vitrine.embed.embeddings import Embeddings
from vitrine.finetune.backbone import EMBEDDING
from vitrine.finetune.export import export
from vitrine.finetune.fit import Fitted
from vitrine.finetune.job import Prepared, embedder_settings, finish, prepare
from vitrine.finetune.network import Network
from vitrine.finetune.optimize import optimization
from vitrine.finetune.recipe import Metric, Recipe, Stage, read_stage
from vitrine.finetune.start import open_start
from vitrine.finetune.task import LearnAttributes
from vitrine.learn.dataset import Dataset
from vitrine.learn.evaluate import evaluate
from vitrine.learn.fuse import fuse
from vitrine.learn.learnt import Basis
from vitrine.learn.train import train
from vitrine.lookalike.build import fit_metric
from vitrine.lookalike.evaluate import evaluate as look_alikes
from vitrine.lookalike.space import Space
from vitrine.stores import schema
from vitrine.training.memory import keep_memory
from vitrine.workspace import Workspace

MOBILENET = "weights/mobilenet_v2_1.0_224_dequant_fp16.npz"
FROZEN = "weights/tf2_mobilenet_v2_1.0_224_ptq.tflite"
Vectors = NDArray[np.float32]


class Parts:
    """The vectors of several embedders side by side, each block of length one, as `Composite` makes them.

    Kept apart on disk, so that color-shape is computed once for all networks.
    """

    def __init__(self, workspace: Workspace, settings: list[EmbedderSettings]) -> None:
        self._stores: list[tuple[Embeddings, Any]] = []
        photo_ids = sorted({one for row in workspace.freeze().table.column("photo_ids").to_pylist() for one in row})
        for one in settings:
            embedder = build(one, folder=workspace.folder)
            embedding_id = f"{embedder.id}+{workspace.cleaning.contract_id}"
            store = Embeddings(workspace.data / "embeddings", embedding_id, embedder.dim)
            embed_missing(photo_ids, workspace.pixels, embedder, store)
            self._stores.append((store, embedder))
        self.id = "+".join(store.embedder_id for store, _ in self._stores)
        self.blocks: list[tuple[int, int]] = []
        for _, embedder in self._stores:
            begin = self.blocks[-1][1] if self.blocks else 0
            self.blocks += [(begin + block.start, begin + block.stop) for block in embedder.blocks]

    def take(self, photo_ids: Any) -> Vectors:
        vectors = np.concatenate([store.take(photo_ids) for store, _ in self._stores], axis=1)
        if len(self.blocks) > 1:
            for begin, end in self.blocks:
                lengths = np.linalg.norm(vectors[:, begin:end], axis=1, keepdims=True)
                vectors[:, begin:end] /= np.maximum(lengths, 1e-12)
        return vectors


def judged(workspace: Workspace, dataset: Dataset, parts: Parts) -> tuple[dict[str, Any], pa.Table]:
    """Heads learnt on train, certified on calibrate, judged on test: the attributes' scores and the rows behind them."""
    photos_of = dataset.table.column("photo_ids").to_pylist()

    def take(rows: NDArray[np.intp]) -> Vectors:
        return fuse([photos_of[row] for row in rows], parts)

    learn = workspace.settings.learn
    trained = train(dataset, workspace.taxonomy, take, embedder_id=parts.id, blocks=parts.blocks, settings=learn)
    evaluation = evaluate(trained.model, dataset, take, test_uses=0, leak_tax={})
    return evaluation.scorecard["attributes"], evaluation.rows


def gain(rows: pa.Table, against: pa.Table, attribute: str) -> dict[str, float]:
    """Accuracy minus the other's on the rows that both can answer, with a 95 % interval over families."""
    first, second = ({row["sku"]: row for row in table.to_pylist() if row["attribute"] == attribute and row["learnable"]}
                     for table in (rows, against))  # fmt: skip
    skus = sorted(set(first) & set(second))
    change = np.array([float(first[s]["value"] == first[s]["label"]) - float(second[s]["value"] == second[s]["label"])
                       for s in skus])  # fmt: skip
    _, family = np.unique([first[s]["family_id"] for s in skus], return_inverse=True)
    sums, sizes = np.bincount(family, change), np.bincount(family)
    random = np.random.default_rng(0)
    draws = random.integers(len(sums), size=(2_000, len(sums)))
    means = sums[draws].sum(1) / sizes[draws].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"n": len(skus), "gain": float(change.mean()), "low": float(low), "high": float(high)}


def accuracy(arguments: argparse.Namespace) -> dict[str, Any]:
    """Per split and attribute: the frozen file, the start before and after fine-tuning; alone and with color-shape."""
    workspace = make(arguments.set, arguments.data, arguments.keep / arguments.set, arguments.data / FROZEN)
    before = start_file(workspace, arguments.start)
    found = []
    for number in range(arguments.first, arguments.first + arguments.splits):
        dataset = dataset_of(workspace, f"split-{number}")
        if arguments.set == "clothing":
            dataset = own_parts(dataset)
        began = time.perf_counter()
        prepared, fitted = tuned(workspace, dataset, arguments.start, arguments.recipe)
        seconds = time.perf_counter() - began
        report = finish(prepared, arguments.recipe, fitted, use=False)
        known = {
            "int8 file": workspace.settings.embedder.model_dump(),
            "start": embedder_settings(before, workspace.folder),
        }
        networks = {name: known[name] | {"color_shape": False} for name in arguments.against}
        networks["fine-tuned"] = report["embedder"] | {"color_shape": False}
        split: dict[str, Any] = {
            "split": number,
            "seconds": seconds,
            "epochs": report["epochs"],
            "score": report["score"],
        }
        answers = {}
        for name, settings in networks.items():
            for beside in arguments.beside:
                chosen = [EmbedderSettings(**settings)] + [EmbedderSettings()] * (beside == "color-shape")
                scores, answers[name, beside] = judged(workspace, dataset, Parts(workspace, chosen))
                split[f"{name}, {beside}"] = {
                    attribute: {k: score[k] for k in ("n", "accuracy", "macro_f1", "coverage", "published_accuracy")}
                    for attribute, score in scores.items()
                }
                shown = ", ".join(f"{attribute} {score['accuracy']:.4f}" for attribute, score in scores.items())
                print(f"split {number}: {name}, {beside}: {shown}", flush=True)
        for beside in arguments.beside:
            for other in arguments.against:
                gains = {
                    a: gain(answers["fine-tuned", beside], answers[other, beside], a) for a in report["attributes"]
                }
                split[f"gain over {other}, {beside}"] = gains
                for attribute, one in gains.items():
                    print(f"  {beside}: over {other}: {attribute:<18} {100 * one['gain']:+.2f} points "
                          f"({100 * one['low']:+.2f} to {100 * one['high']:+.2f}), n = {one['n']}", flush=True)  # fmt: skip
        found.append(split)
    return {"set": arguments.set, "recipe": arguments.recipe.as_dict(), "splits": found}


FOUND_BY = ("embedding", "all vectors", "look-alikes")


def distances(arguments: argparse.Namespace) -> dict[str, Any]:
    """Per split and network: recall@1 of one attribute and of all chosen together, by three ways of finding."""
    workspace = make(arguments.set, arguments.data, arguments.keep / arguments.set, arguments.data / FROZEN)
    before = start_file(workspace, arguments.start)
    metric = Metric(arguments.metric, arguments.metric_over)
    recipes = {"attributes": arguments.recipe, f"with {metric.objective}": replace(arguments.recipe, metric=metric)}
    found: dict[str, list[dict[str, float]]] = {}
    for number in range(arguments.first, arguments.first + arguments.splits):
        dataset = dataset_of(workspace, f"split-{number}")
        networks = {"start": embedder_settings(before, workspace.folder)}
        for name, recipe in recipes.items():
            prepared, fitted = tuned(workspace, dataset, arguments.start, recipe)
            networks[name] = finish(prepared, recipe, fitted, use=False)["embedder"]
        for name, settings in networks.items():
            figures = recalls(workspace, dataset, settings, [metric.over, *FINE])
            found.setdefault(name, []).append(figures)
            print(f"split {number}: {name}: " + ", ".join(f"{k} {v:.4f}" for k, v in figures.items()), flush=True)
    for name, splits in found.items():
        if name == "start":
            continue
        print(f"\n{name} over start, points, mean and 95 % t-interval over {len(splits)} splits, which overlap")
        for figure in splits[0]:
            gains = [100 * (one[figure] - start[figure]) for one, start in zip(splits, found["start"], strict=True)]
            means = [float(np.mean([one[figure] for one in some])) for some in (found["start"], splits)]
            print(f"{figure:<36}{means[0]:.4f} → {means[1]:.4f}  {mean(gains)}")
    return {"set": arguments.set, "metric": asdict(metric), "networks": found}


def recalls(
    workspace: Workspace, dataset: Dataset, settings: dict[str, Any], attributes: list[str]
) -> dict[str, float]:
    """recall@1 of the first attribute and of all together (`fine`), for each of FOUND_BY."""
    photos_of = dataset.table.column("photo_ids").to_pylist()
    chosen = list(dict.fromkeys(attributes))
    figures: dict[str, float] = {}
    for outputs, names in ((EMBEDDING, FOUND_BY[:1]), (settings["output"], FOUND_BY[1:])):
        own = settings | {"color_shape": False, "output": outputs}
        parts = Parts(workspace, [EmbedderSettings(**own)])

        def take(rows: NDArray[np.intp], parts: Parts = parts) -> Vectors:
            return fuse([photos_of[row] for row in rows], parts)

        learn = workspace.settings.learn
        trained = train(dataset, workspace.taxonomy, take, embedder_id=parts.id, blocks=parts.blocks, settings=learn)
        model = trained.model
        basis = Basis(model.model_id, model.predictor.projection, trained.learnt)
        metric = fit_metric(model, basis, dataset, take)
        space = Space(model.predictor.projection, model.predictor, model.model_id, metric)
        seen = look_alikes(space, dataset, take, attributes=chosen)["everything"]
        for name, side in zip(names, ("plain", "learned"), strict=False):
            figures[f"{name}: {attributes[0]}"] = seen["attributes"][attributes[0]]["recall@1"][side]
            figures[f"{name}: fine"] = seen["fine"]["recall@1"][side]
    return figures


def start_file(workspace: Workspace, start: str) -> Path:
    """The network before fine-tuning as a file beside the workspace, written once."""
    path = workspace.folder / f"start-{Path(start).stem}.onnx"
    if not path.exists():
        export(open_start(start).backbone, path)
    return path


def tuned(workspace: Workspace, dataset: Dataset, start: str, recipe: Recipe) -> tuple[Prepared, Fitted]:
    prepared = prepare(workspace, dataset, start, recipe)

    def say(training: Any) -> None:
        last = training.history[-1]
        figures = {name: round(value, 4) for name, value in last.figures.items()}
        print(
            f"epoch {last.epoch}: loss {last.loss:.3f}, score {last.score:.4f}, {last.seconds:.0f} s {figures}",
            flush=True,
        )

    return prepared, prepared.fit(recipe, on_epoch=say)


class Files(TorchDataset):  # type: ignore[type-arg]
    """What a course would write: open the file, crop, mirror and normalize with Pillow and numpy, one photo at a time."""

    def __init__(self, paths: list[Path], targets: NDArray[np.int64], size: int) -> None:
        self.paths, self.targets, self.size = paths, targets, size
        self.random = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        picture = Image.open(self.paths[index]).convert("RGB")
        share = self.random.uniform(0.5, 1.0) ** 0.5
        width, height = picture.width * share, picture.height * share
        left, top = self.random.uniform(0, picture.width - width), self.random.uniform(0, picture.height - height)
        box = (left, top, left + width, top + height)
        picture = picture.resize((self.size, self.size), Image.Resampling.BILINEAR, box=box)
        if self.random.uniform() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.asarray(picture, np.float32) / 127.5 - 1).permute(2, 0, 1)
        return pixels, torch.from_numpy(self.targets[index])


def plain_epoch(prepared: Prepared, recipe: Recipe, paths: list[Path], photos: int) -> Iterator[None]:
    """Batches of the plain loop: DataLoader with worker processes, float32, every block in every step."""
    backbone = open_start(prepared.start).backbone.train()
    heads = torch.nn.ModuleList(torch.nn.Linear(backbone.dim, len(values)) for values in prepared.rows.values.values())
    optimizer = torch.optim.AdamW([*backbone.parameters(), *heads.parameters()], lr=1e-4)
    rows = np.arange(photos) % len(prepared.rows)
    files = Files([paths[prepared.rows.photo[row]] for row in rows], prepared.rows.targets[rows], backbone.size)
    for pixels, targets in DataLoader(files, batch_size=recipe.batch, shuffle=True, num_workers=2):
        optimizer.zero_grad()
        embeddings = backbone(pixels)
        losses = [torch.nn.functional.cross_entropy(head(embeddings), targets[:, number], ignore_index=-1)
                  for number, head in enumerate(heads)]  # fmt: skip
        torch.stack(losses).nanmean().backward()
        optimizer.step()
        yield


def our_epoch(prepared: Prepared, recipe: Recipe, blocks: int, photos: int, folder: Path) -> Iterator[None]:
    """Batches of the product's task in a stage where the last `blocks` blocks learn; what is kept is made before."""
    network = Network(open_start(prepared.start).backbone, prepared.rows.values, dropout=recipe.dropout)
    network.to(memory_format=torch.channels_last)
    learning = np.arange(photos) % len(prepared.rows)
    stages = (replace(recipe.stages[0], epochs=1, blocks=blocks),)
    own = replace(recipe, stages=stages)
    task = LearnAttributes(network, prepared.pixels, prepared.rows, learning, learning[:1], own, folder)
    learned = optimization(network, own, steps=photos)
    task.begin(1)
    for batch in task.batches(1):
        learned.optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.bf16):
            loss = task.loss(batch)
        loss.backward()
        learned.optimizer.step()
        yield


def throughput(arguments: argparse.Namespace) -> dict[str, Any]:
    """Photos a second of one epoch: plain, and ours in each stage, after one batch; and the recipe as a whole."""
    keep_memory()
    workspace = make(arguments.set, arguments.data, arguments.keep / arguments.set, arguments.data / FROZEN)
    dataset = dataset_of(workspace, "split-0")
    recipe = arguments.recipe
    prepared = prepare(workspace, dataset, arguments.start, recipe)
    table = workspace.catalog.rows(schema.product_photos)
    source = {row["photo_id"]: Path(row["source"]) for row in table}
    paths = [source[photo_id] for photo_id in prepared.rows.photo_ids]
    of = len(open_start(prepared.start).backbone.depths())
    found: dict[str, Any] = {"threads": torch.get_num_threads(), "photos": arguments.photos}
    named = {f"ours, {_blocks(stage)}": stage for stage in recipe.stages}
    for repeat in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as folder:
            ways: dict[str, Callable[[], Iterator[None]]] = {
                "plain": lambda: plain_epoch(prepared, recipe, paths, arguments.photos),
                **{name: lambda blocks=of if stage.blocks is None else stage.blocks, folder=folder: our_epoch(
                    prepared, recipe, blocks, arguments.photos, Path(folder)
                ) for name, stage in named.items()},
            }  # fmt: skip
            for name, way in ways.items():
                steps, asked = way(), time.perf_counter()
                next(steps)
                began, cpu, done = time.perf_counter(), time.process_time(), 0
                for _ in steps:
                    done += 1
                wall = time.perf_counter() - began
                seconds = {"epoch_s": arguments.photos / (done * recipe.batch / wall), "first_s": began - asked}
                found.setdefault(name, []).append({**seconds, "cpu_s": time.process_time() - cpu})
                print(f"{repeat}: {name:<20} {done * recipe.batch / wall:9.1f} photos/s", flush=True)
    for name in named:
        pairs = zip(found["plain"], found[name], strict=True)
        _say_ratio(found, name, [plain["epoch_s"] / one["epoch_s"] for plain, one in pairs])
    wholes = [
        sum(_stage_s(recipe, stage, found[name][n]) for name, stage in named.items()) for n in range(arguments.repeats)
    ]
    plains = [recipe.epochs * one["epoch_s"] for one in found["plain"]]
    _say_ratio(found, "all stages, with what is kept", [a / b for a, b in zip(plains, wholes, strict=True)])
    return found


def _blocks(stage: Stage) -> str:
    return {None: "all blocks", 0: "heads"}.get(stage.blocks, f"last {stage.blocks} blocks")


def _stage_s(recipe: Recipe, stage: Stage, took: dict[str, float]) -> float:
    """Seconds of a whole stage; its first batch made one view of what its frozen blocks see, and more are kept."""
    views = 0 if stage.blocks is None else min(recipe.views, recipe.looks * stage.epochs)
    return stage.epochs * took["epoch_s"] + views * took["first_s"]


def _say_ratio(found: dict[str, Any], name: str, ratios: list[float]) -> None:
    found[f"ratio, {name}"] = float(np.median(ratios))
    print(f"{name}: {np.median(ratios):.1f} times the plain loop (median of {len(ratios)})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["accuracy", "distances", "throughput"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--set", default="fashion-products", choices=["fashion-products", "clothing", "shoe-brands"])
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "vitrine-finetune")
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="number of the first split")
    parser.add_argument("--beside", nargs="*", default=["color-shape"], choices=["alone", "color-shape"])
    parser.add_argument("--against", nargs="*", default=["start"], choices=["int8 file", "start"])
    parser.add_argument("--start", default="vitrine-s", help="what is fine-tuned, as in --from")
    parser.add_argument("--keep-start", type=float, default=Recipe().keep, help="as --keep of the command")
    parser.add_argument("--stage", nargs="*", default=[], help="EPOCHS:BLOCKS …")
    parser.add_argument("--metric", default="contrastive", choices=["contrastive", "proxy"])
    parser.add_argument("--metric-over", default="article_type", help="an attribute")
    parser.add_argument("--photos", type=int, default=1_024, help="photos of an epoch whose throughput is measured")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--bf16", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    stages = {"stages": tuple(map(read_stage, arguments.stage))} if arguments.stage else {}
    arguments.recipe = Recipe(bf16=arguments.bf16, keep=arguments.keep_start, **stages)
    found = {"accuracy": accuracy, "distances": distances, "throughput": throughput}[arguments.what](arguments)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    Path("results").mkdir(exist_ok=True)
    text = json.dumps({"commit": commit, "recipe": asdict(arguments.recipe), **found}, indent=1, default=str)
    Path(f"results/finetune_{arguments.what}_{arguments.set}.json").write_text(text)


if __name__ == "__main__":
    main()
