"""Workers in a Ray cluster say what one machine says, whoever dies; nothing is written twice."""

import os
import signal
import subprocess
import threading
import time

import numpy as np
import psutil
import pyarrow as pa
import pytest

from answers import predictions
from command import COMMAND
from vitrine.errors import InputError, MissingPart
from vitrine.learn.fuse import photos_to_fuse
from vitrine.stores import schema
from vitrine.stores.objects import Objects
from vitrine.workspace import Workspace


def worker_processes() -> list[psutil.Process]:
    """The processes of this machine's Ray workers that have begun."""
    found = psutil.Process().children(recursive=True)
    return [one for one in found if "_RayWorker" in "".join(one.cmdline())]


def test_two_workers_on_s3_and_postgresql_say_what_one_machine_says(
    shared: Workspace, cluster: str, expected: pa.Table, bucket: str, one_machine: Workspace
) -> None:
    report = shared.classify(engine="ray")
    assert report.output == f"s3://{bucket}/runs/{report.run_id}"
    assert Objects(report.output).names() == ["_SUCCESS", *(f"part-{n:05d}.parquet" for n in range(7))]
    assert predictions(shared).equals(expected)
    photos_of = photos_to_fuse(shared.catalog.read(schema.product_photos)).values()
    photo_ids = [photo_id for photos in photos_of for photo_id in photos]
    had = one_machine.embed(photo_ids).take(photo_ids)
    assert np.array_equal(shared.embeddings.take(photo_ids), had), "vectors are equal bit by bit"
    assert shared.classify(engine="ray").run_id == report.run_id, "a run that is there is not made again"


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_loses_nothing(shared: Workspace, cluster: str, expected: pa.Table) -> None:
    killed: list[int] = []
    done = threading.Event()

    def kill_some() -> None:
        while len(killed) < 2 and not done.wait(0.5):
            for process in worker_processes()[:1]:
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)

    killer = threading.Thread(target=kill_some, daemon=True)
    killer.start()
    report = shared.classify(engine="ray")
    done.set()
    killer.join()
    assert killed, "no worker was killed: the test shows nothing"
    assert predictions(shared).equals(expected)
    assert len(Objects(report.output).names()) == 8


@pytest.mark.slow
def test_a_killed_driver_continues(shared: Workspace, cluster: str, expected: pa.Table) -> None:
    environment = {**os.environ, "VITRINE_CLUSTER__ADDRESS": cluster, "VITRINE_CLUSTER__PIECE": "5"}
    command = [*COMMAND, "classify", "--engine", "ray", "-w", str(shared.folder)]
    driver = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    runs = Objects(f"{shared.settings.storage.runs}")
    deadline = time.monotonic() + 120
    while driver.poll() is None and time.monotonic() < deadline and not parts_of(shared):
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    there = parts_of(shared)
    assert there and shared.catalog.count(schema.predictions) == 0, "a run that is not whole is not seen"
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert predictions(shared).equals(expected)
    assert runs.url.startswith("s3://")


def parts_of(workspace: Workspace) -> list[str]:
    import s3fs

    filesystem = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    return [path for path in filesystem.find(workspace.settings.storage.runs) if path.endswith(".parquet")]


@pytest.mark.slow
def test_the_cluster_embeds_for_training_too(shared: Workspace, cluster: str) -> None:
    photo_ids = shared.catalog.read(schema.product_photos).column("photo_id").to_pylist()
    os.environ["VITRINE_CLUSTER__ENGINE"] = "ray"
    try:
        workspace = Workspace(shared.folder)
        workspace.embed(photo_ids)
    finally:
        del os.environ["VITRINE_CLUSTER__ENGINE"]
    assert not workspace.embeddings.missing(photo_ids)


def test_a_worker_needs_cores_that_the_cluster_has(
    shared: Workspace, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_CLUSTER__CORES", "64")
    with pytest.raises(InputError, match="a worker takes 64 cores, the whole cluster has 2"):
        Workspace(shared.folder).classify(engine="ray")


def test_a_cluster_that_is_not_there_is_named(shared: Workspace, bucket: str) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'vitrine[ray]'")
    environment = {**os.environ, "VITRINE_CLUSTER__ADDRESS": "127.0.0.1:1"}
    command = [*COMMAND, "classify", "--engine", "ray", "-w", str(shared.folder)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == MissingPart.exit_status
    assert "127.0.0.1:1" in result.stderr
