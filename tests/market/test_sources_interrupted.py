"""A kill in the middle of an ingest leaves what was there, and the next ingest clears up."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vitrine.errors import Refused
from vitrine.market.home import Market
from vitrine.market.simulate import simulate

INGEST = "import sys; from pathlib import Path; from vitrine.market.home import Market; "
INGEST += "Market.open(sys.argv[1]).ingest(Path(sys.argv[2]), on_progress=lambda done, total: print(done, flush=True))"


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("deliveries")
    for seed, name in ((1, "old"), (2, "new")):
        simulate(folder / name, sellers=200, orders=8_000, seed=seed)
    return folder / "old", folder / "new"


def start(market: Market, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", INGEST, str(market.folder), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("reports_seen", [1, 6, 12])
def test_a_kill_leaves_the_previous_sources_whole(
    tmp_path: Path, deliveries: tuple[Path, Path], reports_seen: int
) -> None:
    old, new = deliveries
    market = Market.open(tmp_path)
    before = market.ingest(old).source_id
    with start(market, new) as process:
        assert process.stdout is not None
        for _ in range(reports_seen):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert market.sources.source_id == before
    with market.sources.connect() as tables:
        assert tables.execute("SELECT count(*) FROM orders").fetchall() == [(8_000,)]
    report = market.ingest(new)
    assert report.changed and market.sources.source_id == report.source_id
    left = {path.name for path in (market.data / "sources").iterdir()}
    assert left == {".lock", "manifest.json", report.source_id, before}


def test_two_at_once_are_refused(tmp_path: Path, deliveries: tuple[Path, Path]) -> None:
    old, new = deliveries
    market = Market.open(tmp_path)
    with start(market, new) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        with pytest.raises(Refused, match="another ingest"):
            market.ingest(old)
        process.send_signal(signal.SIGCONT)
        process.stdout.read()
    assert process.returncode == 0
    assert market.sources.tables
