"""Time an epoch of the course's CNN in our loop against the loop a course would write: `python benchmarks/zoo.py`.

Plain is a torch DataLoader over a TensorDataset, float32, the default memory layout, `loss.item()` after each step. Ours is
the zoo's task: the set in memory, channels last, bfloat16 where the processor has it, memory kept between steps. Both see
`--rows` drawn pictures in batches of 100 and take turns; seconds are scaled to 55,000 pictures. Each runs in a process of
its own, because the memory setting outlives a run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from vitrine.training.loop import Rule, train
from vitrine.zoo.classify_task import ClassifyTask, optimization
from vitrine.zoo.data import GarmentSet
from vitrine.zoo.drawn import draw_garments
from vitrine.zoo.entries import entry
from vitrine.zoo.run import code_version

EPOCH = 55_000


def main() -> None:
    options = _options()
    if options.alone:
        print(json.dumps(alone(options.alone, options)))
        return
    seconds: dict[str, list[tuple[float, float]]] = {"plain": [], "ours f32": [], "ours": []}
    for _ in range(options.repeats):
        for name, times in seconds.items():
            times.append(_in_its_own_process(name, options))
    wall = {name: median(one[0] for one in times) for name, times in seconds.items()}
    cpu = {name: median(one[1] for one in times) for name, times in seconds.items()}
    result = {
        "commit": code_version(), "rows": options.rows, "threads": options.threads, "repeats": options.repeats,
        "wall_s_an_epoch": wall, "cpu_s_an_epoch": cpu,
        "ratio_wall": wall["plain"] / wall["ours"], "ratio_cpu": cpu["plain"] / cpu["ours"],
        "ratio_wall_f32": wall["plain"] / wall["ours f32"],
    }  # fmt: skip
    print(json.dumps(result, indent=1))


def alone(name: str, options: argparse.Namespace) -> tuple[float, float]:
    """Wall and CPU seconds of the second epoch, scaled to a whole one; the first warms up."""
    torch.set_num_threads(options.threads)
    garments = draw_garments(train=options.rows * 12 // 11, test=120, seed=0)
    scale = EPOCH / len(garments.train)
    wall, cpu = plain(garments) if name == "plain" else ours(garments, bf16=name == "ours")
    return wall * scale, cpu * scale


def plain(garments: GarmentSet) -> tuple[float, float]:
    known = entry("cnn-course")
    network = known.network()
    optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-3)
    pictures = torch.tensor(garments.train.pictures / 255.0, dtype=torch.float32).unsqueeze(1)
    dataset = torch.utils.data.TensorDataset(pictures, torch.tensor(garments.train.labels))
    loader = torch.utils.data.DataLoader(dataset, batch_size=100, shuffle=True)
    network.train()
    for _ in range(2):
        wall, cpu, total = time.perf_counter(), time.process_time(), 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
    return time.perf_counter() - wall, time.process_time() - cpu


class Timed(ClassifyTask):
    """Notes the processor time at which each epoch begins and ends."""

    def begin(self, epoch: int) -> None:
        super().begin(epoch)
        self.began = time.perf_counter(), time.process_time()

    def validate(self):  # type: ignore[no-untyped-def]
        self.took = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
        return super().validate()


def ours(garments: GarmentSet, *, bf16: bool) -> tuple[float, float]:
    known = entry("cnn-course")
    recipe = replace(known.recipe, epochs=2)
    network = known.network()
    task = Timed(network, recipe, garments.train, garments.validation, seed=0, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        how = optimization(network, recipe, len(task.rows))
        train(task, how, Rule(epochs=2, bf16=bf16), Path(folder), identity={})
    return task.took


def _in_its_own_process(name: str, options: argparse.Namespace) -> tuple[float, float]:
    words = [sys.executable, __file__, "--alone", name, "--rows", str(options.rows), "--threads", str(options.threads)]
    wall, cpu = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return wall, cpu


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000, help="pictures of an epoch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="of each; medians are shown")
    parser.add_argument("--alone", help="time one of the loops, in this process")
    return parser.parse_args()


if __name__ == "__main__":
    main()
