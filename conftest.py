"""Modules that need torch are collected where the extra `train` is installed."""

import importlib.util

collect_ignore_glob: list[str] = []
if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["src/vitrine/training/*.py", "src/vitrine/finetune/*.py", "src/vitrine/zoo/networks/*.py"]
