"""A store that throttles, breaks, cuts connections and doubts the clock: a watch goes on, and nobody sees half of anything."""

import hashlib
import random
import shutil
import time
from pathlib import Path
from threading import Event, Thread

import pytest
import sqlalchemy as sa

from cluster_workspace import change_settings
from flaky_store import flaky
from small_store import reach_store
from vitrine.automation.describe import by_path
from vitrine.automation.ledger import DELIVERED, counts
from vitrine.automation.watch import Watch, source_of, watch_on, watch_once
from vitrine.deliver.lake.publish import Lake
from vitrine.demo.catalog import Planted
from vitrine.stores import schema
from vitrine.workspace import Workspace

s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'vitrine[s3]'")

FAULTS = (503, 503, 500, 403, "drop", "cut")
ARRIVING = 6


def answers(workspace: Workspace) -> list[tuple[object, ...]]:
    table = schema.predictions
    columns = [table.c[name] for name in ("sku", "attribute", "value", "confidence", "decision")]
    query = sa.select(*columns).where(table.c.sku.startswith("NEW-")).order_by(table.c.sku, table.c.attribute)
    return [tuple(row.values()) for row in workspace.catalog.rows(query)]


def watch_of(workspace: Workspace, place: str, *targets: str) -> Watch:
    return Watch(workspace, source_of(place), by_path(["{sku}"]), every=0.5, targets=targets)


def read_whole(lake: Lake) -> None:
    """A reader who follows the pointer finds all files of the version as they were written."""
    pointer = lake.current()
    for one in lake.manifest(pointer)["files"] if pointer else []:
        data = lake.read(f"{pointer['path']}/{one['path']}") if pointer else None
        assert data is not None and hashlib.sha256(data).hexdigest() == one["sha256"]


@pytest.mark.slow
def test_a_watch_that_keeps_everything_on_a_failing_store_loses_and_repeats_nothing(
    shared: Workspace, one_machine: Workspace, bucket: str, drawn: tuple[Path, Planted], tmp_path: Path,
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Photos, vectors, runs and the lake lie on it, the catalog is PostgreSQL; one request in eight fails."""
    store = s3fs.S3FileSystem()
    local = tmp_path / "studio"
    local.mkdir()
    for number, path in enumerate(sorted((drawn[0] / "photos").glob("*-1.jpg"))[-ARRIVING:]):
        (local / f"NEW-{number}.jpg").write_bytes(path.read_bytes() + bytes([number]))  # other bytes than the catalog's
        store.put_file(str(local / f"NEW-{number}.jpg"), f"{bucket}/studio/NEW-{number}.jpg")
    change_settings(shared.folder, {"export": {"lake": f"s3://{bucket}/lake"}})
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    direct = Lake(f"s3://{bucket}/lake")
    with flaky(s3_endpoint) as door:
        reach_store(monkeypatch, door.url)
        workspace = Workspace(shared.folder)
        watch, stop, told = watch_of(workspace, f"s3://{bucket}/studio", "lake"), Event(), list[str]()
        # from here on: a watch that cannot open its place says so and ends, as the command before it does
        door.fault = lambda number, method, path: moments.choice(FAULTS) if moments.random() < 0.12 else None
        going = Thread(target=watch_on, args=(watch, stop, told.append))
        going.start()
        try:
            end = time.monotonic() + 400  # some seeds need minutes, more on a busy machine
            while counts(workspace.catalog).get(watch.place, {}).get(DELIVERED, 0) < ARRIVING:
                assert time.monotonic() < end, f"seed {seed}: {counts(workspace.catalog)} {told[-5:]}"
                read_whole(direct)
                time.sleep(0.5)
        finally:
            stop.set()
            going.join()
            watch.close()
    reach_store(monkeypatch, s3_endpoint)
    read_whole(direct)
    assert set(counts(workspace.catalog)[watch.place]) == {DELIVERED}, f"seed {seed}: something was set aside"
    alone = Workspace(Path(shutil.copytree(one_machine.folder, tmp_path / "alone")))
    quiet = watch_of(alone, str(local))
    watch_once(quiet, Event(), told.append)
    quiet.close()
    assert len(answers(alone)) == ARRIVING * len(alone.taxonomy.attributes)
    assert answers(workspace) == answers(alone), f"seed {seed}"
