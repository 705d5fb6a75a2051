"""A watched prefix on S3, over HTTP: the same as a folder, and a store that is lost is waited for."""

import time
from pathlib import Path
from threading import Event, Thread

import pytest
from places import answers, photos, states, watch_of

from small_store import new_bucket
from vitrine.automation.ledger import ANSWERED, WAITING
from vitrine.automation.status import watches
from vitrine.automation.watch import SETTLES, watch_on
from vitrine.demo.catalog import Planted
from vitrine.workspace import Workspace

s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'vitrine[s3]'")


class Bucket:
    """A bucket of the test's own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.filesystem = s3fs.S3FileSystem(skip_instance_cache=True)

    def put(self, key: str, data: bytes) -> None:
        self.filesystem.pipe_file(f"{self.name}/{key}", data)


@pytest.fixture
def bucket(bucket: str) -> Bucket:
    return Bucket(bucket)


def test_objects_are_answered_once_and_again_when_their_content_changes(
    trained: Workspace, bucket: Bucket, drawn: tuple[Path, Planted]
) -> None:
    arriving = photos(drawn[0], 3)
    bucket.put("studio/ação/NEW-1_side.jpg", arriving[0])
    bucket.put("studio/NEW-2.jpg", arriving[1])
    bucket.put("elsewhere/NEW-3.jpg", arriving[2])
    watch = watch_of(trained, f"s3://{bucket.name}/studio")
    try:
        assert watch.look() == 2
        time.sleep(SETTLES)
        watch.look()
        assert watch.work() == (2, 2)
        assert states(trained) == {"ação/NEW-1_side.jpg": ANSWERED, "NEW-2.jpg": ANSWERED}
        before = answers(trained, ["NEW-2"])
        bucket.put("studio/NEW-2.jpg", arriving[1])  # the same again: the store's mark is the content's
        assert watch.look() == 0
        bucket.put("studio/NEW-2.jpg", arriving[2])
        assert watch.look() == 1 and states(trained)["NEW-2.jpg"] == WAITING
        time.sleep(SETTLES)
        watch.look()
        assert watch.work() == (1, 1)
        assert answers(trained, ["NEW-2"]) != before
    finally:
        watch.close()


def test_a_lost_store_is_told_and_waited_for(trained: Workspace, bucket: Bucket, drawn: tuple[Path, Planted]) -> None:
    from moto.server import ThreadedMotoServer

    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    store.start()
    host, port = store.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        s3fs.S3FileSystem.clear_instance_cache()
        own = Bucket(new_bucket())
        own.put("NEW-1.jpg", photos(drawn[0], 1)[0])
        watch = watch_of(trained, f"s3://{own.name}")
        stop, told = Event(), list[str]()
        going = Thread(target=watch_on, args=(watch, stop, told.append))
        going.start()
        try:
            _wait(lambda: states(trained).get("NEW-1.jpg") == ANSWERED)
            store.stop()
            _wait(lambda: any("again in" in line for line in told))
            assert "could not be read" in str(watches(trained.catalog)[0].message)
            store = ThreadedMotoServer(ip_address=host, port=port)
            store.start()
            own.put("NEW-2.jpg", photos(drawn[0], 2)[1])
            _wait(lambda: states(trained).get("NEW-2.jpg") == ANSWERED)
            assert watches(trained.catalog)[0].message is None
        finally:
            stop.set()
            going.join()
            watch.close()
            store.stop()


def _wait(true: object, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
