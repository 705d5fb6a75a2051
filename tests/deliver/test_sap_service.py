"""SAP through a service: what differs is written, faults lose nothing and repeat nothing, and others' values stay."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sap_server import SapServer
from small_delivery import SKUS, ledger, make, map_to_sap, publish, say, stop
from vitrine.deliver import DeliveryReport, deliver
from vitrine.deliver.sap import odata
from vitrine.deliver.sap.deliver import mistrust
from vitrine.errors import InputError, Refused, StorageError
from vitrine.workspace import Workspace


@pytest.fixture
def workspace(sap: SapServer, tmp_path: Path) -> Workspace:
    settings = {"way": "odata", "service": sap.url, "user": "vitrine", "timeout": 0.8, "retries": 2, "client": "100"}
    made = make(tmp_path / "w", {"sap": settings})
    map_to_sap(made)
    return made


def counts(report: DeliveryReport) -> tuple[int, int, int, int]:
    return report.sent, report.unchanged, report.recalled, report.failed


def all_red() -> dict[tuple[str, str], str]:
    return {(sku.upper(), "COR"): "VERMELHO" for sku in SKUS}


def test_sap_says_what_may_leave_and_nothing_is_sent_twice(workspace: Workspace, sap: SapServer) -> None:
    assert counts(deliver(workspace, "sap")) == (12, 0, 0, 0)
    assert sap.state.words() == all_red() and len(sap.state.classes) == 12
    assert sap.state.languages == {"PT"} and all("sap-client=100" in one for one in sap.state.requests if "GET" in one)
    written = len(sap.state.written)
    assert counts(deliver(workspace, "sap")) == (0, 12, 0, 0)
    assert len(sap.state.written) == written
    say(workspace, "p02", "color", "pink")
    say(workspace, "p03", "heel", "block")
    assert counts(deliver(workspace, "sap")) == (2, 11, 0, 0)
    assert [one[0] for one in sap.state.written[written:]] == ["PATCH", "POST"]
    assert sap.state.words()["P02", "COR"] == "ROSA" and sap.state.words()["P03", "SALTO"] == "BLOCO"


def test_a_dry_run_reads_what_sap_says_and_writes_nothing(workspace: Workspace, sap: SapServer) -> None:
    sap.state.put("P00", "COR", "VERMELHO")
    report = deliver(workspace, "sap", dry_run=True)
    assert counts(report) == (11, 1, 0, 0) and len(report.changes) == 11
    assert not sap.state.written and not ledger(workspace)


def test_what_an_audit_withdrew_is_deleted_and_what_somebody_entered_since_stays(
    workspace: Workspace, sap: SapServer
) -> None:
    deliver(workspace, "sap")
    sap.state.put("P05", "COR", "AZUL")
    stop(workspace, "color")
    report = deliver(workspace, "sap")
    assert counts(report) == (0, 0, 11, 1)
    assert sap.state.words() == {("P05", "COR"): "AZUL"} and "'AZUL' by now" in report.problems[0].reason
    assert ledger(workspace)["P00", "COR"] == ("VERMELHO", "recalled")
    assert ledger(workspace)["P05", "COR"] == ("VERMELHO", "sent")


@pytest.mark.parametrize("fault", ["500", "503", "429", "reset", "hang", "expire", "slow", "accept then hang"])
def test_a_write_that_fails_is_tried_again_and_done_once(workspace: Workspace, sap: SapServer, fault: str) -> None:
    sap.state.write_faults.append(fault)
    assert counts(deliver(workspace, "sap")) == (12, 0, 0, 0)
    assert sap.state.words() == all_red()
    creates = [path for method, path in sap.state.written if method == "POST"]
    assert creates.count("A_ProductCharcValue") == 12 == creates.count("A_ProductClass")


@pytest.mark.parametrize("fault", ["500", "429", "reset", "hang", "slow"])
def test_a_read_that_fails_is_tried_again(workspace: Workspace, sap: SapServer, fault: str) -> None:
    sap.state.read_faults += [fault, fault]
    assert counts(deliver(workspace, "sap")) == (12, 0, 0, 0)


def test_what_stays_unknown_is_read_back_by_the_next_delivery(workspace: Workspace, sap: SapServer) -> None:
    deliver(workspace, "sap")
    say(workspace, "p02", "color", "pink")
    sap.state.write_faults += ["reset", "503", "503"]
    report = deliver(workspace, "sap")
    assert report.failed == 1 and "HTTP 503" in report.problems[0].reason
    assert ledger(workspace)["P02", "COR"] == ("ROSA", "sending")
    assert counts(deliver(workspace, "sap")) == (1, 11, 0, 0)
    assert sap.state.words()["P02", "COR"] == "ROSA"
    assert ledger(workspace)["P02", "COR"] == ("ROSA", "sent")


def test_everything_is_compared_again_with_an_sap_that_was_restored(workspace: Workspace, sap: SapServer) -> None:
    deliver(workspace, "sap")
    lost = next(key for key in sap.state.values if key[0] == "P04")
    del sap.state.values[lost]
    written = len(sap.state.written)
    assert mistrust(workspace) == 12
    deliver(workspace, "sap")
    assert sap.state.words() == all_red() and sap.state.written[written:] == [("POST", "A_ProductCharcValue")]


def test_a_stale_value_is_read_again(workspace: Workspace, sap: SapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(workspace, "sap")
    say(workspace, "p02", "color", "pink")
    written = odata.Service.write

    def write_late(self: odata.Service, change_sets: list[list[odata.Operation]]) -> list[odata.Outcome]:
        monkeypatch.setattr(odata.Service, "write", written)
        sap.state.put("P02", "COR", "AZUL")
        return written(self, change_sets)

    monkeypatch.setattr(odata.Service, "write", write_late)
    assert counts(deliver(workspace, "sap")) == (1, 11, 0, 0)
    assert sap.state.words()["P02", "COR"] == "ROSA"


def test_what_sap_refuses_is_named_and_the_others_go(workspace: Workspace, sap: SapServer) -> None:
    sap.state.products -= {"P03"}
    report = deliver(workspace, "sap")
    assert counts(report) == (11, 0, 0, 1)
    assert report.problems[0].sku == "p03" and "Material P03 does not exist" in report.problems[0].reason
    assert ("P03", "COR") not in ledger(workspace)
    sap.state.products |= {"P03"}
    assert counts(deliver(workspace, "sap")) == (1, 11, 0, 0)


def test_several_values_in_sap_are_left_to_people(workspace: Workspace, sap: SapServer) -> None:
    sap.state.put("P03", "COR", "AZUL", "1")
    sap.state.put("P03", "COR", "PRETO", "2")
    report = deliver(workspace, "sap")
    assert counts(report) == (11, 0, 0, 1) and "AZUL, PRETO" in report.problems[0].reason


def test_the_published_service_only_reads_and_says_so(workspace: Workspace, sap: SapServer) -> None:
    sap.state.writable = False
    with pytest.raises(Refused, match="only reads") as caught:
        deliver(workspace, "sap")
    assert 'way = "idoc"' in caught.value.hint and not sap.state.written and not ledger(workspace)
    assert deliver(workspace, "sap", dry_run=True).sent == 12


def test_a_wrong_password_a_wrong_place_and_a_missing_characteristic_are_named(
    workspace: Workspace, sap: SapServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VITRINE_SAP_PASSWORD", "wrong")
    with pytest.raises(Refused, match="Logon failed") as refused:
        deliver(workspace, "sap")
    assert "VITRINE_SAP_PASSWORD" in refused.value.hint and "wrong" not in refused.value.text()
    monkeypatch.delenv("VITRINE_SAP_PASSWORD")
    with pytest.raises(InputError, match="no password"):
        deliver(workspace, "sap")
    (workspace.folder / "secret").write_text("secret\n", encoding="utf-8")
    monkeypatch.setenv("VITRINE_SAP__PASSWORD_FILE", "secret")
    assert deliver(Workspace(workspace.folder), "sap").sent == 12
    path = workspace.folder / "sap.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"SALTO"', '"SALTINHO"'), encoding="utf-8")
    with pytest.raises(InputError, match="no characteristic SALTINHO"):
        deliver(Workspace(workspace.folder), "sap")
    monkeypatch.setenv("VITRINE_SAP__SERVICE", "http://sap.example/x_SRV")
    with pytest.raises(InputError, match="not https"):
        deliver(Workspace(workspace.folder), "sap")


def test_a_service_that_sends_on_to_another_server_is_not_followed(workspace: Workspace, sap: SapServer) -> None:
    sap.state.read_faults.append("elsewhere")
    with pytest.raises(StorageError, match="another server"):
        deliver(workspace, "sap")


def test_a_service_that_is_down_is_a_clear_error(workspace: Workspace, sap: SapServer) -> None:
    sap.stop()
    with pytest.raises(StorageError, match="could not be reached") as caught:
        deliver(workspace, "sap")
    assert "vitrine export sap" in caught.value.hint


@pytest.mark.slow
def test_killed_at_random_points_nothing_is_lost_and_nothing_sent_twice(workspace: Workspace, sap: SapServer) -> None:
    publish(workspace, "heel")
    workspace.catalog.close()
    seed = random.randrange(10**6)
    delays = random.Random(seed)
    command = [sys.executable, "-c", KILLABLE, str(workspace.folder)]
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ})
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delays.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, capture_output=True)
    creates = [path for method, path in sap.state.written if path == "A_ProductCharcValue"]
    assert len(creates) == 24 == len(sap.state.words()), f"seed {seed}"
    assert {state for _, state in ledger(Workspace(workspace.folder)).values()} == {"sent"}


# one material a batch, so that there are many points to be killed at
KILLABLE = """
import sys
import vitrine
from vitrine.deliver import deliver
from vitrine.deliver.sap import by_service
by_service._AT_ONCE = 1
workspace = vitrine.open(sys.argv[1])
workspace.catalog
print("ready", flush=True)
deliver(workspace, "sap")
"""
