"""Modules that need torch are collected where the extra `train` is installed."""

import importlib.util

_ROOMS = ("training", "finetune", "zoo", "zoo/networks")

collect_ignore_glob: list[str] = []
if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = [f"src/vitrine/{room}/*.py" for room in _ROOMS] + ["tests/training/small_task.py"]
