"""Two machines that share a store and nothing else: two network namespaces, and the second sees no folder of the first."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from answers import predictions
from cluster_workspace import SHARED, change_settings
from command import COMMAND
from vitrine.workspace import Workspace

pytestmark = pytest.mark.long

RAY = [
    sys.executable,
    "-c",
    "from ray.scripts.scripts import main; main()",
    "start",
    "--block",
    "--disable-usage-stats",
]
FIRST, SECOND = "10.77.0.1", "10.77.0.2"
UPLOAD = """
import sys, s3fs
store = s3fs.S3FileSystem()
store.mkdir("shared")
store.put(sys.argv[1], "shared/photos", recursive=True)
"""


@dataclass
class Machine:
    """A network namespace with one address, joined to one other; `hidden` folders are empty in what is started there."""

    name: str
    address: str
    environment: dict[str, str]
    hidden: tuple[Path, ...] = ()

    def start(self, command: list[str], log: Path) -> "subprocess.Popen[bytes]":
        """A process of this machine."""
        empty = " && ".join([*(f"mount -t tmpfs none '{path}'" for path in self.hidden), 'exec "$@"'])
        inside = ["unshare", "-m", "sh", "-c", empty, "sh", *command]
        with log.open("wb") as file:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.name, *inside], env=self.environment, stdout=file, stderr=file
            )

    def processes(self) -> list[psutil.Process]:
        """All processes that run there."""
        told = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True).stdout
        return [psutil.Process(int(one)) for one in told.split() if psutil.pid_exists(int(one))]


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, capture_output=True)


def wait_until(true: Callable[[], object], seconds: float = 400.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    """Two machines, joined by a cable; nothing else reaches them and they reach nothing else."""
    pytest.importorskip("ray", reason="ray is not installed: pip install 'vitrine[ray]'")
    if os.geteuid() or not (shutil.which("ip") and shutil.which("unshare")):
        pytest.skip("network namespaces are made by root, with the commands ip and unshare")
    kept = tempfile.mkdtemp(prefix="vr-", dir="/tmp")  # short: a socket's path has at most 107 characters
    environment = {
        **os.environ, "AWS_ENDPOINT_URL": f"http://{FIRST}:5000", "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_TMPDIR": kept, "RAY_USAGE_STATS_ENABLED": "0",
        "VITRINE_CLUSTER__ADDRESS": f"{FIRST}:6379",
    }  # fmt: skip
    one, other = (f"vt{os.getpid()}{letter}" for letter in "ab")
    (tmp_path / "hidden").mkdir()
    first = Machine(one, FIRST, environment)
    second = Machine(other, SECOND, environment, (tmp_path / "hidden", Path(kept)))
    try:
        try:
            ip(f"netns add {one}")
            ip(f"netns add {other}")
            ip(f"link add {one} netns {one} type veth peer name {other} netns {other}")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces cannot be made here: {error.stderr.decode().strip()}")
        for machine in (first, second):
            ip(f"-n {machine.name} addr add {machine.address}/24 dev {machine.name}")
            ip(f"-n {machine.name} link set lo up")
            ip(f"-n {machine.name} link set {machine.name} up")
        yield first, second
    finally:
        for machine in (first, second):
            for process in machine.processes():
                process.kill()
            subprocess.run(["ip", "netns", "del", machine.name], capture_output=True)
        shutil.rmtree(kept, ignore_errors=True)


def test_what_they_say_together_is_what_one_says_and_a_worker_that_dies_takes_nothing_with_it(
    machines: tuple[Machine, Machine], small_folder: Path, expected: pa.Table, tmp_path: Path
) -> None:
    first, second = machines
    folder = Path(shutil.copytree(small_folder, tmp_path / "hidden" / "workspace"))
    storage = {name: f"s3://shared/{name}" for name in SHARED}
    change_settings(folder, {"storage": storage, "cluster": {"piece": 5, "workers": 2}})
    first.start([sys.executable, "-m", "moto.server", "-H", FIRST, "-p", "5000"], tmp_path / "store.log")
    wait_until(lambda: b"Running on" in (tmp_path / "store.log").read_bytes())
    upload = [sys.executable, "-c", UPLOAD, str(folder / ".vitrine" / "photos")]
    assert first.start(upload, tmp_path / "upload.log").wait() == 0, (tmp_path / "upload.log").read_text()
    shutil.rmtree(folder / ".vitrine" / "photos")
    head = ["--head", "--port=6379", f"--node-ip-address={FIRST}", "--num-cpus=1", "--include-dashboard=false"]
    first.start([*RAY, *head], tmp_path / "first.log")
    wait_until(lambda: b"Ray runtime started" in (tmp_path / "first.log").read_bytes())
    joins = [f"--address={FIRST}:6379", f"--node-ip-address={SECOND}", "--num-cpus=1"]
    second.start([*RAY, *joins], tmp_path / "second.log")
    wait_until(lambda: b"Ray runtime started" in (tmp_path / "second.log").read_bytes())
    there = next(one for one in second.processes() if "raylet" in "".join(one.cmdline()))
    assert not Path(f"/proc/{there.pid}/root{folder}").exists(), "the second machine sees the workspace's folder"

    command = [*COMMAND, "classify", "--engine", "ray", "-w", str(folder)]
    classify = first.start(command, tmp_path / "classify.log")
    wait_until(lambda: classify.poll() is not None or workers_of(second))
    for worker in workers_of(second):
        os.kill(worker.pid, signal.SIGKILL)
        break
    else:
        pytest.fail(f"no worker came to the second machine: {(tmp_path / 'classify.log').read_text()}")
    assert classify.poll() is None, "it had ended before a worker was killed: the test shows nothing"
    wait_until(lambda: classify.poll() is not None or workers_of(second))
    assert classify.wait(timeout=300) == 0, (tmp_path / "classify.log").read_text()
    assert predictions(Workspace(folder)).equals(expected)


def workers_of(machine: Machine) -> list[psutil.Process]:
    """The workers that have begun there."""
    found = []
    for process in machine.processes():
        try:
            found += [process] if "_RayWorker" in "".join(process.cmdline()) else []
        except psutil.Error:
            continue
    return found
