"""Two machines, as network and mount namespaces of this one: all they share is the store, and one of them dies."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from vitrine.workspace import Workspace

pytestmark = pytest.mark.long
COMMAND = [sys.executable, "-c", "from vitrine.cli.main import run; run()"]
BRIDGE = "10.77.0.1"


def sh(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, capture_output=True, text=True, check=True)


@dataclass
class Machine:
    """A network namespace with an address of its own and one Ray node of one core; `hidden` it does not see."""

    name: str
    address: str
    hidden: Path | None
    ray: "subprocess.Popen[bytes] | None" = None

    def command(self, *words: str) -> list[str]:
        inside = ["ip", "netns", "exec", self.name]
        if self.hidden is None:
            return [*inside, *words]
        mount = 'mount -t tmpfs none "$0" && exec "$@"'
        return [*inside, "unshare", "--mount", "sh", "-c", mount, str(self.hidden), *words]

    def start_ray(self, environment: dict[str, str], *words: str) -> None:
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", *words]
        ray += [f"--node-ip-address={self.address}", "--disable-usage-stats"]
        self.ray = subprocess.Popen(
            self.command(*ray), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """All its processes at once, as when the power goes."""
        for pid in sh("ip", "netns", "pids", self.name).stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        if self.ray is not None:
            self.ray.wait()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    """Two machines on a bridge; the second does not see the folder of the workspace."""
    bridge = f"vt{uuid.uuid4().hex[:6]}"
    with ExitStack() as stack:
        try:
            sh("ip", "link", "add", bridge, "type", "bridge")
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("network namespaces need root and iproute2")
        stack.callback(sh, "ip", "link", "del", bridge)
        sh("ip", "addr", "add", f"{BRIDGE}/24", "dev", bridge)
        sh("ip", "link", "set", bridge, "up")
        made = []
        for number in (1, 2):
            name = f"{bridge}{number}"
            sh("ip", "netns", "add", name)
            stack.callback(sh, "ip", "netns", "del", name)
            sh("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            sh("ip", "link", "set", name, "master", bridge, "up")
            machine = Machine(name, f"10.77.0.1{number}", tmp_path if number == 2 else None)
            sh("ip", "-n", name, "addr", "add", f"{machine.address}/24", "dev", "eth0")
            sh("ip", "-n", name, "link", "set", "eth0", "up")
            sh("ip", "-n", name, "link", "set", "lo", "up")
            stack.callback(machine.kill)
            made.append(machine)
        yield made[0], made[1]


def test_a_machine_that_dies_loses_nothing(
    machines: tuple[Machine, Machine], shared: Workspace, expected: pa.Table, s3_everywhere: str
) -> None:
    from test_ray_workers import parts_of, predictions

    first, second = machines
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": s3_everywhere,
        "VITRINE_CLUSTER__ADDRESS": f"{first.address}:6379",
        "VITRINE_CLUSTER__PIECE": "10",
    }
    first.start_ray(environment, "--head", "--port=6379", "--include-dashboard=false")
    time.sleep(5)
    second.start_ray(environment, f"--address={first.address}:6379")
    time.sleep(5)
    driver = subprocess.Popen(
        first.command(*COMMAND, "classify", "--engine", "ray", "-w", str(shared.folder)), env=environment
    )
    while driver.poll() is None and len(parts_of(shared)) < 4:
        time.sleep(0.1)
    second.kill()
    there = len(parts_of(shared))
    assert driver.wait(timeout=180) == 0
    assert there < 42, "the machine died too late for the test to show anything"
    assert predictions(shared).equals(expected)
    shutil.rmtree(shared.folder)
