"""Brands of real shoe photos: accuracy in repeated family-safe cross-validation, and what goods receipt answers.

    python benchmarks/brands.py --data ../shared/data --repeats 5

Accuracy: 5 folds of whole families, repeated; projection and head are fitted on the other folds alone, as `vitrine train`
fits them. Which settings of the embedder are best is chosen within each training part, by log-loss out of fold; the line
"chosen within" is the accuracy of that choice and the figure to quote. Answers: a fifth of each training part's families
proves the levels, the held-out fold is delivered against its own brand and against another one. Open set: each brand
is held out in turn and delivered as if a known one had been ordered. Looks: photos of a held-out fold as they are, turned by
a quarter and by half, and beside a photo of another brand: how many are seen to be so. Writes results/brands.json.
"""

import argparse
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from real_photos import make
from vitrine.config import EmbedderSettings
from vitrine.embed.build import build
from vitrine.embed.weights import DEFAULT
from vitrine.learn.calibrate import fit_calibrator
from vitrine.learn.folds import folds
from vitrine.learn.head import Fitted, fit_classifier
from vitrine.learn.kinds import log_loss
from vitrine.learn.projection import Projection, fit_projection
from vitrine.receive.brand_check import BrandCheck, Rows, fit_brand_check, nearness, score
from vitrine.receive.second_look import second_look

SETTINGS: Mapping[str, dict[str, Any]] = {
    "color and shape": {"model": None},
    "network": {"color_shape": False},
    "network, color and shape": {},
    "with mirror": {"mirror": True},
    "with center": {"center": 0.7},
    "with center and mirror": {"center": 0.7, "mirror": True},
}
RECEIVED = "with center"
RATES = {"false_alarms": 0.05, "false_matches": 0.05, "strangers": 0.1, "confidence": 0.95}


@dataclass(frozen=True)
class Photos:
    """n photos: brand numbers (n,), families (n,) and vectors by setting, with their blocks."""

    brands: list[str]
    y: NDArray[np.int64]
    family: NDArray[np.str_]
    sku: NDArray[np.str_]
    vectors: Mapping[str, NDArray[np.float32]]
    blocks: Mapping[str, list[tuple[int, int]]]


@dataclass(frozen=True)
class Learnt:
    """A projection and a head, fitted on some rows."""

    projection: Projection
    fitted: Fitted

    def z(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.projection.apply(vectors, embedder_id="benchmark")


def ingested(data: Path, keep: Path, weights: str) -> Any:
    """The set as a workspace."""
    return make("shoe-brands", data, keep / "shoe-brands", weights)


def load(workspace: Any, keep: Path, names: Sequence[str]) -> Photos:
    """The photos of the set, embedded under these settings; vectors are kept in `keep`."""
    dataset = workspace.freeze()
    photo_ids = [photos[0] for photos in dataset.table.column("photo_ids").to_pylist()]
    vectors, blocks = {}, {}
    for name in names:
        settings = EmbedderSettings(**{**workspace.settings.embedder.model_dump(), **SETTINGS[name]})
        embedder = build(settings, folder=workspace.folder)
        path = keep / f"{embedder.id}.npy"
        if not path.exists():
            pixels = (workspace._pixels_to_embed(photo_id) for photo_id in photo_ids)
            np.save(path, np.concatenate([embedder.embed([one]) for one in pixels]))
        vectors[name] = np.load(path)
        blocks[name] = [(block.start, block.stop) for block in embedder.blocks]
    labels = np.array(dataset.strings("brand"))
    brands = sorted(set(labels.tolist()))
    family = np.array(dataset.strings("family_id"))
    return Photos(brands, np.searchsorted(brands, labels), family, np.array(dataset.skus), vectors, blocks)


def learn(photos: Photos, name: str, rows: NDArray[np.intp], seed: int, threads: int) -> Learnt:
    """Fit on some rows what training would fit; brands without a row are not learnt."""
    x = photos.vectors[name]
    projection = fit_projection(x[rows], embedder_id="benchmark", blocks=photos.blocks[name])
    known = np.unique(photos.y[rows])
    fitted = fit_classifier(
        projection.apply(x[rows], embedder_id="benchmark"),
        np.searchsorted(known, photos.y[rows]),
        [photos.brands[number] for number in known],
        photos.family[rows].tolist(),
        attribute="brand",
        projection_id=projection.id,
        seed=seed,
        threads=threads,
    )
    return Learnt(projection, fitted)


def cross_validate(photos: Photos, repeats: int, threads: int) -> dict[str, NDArray[np.float64]]:
    """Setting → (repeats, n) whether each photo was right when held out."""
    right = {name: np.zeros((repeats, len(photos.y))) for name in (*SETTINGS, "chosen within")}
    for repeat in range(repeats):
        fold = folds(photos.y, photos.family.tolist(), count=5, seed=repeat)
        for number in range(5):
            inside, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            losses = {}
            for name in SETTINGS:
                learnt = learn(photos, name, inside, repeat, threads)
                losses[name] = log_loss(learnt.fitted.oof_log_proba, photos.y[inside])
                guess = learnt.fitted.classifier.log_proba(learnt.z(photos.vectors[name][held])).argmax(axis=1)
                right[name][repeat, held] = guess == photos.y[held]
            best = min(losses, key=lambda name: losses[name])
            right["chosen within"][repeat, held] = right[best][repeat, held]
            print(f"  repeat {repeat} fold {number}: chosen {best}", flush=True)
    return right


def interval(values: NDArray[np.float64], family: NDArray[np.str_]) -> tuple[float, float]:
    """95 % interval of the mean of (n,) values, by bootstrap of families."""
    _, group = np.unique(family, return_inverse=True)
    sums, counts = np.bincount(group, values), np.bincount(group)
    drawn = np.random.default_rng(0).integers(0, len(counts), (4_000, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def rows_of(photos: Photos, z: NDArray[np.float32], rows: NDArray[np.intp], known: NDArray[np.int64]) -> Rows:
    brand = np.searchsorted(known, photos.y[rows])
    return Rows(z, brand, photos.family[rows], photos.sku[rows], photos.sku[rows])


def receive(photos: Photos, name: str, repeats: int, held_out: int | None, threads: int) -> list[dict[str, Any]]:
    """One row a delivery in the held-out fold (or of the held-out brand) and brand ordered: score and answer."""
    known_rows = np.flatnonzero(photos.y != held_out) if held_out is not None else np.arange(len(photos.y))
    known = np.unique(photos.y[known_rows])
    strangers = np.setdiff1d(np.arange(len(photos.y)), known_rows)
    deliveries = []
    for repeat in range(repeats):
        fold = folds(
            np.searchsorted(known, photos.y[known_rows]), photos.family[known_rows].tolist(), count=5, seed=repeat
        )
        for number in range(5):
            # of the families that are not held out, one fold proves the levels
            prove_on = known_rows[fold == (number + 1) % 5]
            train = known_rows[(fold != number) & (fold != (number + 1) % 5)]
            learnt = learn(photos, name, train, repeat, threads)
            delivered = np.concatenate([known_rows[fold == number], strangers])
            deliveries += answers(photos, name, learnt, train, prove_on, delivered, known)
    return deliveries


def answers(
    photos: Photos,
    name: str,
    learnt: Learnt,
    train: NDArray[np.intp],
    prove_on: NDArray[np.intp],
    delivered: NDArray[np.intp],
    known: NDArray[np.int64],
) -> list[dict[str, Any]]:
    check, proba_of = _check(photos, name, learnt, train, prove_on, known)
    z = learnt.z(photos.vectors[name][delivered])
    proba = proba_of(z)
    near = nearness(z, check.reference, len(known))
    scores = score(proba, near)
    made = []
    for place, row in enumerate(delivered):
        seen = check.judge(proba[place], near[place], z[place : place + 1])
        for ordered, wanted in enumerate(check.brands):
            truth = photos.brands[photos.y[row]]
            kind = "right" if truth == wanted else "other" if truth in check.brands else "stranger"
            made.append(
                {
                    "kind": kind,
                    "family": str(photos.family[row]),
                    "score": float(scores[place, ordered]),
                    "plain": float(proba[place, ordered]),
                    "answer": check.compare(seen, wanted).answer,
                    "refused": seen.brand is None,
                }
            )
    return made


def _check(
    photos: Photos,
    name: str,
    learnt: Learnt,
    train: NDArray[np.intp],
    prove_on: NDArray[np.intp],
    known: NDArray[np.int64],
) -> tuple[BrandCheck, Any]:
    """The check made of `train` and proven on `prove_on`, and calibrated probabilities of projected vectors."""
    x, head = photos.vectors[name], learnt.fitted
    calibrator = fit_calibrator(
        head.oof_log_proba, np.searchsorted(known, photos.y[train]), photos.family[train].tolist()
    )

    def proba_of(z: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(calibrator.apply(head.classifier.log_proba(z)))

    z_prove = learnt.z(x[prove_on])
    check = fit_brand_check(
        "brand",
        head.classifier.values,
        rows_of(photos, learnt.z(x[train]), train, known),
        calibrator.apply(head.oof_log_proba),
        rows_of(photos, z_prove, prove_on, known),
        proba_of(z_prove),
        **RATES,
    )
    return check, proba_of


def looks(photos: Photos, workspace: Any, count: int, threads: int) -> dict[str, dict[str, Any]]:
    """What a second look says of `count` photos of a held-out fold, upright, turned, and two brands side by side."""
    fold = folds(photos.y, photos.family.tolist(), count=5, seed=0)
    train, prove_on = np.flatnonzero(fold > 1), np.flatnonzero(fold == 1)
    known = np.arange(len(photos.brands))
    learnt = learn(photos, RECEIVED, train, 0, threads)
    check, proba_of = _check(photos, RECEIVED, learnt, train, prove_on, known)
    embedder = build(
        EmbedderSettings(**{**workspace.settings.embedder.model_dump(), **SETTINGS[RECEIVED]}), folder=workspace.folder
    )
    links = dict(
        zip(*(workspace.freeze().table.column(name).to_pylist() for name in ("sku", "photo_ids")), strict=True)
    )
    seer = _Seer(learnt, proba_of)
    random = np.random.default_rng(0)
    held = random.permutation(np.flatnonzero(fold == 0))[:count]
    said: dict[str, list[str]] = {name: [] for name in ("upright", "quarter turn", "upside down", "two brands")}
    for row in held:
        pixels = workspace._pixels_to_embed(links[photos.sku[row]][0])
        other = random.choice(held[photos.y[held] != photos.y[row]])
        beside = workspace._pixels_to_embed(links[photos.sku[other]][0])
        height = min(len(pixels), len(beside))
        shown = [
            pixels,
            np.rot90(pixels),
            np.rot90(pixels, 2),
            np.concatenate([pixels[:height], beside[:height]], axis=1),
        ]
        for name, picture in zip(said, shown, strict=True):
            picture = np.ascontiguousarray(picture)
            seen = check.see(seer, embedder.embed([picture]))
            answer = check.compare(seen, photos.brands[photos.y[row]]).answer
            said[name].append(second_look(check, seer, embedder.embed, picture, seen, answer) or answer)
    return {
        name: {**{word: some.count(word) / len(some) for word in sorted(set(some))}, "n": len(some)}
        for name, some in said.items()
    }


class _Seer:
    """A projection and a head as the brand check asks a predictor."""

    def __init__(self, learnt: Learnt, proba_of: Any) -> None:
        self.projection, self._proba_of = learnt.projection, proba_of

    def probabilities(self, z: NDArray[np.float32]) -> dict[str, Any]:
        return {"brand": self._proba_of(z)}


def figures(deliveries: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of answers by what was delivered, AUROC and mismatch recall at 1 % false alarms."""
    result: dict[str, Any] = {}
    by_kind = {kind: [one for one in deliveries if one["kind"] == kind] for kind in ("right", "other", "stranger")}
    right = by_kind["right"]
    for kind, some in by_kind.items():
        if not some:
            continue
        shares = {a: float(np.mean([one["answer"] == a for one in some])) for a in ("match", "mismatch", "unknown")}
        shares["refused as unknown brand"] = float(np.mean([one["refused"] for one in some]))
        shares["n"] = len(some)
        if kind != "right":
            for measure in ("score", "plain"):
                a, b = (np.array([one[measure] for one in which]) for which in (right, some))
                shares[f"auroc ({measure})"] = float(
                    roc_auc_score(np.r_[np.ones(len(a)), np.zeros(len(b))], np.r_[a, b])
                )
                shares[f"mismatch recall at 1 % false alarms ({measure})"] = float(np.mean(b < np.quantile(a, 0.01)))
        result[kind] = shares
    return result


def show(title: str, made: Mapping[str, Any]) -> None:
    print(f"\n{title}")
    for kind, shares in made.items():
        said = "  ".join(f"{name} {share:.3f}" for name, share in shares.items() if name != "n")
        print(f"  {kind:9s} n = {shares['n']:5d}  {said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--weights", default=DEFAULT, help="a name that comes with Vitrine, or a file")
    parser.add_argument("--keep", type=Path, default=Path("/tmp/vitrine-brands"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--photos", type=int, default=142, help="photos that a second look is taken at")
    parser.add_argument("--only", choices=("accuracy", "answers", "looks"))
    arguments = parser.parse_args()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    workspace = ingested(arguments.data, arguments.keep, arguments.weights)
    photos = load(workspace, arguments.keep, [RECEIVED] if arguments.only in ("answers", "looks") else list(SETTINGS))
    families = len(np.unique(photos.family))
    print(f"{len(photos.y)} photos, {families} families, {', '.join(photos.brands)}")
    results: dict[str, Any] = {"n": len(photos.y), "families": families, "repeats": arguments.repeats}
    with threadpool_limits(limits=1):
        if arguments.only in (None, "accuracy"):
            results["accuracy"] = {}
            for name, right in cross_validate(photos, arguments.repeats, arguments.threads).items():
                low, high = interval(right.mean(axis=0), photos.family)
                results["accuracy"][name] = [float(right.mean()), low, high]
                print(f"  {name:26s} {right.mean():.3f} ({low:.3f} to {high:.3f})", flush=True)
        if arguments.only in (None, "looks"):
            results["looks"] = looks(photos, workspace, arguments.photos, arguments.threads)
            show("second look", results["looks"])
        if arguments.only in (None, "answers"):
            for held_out in (None, *range(len(photos.brands))):
                title = "all brands known" if held_out is None else f"{photos.brands[held_out]} held out"
                made = receive(photos, RECEIVED, arguments.repeats, held_out, arguments.threads)
                results[title] = figures(made)
                show(title, results[title])
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    folder = Path("results")
    folder.mkdir(exist_ok=True)
    (folder / "brands.json").write_text(json.dumps({"commit": commit, **results}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
