"""A watched folder: what arrives is answered once, whatever happens to the file or to the watch."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa
from places import ATTRIBUTES, answers, drop, photos, start, states, watch_of

from vitrine.automation.describe import ByTable
from vitrine.automation.ledger import ANSWERED, DELIVERED, GONE, QUARANTINED, WAITING
from vitrine.automation.status import SILENT, STOPPED, watches
from vitrine.automation.watch import SETTLES, Watch, source_of, watch_once
from vitrine.demo.catalog import Planted
from vitrine.errors import Conflict
from vitrine.intake.measure import LEAST_CONTRAST
from vitrine.stores import schema
from vitrine.workspace import Workspace

SEED = random.randrange(10**6)


def silent(_message: str) -> None:
    """Nobody listens."""


def take_in(workspace: Workspace, place: Path) -> int:
    """One pass over everything that is there; returns how many files were answered."""
    watch = watch_of(workspace, place)
    try:
        return watch_once(watch, Event(), silent).answered
    finally:
        watch.close()


def wait_until(true: Callable[[], bool], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "studio"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def arriving(drawn: tuple[Path, Planted]) -> list[bytes]:
    return photos(drawn[0], 24)


def test_what_arrives_is_answered_as_a_full_run_would_and_asked_at_the_desk(
    trained: Workspace, place: Path, arriving: list[bytes], tmp_path: Path
) -> None:
    for number in range(3):
        drop(place, f"in/NEW-{number}_side.jpg", arriving[number])
    drop(place, "in/NEW-0_detail.jpg", arriving[3])
    assert take_in(trained, place) == 4
    assert set(states(trained).values()) == {ANSWERED}
    skus = [f"NEW-{number}" for number in range(3)]
    found = answers(trained, skus)
    assert len(found) == 3 * ATTRIBUTES
    uncertain = {(sku, attribute) for sku, attribute, _, _, decision in found if decision == "to_review"}
    asked = trained.catalog.rows(sa.select(schema.queue).where(schema.queue.c.sku.in_(skus)))
    assert uncertain <= {(row["sku"], row["attribute"]) for row in asked}
    whole = Workspace(Path(shutil.copytree(trained.folder, tmp_path / "whole")))
    with whole.catalog.transaction() as connection:
        connection.execute(sa.delete(schema.predictions))
        connection.execute(sa.delete(schema.answered))
    whole.classify()
    assert answers(whole, skus) == found
    report = trained.classify()  # the history is answered on the same road, and what was answered is not again
    assert report.known == 3 and answers(trained) == answers(whole)
    assert trained.classify(only_due=True).products == 0


def test_the_same_content_again_changes_nothing_and_a_changed_file_is_answered_anew(
    trained: Workspace, place: Path, arriving: list[bytes]
) -> None:
    drop(place, "NEW-1.jpg", arriving[0])
    drop(place, "NEW-2.jpg", arriving[1])
    assert take_in(trained, place) == 2
    before = trained.catalog.read(schema.predictions).sort_by("sku")
    (place / "NEW-1.jpg").rename(place / "NEW-1_side.jpg")
    os.utime(place / "NEW-2.jpg")
    assert take_in(trained, place) == 2
    assert trained.catalog.read(schema.predictions).sort_by("sku").equals(before)
    drop(place, "NEW-2.jpg", arriving[2])
    assert take_in(trained, place) == 1
    links = schema.product_photos
    shown = trained.catalog.rows(sa.select(links).where(links.c.sku == "NEW-2"))
    assert len(shown) == 1, "the file shows another photo now, the one before counts no more"
    drop(place, "NEW-3.jpg", arriving[2])
    assert take_in(trained, place) == 1
    assert [row[1:] for row in answers(trained, ["NEW-2"])] == [row[1:] for row in answers(trained, ["NEW-3"])]


def test_a_file_is_taken_when_it_holds_still_and_not_while_it_is_written(
    trained: Workspace, place: Path, arriving: list[bytes]
) -> None:
    watch = watch_of(trained, place)
    try:
        growing = drop(place, "NEW-1.jpg", arriving[0][:2_000])
        drop(place, "NEW-2.jpg", arriving[1])
        watch.look()
        time.sleep(SETTLES)
        growing.write_bytes(arriving[0])
        watch.look()
        assert watch.work() == (1, 1)
        assert states(trained) == {"NEW-1.jpg": WAITING, "NEW-2.jpg": ANSWERED}
        drop(place, "NEW-3.jpg", arriving[2])
        watch.look()
        (place / "NEW-3.jpg").unlink()  # gone again before it was taken
        time.sleep(SETTLES)
        watch.look()
        assert watch.work() == (1, 1)
        assert states(trained) == {"NEW-1.jpg": ANSWERED, "NEW-2.jpg": ANSWERED, "NEW-3.jpg": GONE}
        assert trained.catalog.count(schema.quarantine.select().where(schema.quarantine.c.place == watch.place)) == 0
    finally:
        watch.close()


def test_what_cannot_be_used_is_set_aside_once_with_its_reason_and_mended_by_a_new_file(
    trained: Workspace, place: Path, arriving: list[bytes]
) -> None:
    drop(place, "NEW-1.jpg", arriving[0][:1_000])
    too_long = "x" * 201 + ".jpg"
    drop(place, too_long, arriving[1])
    drop(place, "NEW-2.jpg", b"no photo at all")
    drop(place, "notes.txt", b"not looked at")
    assert take_in(trained, place) == 0
    assert states(trained) == dict.fromkeys(("NEW-1.jpg", "NEW-2.jpg", too_long), QUARANTINED)
    table = schema.quarantine
    aside = trained.catalog.rows(sa.select(table).where(table.c.place == str(place)))
    assert {row["value"] for row in aside} == {"NEW-1.jpg", "NEW-2.jpg", too_long}
    assert "longer than 200" in next(row["reason"] for row in aside if row["value"] == too_long)
    attempts = trained.catalog.read(schema.arrivals).column("attempts").to_pylist()
    take_in(trained, place)
    assert trained.catalog.read(schema.arrivals).column("attempts").to_pylist() == attempts, "it was tried again"
    drop(place, "NEW-1.jpg", arriving[0])
    assert take_in(trained, place) == 1
    aside = trained.catalog.read(sa.select(table.c.value).where(table.c.place == str(place)))
    assert "NEW-1.jpg" not in aside.column("value").to_pylist()


def test_a_file_that_ends_the_process_again_and_again_is_found_and_set_aside(
    trained: Workspace, place: Path, arriving: list[bytes]
) -> None:
    drop(place, "NEW-1.jpg", arriving[0])
    drop(place, "NEW-2.jpg", arriving[1])
    watch = watch_of(trained, place)
    watch.look()
    watch.close()
    table = schema.arrivals
    with trained.catalog.transaction() as connection:  # as five processes have left it that died of it
        connection.execute(sa.update(table).where(table.c.path == "NEW-1.jpg").values(attempts=5))
    assert take_in(trained, place) == 1
    assert states(trained) == {"NEW-1.jpg": QUARANTINED, "NEW-2.jpg": ANSWERED}
    reason = trained.catalog.read(sa.select(table.c.reason).where(table.c.path == "NEW-1.jpg"))["reason"][0].as_py()
    assert "begun 5 times" in reason


def test_a_second_watch_is_told_who_is_there_and_goes_on_when_that_one_is_killed(
    trained: Workspace, place: Path, arriving: list[bytes]
) -> None:
    drop(place, "NEW-1.jpg", arriving[0])
    process = start(trained, "watch", str(place), "--every", "0.5")
    wait_until(lambda: states(trained).get("NEW-1.jpg") == ANSWERED)
    with pytest.raises(Conflict, match=f"process {process.pid} has been at it since"):
        watch_of(trained, place)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [one.state for one in watches(trained.catalog)] == [SILENT]
    drop(place, "NEW-2.jpg", arriving[1])
    assert take_in(trained, place) == 1  # on the same machine nobody waits for the claim to lapse
    assert [one.state for one in watches(trained.catalog)] == [STOPPED]


def test_a_claim_lapses_by_the_clock_of_the_database_and_whoever_lost_it_writes_nothing(
    trained: Workspace, place: Path, arriving: list[bytes]
) -> None:
    drop(place, "NEW-1.jpg", arriving[0])
    slept = watch_of(trained, place)
    slept.look()
    table = schema.claims
    with trained.catalog.transaction() as connection:  # on another machine, and silent for too long
        moment = trained.catalog.moment(connection)
        connection.execute(sa.update(table).values(process="", expires_at=moment))
    after = watch_of(trained, place)
    try:
        with pytest.raises(Conflict, match="another one took over"):
            slept.look()
    finally:
        slept.close()
        after.look()  # the loser's release did not take the winner's claim away
        after.close()


def test_it_delivers_beside_the_work_and_sigterm_ends_it_after_the_group_under_way(
    trained: Workspace, place: Path, arriving: list[bytes]
) -> None:
    process = start(trained, "watch", str(place), "--every", "0.5", "--to", "lake", "--json")
    wait_until(lambda: bool(watches(trained.catalog)))
    drop(place, "NEW-1.jpg", arriving[0])
    wait_until(lambda: states(trained).get("NEW-1.jpg") == DELIVERED)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err.decode()
    assert b'"answered": 1' in out
    assert (trained.folder / "lake" / "views.sql").exists()
    assert trained.catalog.count(schema.claims) == 0


@pytest.mark.slow
def test_killed_at_random_points_nothing_is_lost_and_nothing_is_there_twice(
    trained: Workspace, place: Path, arriving: list[bytes]
) -> None:
    delays = random.Random(SEED)
    for number, data in enumerate(arriving):
        drop(place, f"NEW-{number:02d}.jpg", data)
    for _ in range(4):
        process = start(trained, "watch", str(place), "--every", "0.5")
        time.sleep(delays.uniform(2.5, 6.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    take_in(trained, place)
    assert set(states(trained).values()) == {ANSWERED}, f"seed {SEED}"
    skus = [f"NEW-{number:02d}" for number in range(len(arriving))]
    found = [row[:2] for row in answers(trained, skus)]
    assert len(found) == len(set(found)) == len(arriving) * ATTRIBUTES, f"seed {SEED}"


def test_a_table_may_name_the_photos_and_one_without_a_row_waits(
    trained: Workspace, place: Path, arriving: list[bytes], tmp_path: Path
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("sku,photo,name,color\nNEW-1,a/1.jpg,Sapatilha,red\nNEW-2,a/2.jpg,Bota,\n", encoding="utf-8")
    drop(place, "a/1.jpg", arriving[0])
    drop(place, "a/3.jpg", arriving[1])
    watch = Watch(trained, source_of(str(place)), ByTable(trained, table), every=0.5)
    try:
        assert watch_once(watch, Event(), silent).answered == 1
        assert states(trained) == {"a/1.jpg": ANSWERED, "a/3.jpg": WAITING}
        labels = trained.catalog.rows(sa.select(schema.labels).where(schema.labels.c.sku == "NEW-1"))
        assert [(row["attribute"], row["value"]) for row in labels] == [("color", "red")]
        table.write_text(table.read_text(encoding="utf-8") + "NEW-3,a/3.jpg,Tamanco,\n", encoding="utf-8")
        assert watch_once(watch, Event(), silent).answered == 1
        assert set(states(trained).values()) == {ANSWERED}
    finally:
        watch.close()


def test_a_watch_takes_nothing_away_from_what_is_known_of_a_product(
    trained: Workspace, place: Path, arriving: list[bytes]
) -> None:
    known = trained.products().to_pylist()[0]
    drop(place, f"{known['sku']}_side.jpg", arriving[0])
    assert take_in(trained, place) == 1
    after = {row["sku"]: row for row in trained.products().to_pylist()}
    assert known["name"] and after[known["sku"]] == known


def test_what_looks_at_everything_is_done_when_nothing_waits(
    trained: Workspace, place: Path, arriving: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitrine.automation.watch._UPKEEP_EVERY", 0.0)
    drop(place, "NEW-1.jpg", arriving[0])
    watch = watch_of(trained, place)
    try:
        assert watch.keep_up() is False, "nothing has come"
        watch_once(watch, Event(), silent)
        assert watch.keep_up() is True and watch.keep_up() is False
    finally:
        watch.close()
    assert trained.catalog.count(schema.answered) == len(with_photos(trained)), "the history was answered too"
    compared = trained.catalog.rows(sa.select(schema.photos.c.compared, schema.photos.c.contrast))
    assert all(row["compared"] for row in compared if row["contrast"] >= LEAST_CONTRAST)


def with_photos(workspace: Workspace) -> set[str]:
    return set(workspace.catalog.read(schema.product_photos).column("sku").to_pylist())
