"""Time 13 heads on 18,000 products against plain XGBoost on the raw columns: `python benchmarks/heads.py`.

Ours is the whole job: projection, choice of kind, predictions out of fold, final fit. Plain is
`XGBClassifier()` fitted once, nothing out of fold, on `--plain-heads` of the heads; its seconds per value
are taken for the others. CPU seconds stand beside wall seconds, because a busy machine distorts the latter.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from vitrine.learn.head import Fitted, fit_classifier
from vitrine.learn.projection import Projection, fit_projection

VALUES = (8, 8, 8, 6, 10, 12, 5, 8, 3, 2, 9, 7, 42)
HELD_OUT = 3_000


def main() -> None:
    options = _options()
    vectors, labels = draw(options.rows + HELD_OUT, options.columns)
    runs = [timed(lambda: ours(vectors, labels, options.threads)) for _ in range(options.repeats)]
    made, _, _ = runs[0]
    wall, cpu = median(run[1] for run in runs), median(run[2] for run in runs)
    plain_wall = plain_cpu = values_timed = 0.0
    print(f"{'head':>6} {'values':>6} {'kind':>8} {'ours':>7} {'plain':>7}  (accuracy)")
    for number, y in enumerate(labels):
        score = accuracy(made[1][number].classifier.log_proba(made[2]), y[-HELD_OUT:])
        beside = "–"
        if number < options.plain_heads:
            proba, seconds, cpu_seconds = timed(lambda y=y: plain(vectors, y, options.threads))
            plain_wall, plain_cpu = plain_wall + seconds, plain_cpu + cpu_seconds
            values_timed += VALUES[number]
            beside = f"{accuracy(proba, y[-HELD_OUT:]):.4f}"
        kind = made[1][number].classifier.kind
        print(f"{number:>6} {VALUES[number]:>6} {kind:>8} {score:>7.4f} {beside:>7}")
    scale = sum(VALUES) / values_timed
    result = {
        "commit": _commit(), "rows": options.rows, "columns": options.columns, "threads": options.threads,
        "heads": len(VALUES), "repeats": options.repeats, "plain_heads_timed": options.plain_heads,
        "ours_wall_s": wall, "ours_cpu_s": cpu,
        "plain_wall_s_scaled": plain_wall * scale, "plain_cpu_s_scaled": plain_cpu * scale,
        "ratio_wall": plain_wall * scale / wall, "ratio_cpu": plain_cpu * scale / cpu,
    }  # fmt: skip
    print(json.dumps(result, indent=1))


def draw(rows: int, columns: int) -> tuple[NDArray[np.float32], list[NDArray[np.int64]]]:
    """Vectors (rows, columns) of 40 hidden causes seen through a random layer, and 13 values of each row."""
    random = np.random.default_rng(0)
    causes = random.standard_normal((rows, 40), dtype=np.float32)
    seen = np.maximum(causes @ random.standard_normal((40, columns), dtype=np.float32), 0)
    seen += random.standard_normal(seen.shape, dtype=np.float32)
    labels = []
    for k in VALUES:
        pull = causes @ random.standard_normal((40, k), dtype=np.float32)
        pull += random.standard_normal(k, dtype=np.float32) + random.gumbel(size=pull.shape)
        labels.append(pull.argmax(axis=1).astype(np.int64))
    return seen.astype(np.float32), labels


def ours(
    vectors: NDArray[np.float32], labels: list[NDArray[np.int64]], threads: int
) -> tuple[Projection, list[Fitted], NDArray[np.float32]]:
    projection = fit_projection(vectors[:-HELD_OUT], embedder_id="drawn")
    x = projection.apply(vectors, embedder_id="drawn")
    heads = [
        fit_classifier(
            x[:-HELD_OUT],
            y[:-HELD_OUT],
            [str(value) for value in range(k)],
            range(len(x) - HELD_OUT),
            attribute=f"head {number}",
            projection_id=projection.id,
            threads=threads,
        )
        for number, (y, k) in enumerate(zip(labels, VALUES, strict=True))
    ]
    return projection, heads, x[-HELD_OUT:]


def plain(vectors: NDArray[np.float32], y: NDArray[np.int64], threads: int) -> NDArray[np.float32]:
    model = xgb.XGBClassifier(n_jobs=threads).fit(vectors[:-HELD_OUT], y[:-HELD_OUT])
    proba: NDArray[np.float32] = model.predict_proba(vectors[-HELD_OUT:])
    return proba


def accuracy(scores: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    return float((scores.argmax(axis=1) == y).mean())


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What `work` gives, with the wall and CPU seconds it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=18_000, help="products to train on")
    parser.add_argument("--columns", type=int, default=1_280, help="columns of a raw vector")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="of ours; the median is shown")
    parser.add_argument("--plain-heads", type=int, default=1, help="heads to time plain XGBoost on")
    return parser.parse_args()


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return asked.stdout.strip() or "none"


if __name__ == "__main__":
    main()
