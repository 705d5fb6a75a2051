"""Plans: read with their mistakes named, run in order, continued where they stopped, failures told without secrets."""

import json
import logging
import random
import shutil
import signal
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from places import answers, drop, photos, start

from small_store import reach_store
from vitrine.automation.claim import Claim
from vitrine.automation.plan import read_plan
from vitrine.automation.run import run_plan
from vitrine.automation.runs import DONE, FAILED, INTERRUPTED, WAITING, RunState, claim_name, runs
from vitrine.automation.steps import STEPS
from vitrine.deliver.lake.publish import Lake
from vitrine.demo.catalog import Planted
from vitrine.errors import Conflict, InputError, Refused, VitrineError
from vitrine.workspace import Workspace

SECRET = "hook-4711-do-not-tell"


def watch(_step: str):
    return lambda done, total: None


def plan(folder: Path, text: str, name: str = "nightly") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def outcomes(state: RunState) -> list[tuple[str, str]]:
    return [(step.name, step.outcome) for step in state.steps]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no \\[\\[step\\]\\]"),
        ("steps = 3", "it has 'steps'"),
        ('[[step]]\ndo = "clasify"', "there is no step 'clasify'"),
        ('[[step]]\nname = "x"', "step 1 does not say what to do"),
        ('[[step]]\ndo = "classify"\nif_new = 3', "step 1 \\(classify\\): if_new = 3"),
        ('[[step]]\ndo = "retrain"\nif_new = -3', "step 1 \\(retrain\\): if_new = -3"),
        ('[[step]]\ndo = "backup"', "step 1 \\(backup\\): folder"),
        ('[[step]]\ndo = "classify"\nretries = 99', "retries = 99"),
        ('[[step]]\ndo = "classify"\n[on_failure]\nwebhook = "https://x"', "\\[on_failure\\]: webhook"),
        ("[[step", "nightly.toml"),
    ],
)
def test_a_mistake_in_a_plan_is_named_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_plan(plan(tmp_path, text))


def test_errors_found_fail_a_step_that_allows_none(trained: Workspace, tmp_path: Path) -> None:
    planned = read_plan(plan(tmp_path, '[[step]]\ndo = "check"\nmost_errors = 0'))
    with pytest.raises(Refused, match="errors, more than 0"):
        run_plan(trained, planned, watch=watch)


def test_every_step_runs_in_order_and_twice_changes_nothing(
    trained: Workspace, drawn: tuple[Path, Planted], tmp_path: Path
) -> None:
    place = tmp_path / "studio"
    place.mkdir()
    (place / "NEW-1_side.jpg").write_bytes(photos(drawn[0], 1)[0])
    text = """
        [[step]]
        do = "ingest"
        photos = "studio"
        pattern = ["{sku}_{view}"]
        [[step]]
        do = "classify"
        [[step]]
        do = "check"
        [[step]]
        do = "retrain"
        if_new = 100000
        [[step]]
        do = "evaluate"
        [[step]]
        do = "report"
        [[step]]
        do = "backup"
        folder = "backups"
        keep = 1
    """.replace('"studio"', f'"{place}"')
    planned = read_plan(plan(tmp_path, text))
    first = run_plan(trained, planned, watch=watch)
    assert {one.outcome for one in first.steps} == {DONE}
    counts = {one.name: json.loads(one.counts) for one in first.steps}
    assert counts["ingest"]["new_photos"] == 1 and counts["classify"]["products"] > 300
    assert counts["evaluate"]["evaluated"] is True and counts["retrain"]["promoted"] is False
    assert "nightly" in (trained.folder / "reports" / "status.html").read_text(encoding="utf-8")
    time.sleep(1)  # backups are named by the second
    second = run_plan(trained, planned, watch=watch)
    counts = {one.name: json.loads(one.counts) for one in second.steps}
    assert counts["ingest"]["new_photos"] == 0 and counts["classify"]["known"] == counts["classify"]["products"]
    assert counts["evaluate"]["evaluated"] is False, "each look at the test part flatters what is chosen after"
    assert len(list((tmp_path / "backups").iterdir())) == 1
    assert [state.run.run_id for state in runs(trained.catalog)] == [second.run.run_id, first.run.run_id]


FAILING = """
    [[step]]
    do = "classify"
    [[step]]
    do = "ingest"
    photos = "PLACE"
    [[step]]
    do = "report"
    [on_failure]
    webhook_env = "VITRINE_TEST_HOOK"
"""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """A webhook that hears what is posted, over HTTP; its address is in the environment."""
    heard: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("VITRINE_TEST_HOOK", f"http://127.0.0.1:{server.server_port}/{SECRET}")
    yield heard
    server.shutdown()


def test_a_failed_step_is_written_down_and_told_and_a_later_run_goes_on_there(
    trained: Workspace, hook: list[dict[str, str]], tmp_path: Path
) -> None:
    planned = read_plan(plan(tmp_path, FAILING.replace("PLACE", str(tmp_path / "studio"))))
    with pytest.raises(InputError, match="there is no such folder"):
        run_plan(trained, planned, watch=watch)
    failed = runs(trained.catalog)[0]
    assert (failed.run.outcome, outcomes(failed)) == (
        FAILED,
        [("classify", DONE), ("ingest", FAILED), ("report", WAITING)],
    )
    assert "no such folder" in str(failed.steps[1].message) and failed.steps[1].hint
    assert hook[0]["step"] == "ingest" and "no such folder" in hook[0]["message"] and "--resume" in hook[0]["go_on"]
    begun = failed.steps[0].started_at
    (tmp_path / "studio").mkdir()
    done = run_plan(trained, planned, resume=True, watch=watch)
    assert done.run.run_id == failed.run.run_id and done.run.outcome == DONE
    assert done.steps[0].started_at == begun, "what was done is not done again"
    assert run_plan(trained, planned, resume=True, watch=watch).run.run_id != done.run.run_id


def test_another_plan_does_not_go_on_where_this_one_stopped(trained: Workspace, tmp_path: Path) -> None:
    path = plan(tmp_path, FAILING.replace("PLACE", str(tmp_path / "none")).partition("[on_failure]")[0])
    with pytest.raises(InputError):
        run_plan(trained, read_plan(path), watch=watch)
    with pytest.raises(Refused, match="other steps now than when it stopped at 'ingest'"):
        run_plan(trained, read_plan(plan(tmp_path, '[[step]]\ndo = "report"')), resume=True, watch=watch)


def test_who_cannot_be_told_is_said_without_the_secret(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VITRINE_TEST_HOOK", f"http://127.0.0.1:9/{SECRET}")
    planned = read_plan(plan(tmp_path, FAILING.replace("PLACE", str(tmp_path / "studio"))))
    with caplog.at_level(logging.WARNING), pytest.raises(InputError, match="no such folder"):
        run_plan(trained, planned, watch=watch)
    assert "nobody was told: webhook: could not be reached" in caplog.text and SECRET not in caplog.text


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server that takes everything and keeps it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        super().__init__(("127.0.0.1", 0), _MailHandler)


class _MailHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(text.decode())  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


def test_a_failure_is_mailed(trained: Workspace, tmp_path: Path) -> None:
    mailbox = Mailbox()
    threading.Thread(target=mailbox.serve_forever, daemon=True).start()
    text = FAILING.replace("PLACE", str(tmp_path / "studio")).partition("[on_failure]")[0]
    text += f"""
        [on_failure.mail]
        server = "127.0.0.1"
        port = {mailbox.server_address[1]}
        tls = "none"
        sender = "vitrine@example.com"
        to = ["ana@example.com"]
    """
    with pytest.raises(InputError):
        run_plan(trained, read_plan(plan(tmp_path, text)), watch=watch)
    mailbox.shutdown()
    assert "Subject: Vitrine: nightly failed at 'ingest'" in mailbox.mails[0]
    assert "no such folder" in mailbox.mails[0].replace("=\n", "")


def test_what_may_pass_is_tried_again_as_often_as_the_plan_says(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reach_store(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    planned = read_plan(plan(tmp_path, '[[step]]\ndo = "ingest"\nphotos = "s3://lost/studio"\nretries = 1'))
    with pytest.raises(VitrineError, match="could not be read"):
        run_plan(trained, planned, watch=watch)
    assert runs(trained.catalog)[0].steps[0].attempts == 2


def test_killed_it_is_said_to_be_interrupted_and_goes_on(trained: Workspace, tmp_path: Path) -> None:
    shutil.rmtree(trained.data / "embeddings", ignore_errors=True)
    path = plan(tmp_path, '[[step]]\ndo = "report"\n[[step]]\ndo = "classify"\n[[step]]\ndo = "report"\nname = "again"')
    process = start(trained, "run", str(path))
    deadline = time.monotonic() + 40
    while not (found := runs(trained.catalog)) or found[0].steps[1].outcome == WAITING:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    with pytest.raises(Conflict, match="has been at it since"):
        run_plan(trained, read_plan(path), watch=watch)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    stopped = runs(trained.catalog)[0]
    assert stopped.run.outcome == INTERRUPTED
    assert outcomes(stopped) == [("report", DONE), ("classify", INTERRUPTED), ("again", WAITING)]
    done = run_plan(trained, read_plan(path), resume=True, watch=watch)
    assert done.run.run_id == stopped.run.run_id and {one.outcome for one in done.steps} == {DONE}


@pytest.mark.slow
def test_killed_at_random_points_it_leaves_what_an_uninterrupted_run_leaves(
    trained: Workspace, drawn: tuple[Path, Planted], tmp_path: Path
) -> None:
    place = tmp_path / "studio"
    for number, data in enumerate(photos(drawn[0], 6)):
        drop(place, f"NEW-{number}.jpg", data)
    text = (
        f'[[step]]\ndo = "ingest"\nphotos = "{place}"\n[[step]]\ndo = "classify"\n[[step]]\ndo = "deliver"\nto = "lake"'
    )
    path = plan(tmp_path, text)
    whole = Workspace(Path(shutil.copytree(trained.folder, tmp_path / "whole")))
    run_plan(whole, read_plan(path), watch=watch)
    seed = random.randrange(10**6)
    delays = random.Random(seed)
    for _ in range(3):
        process = start(trained, "run", str(path), "--resume")
        time.sleep(delays.uniform(2.0, 7.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert _exit(trained, "run", str(path), "--resume") == 0
    assert answers(trained) == answers(whole), f"seed {seed}"
    assert {outcome for _, outcome in outcomes(runs(trained.catalog)[0])} == {DONE}
    first, second = (Lake(str(one.folder / "lake")).current() for one in (trained, whole))
    assert first is not None and second is not None and first["rows"] == second["rows"], f"seed {seed}"


def test_the_command_says_with_its_exit_status_what_went_wrong(trained: Workspace, tmp_path: Path) -> None:
    good = plan(tmp_path, '[[step]]\ndo = "report"', "good")
    bad = plan(tmp_path, '[[step]]\ndo = "report"\nmore = 1', "bad")
    assert _exit(trained, "run", str(bad)) == 2
    claim = Claim(trained.catalog, claim_name("good"))
    assert _exit(trained, "run", str(good)) == 1
    claim.release()
    run_plan(trained, read_plan(good), watch=watch)
    process = start(trained, "run", str(good), "--history", "--json")
    assert json.loads(process.communicate()[0])[0]["outcome"] == DONE


def _exit(workspace: Workspace, *arguments: str) -> int:
    process = start(workspace, *arguments)
    process.communicate(timeout=60)
    return process.returncode


def test_the_guide_names_every_step() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "every-night.md").read_text(encoding="utf-8")
    for name, kind in STEPS.items():
        assert f"`{name}`" in guide
        for option in kind.options.model_fields:
            assert f"`{option}`" in guide, f"{name}: {option}"
