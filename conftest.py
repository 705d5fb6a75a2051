"""Modules that need torch or ray are collected where the extra `train` or `ray` is installed."""

import importlib.util

_ROOMS = ("training", "finetune", "zoo", "zoo/networks")

collect_ignore_glob: list[str] = []
if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = [f"src/vitrine/{room}/*.py" for room in _ROOMS] + ["tests/training/small_task.py"]
if importlib.util.find_spec("ray") is None:
    collect_ignore_glob += ["src/vitrine/cluster/ray_workers.py"]
