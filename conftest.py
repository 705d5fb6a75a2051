"""Where tests write; modules that need torch or ray are collected where the extra `train` or `ray` is installed."""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

# Tests make hundreds of databases and would wait for the disk longer than they compute: in memory, where there is room.
_MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 4 << 30:
    os.environ["TMPDIR"] = str(_MEMORY)
    tempfile.tempdir = None  # it was asked already

_ROOMS = ("training", "finetune", "zoo", "zoo/networks")

collect_ignore_glob: list[str] = []
if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = [f"src/vitrine/{room}/*.py" for room in _ROOMS] + ["tests/training/small_task.py"]
if importlib.util.find_spec("ray") is None:
    collect_ignore_glob += ["src/vitrine/cluster/ray_workers.py"]
