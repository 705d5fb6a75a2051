"""SAP by IDoc files: valid documents, a delta, recalls, and nothing lost or made twice by a crash."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa

from command import vitrine
from small_delivery import ledger, make, map_to_sap, publish, say, stop
from vitrine.deliver import deliver
from vitrine.deliver.sap.mapping import SapMapping
from vitrine.errors import InputError, StorageError
from vitrine.stores import schema
from vitrine.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make(tmp_path / "w")
    map_to_sap(made)
    return made


def documents(workspace: Workspace) -> list[tuple[str, dict[str, str], set[str]]]:
    """Every IDoc in the outbox in order: material, words that are set, characteristics that are deleted; all valid."""
    xmlschema = pytest.importorskip("xmlschema", reason="xmlschema is not installed")
    valid = xmlschema.XMLSchema(str(Path(__file__).parent / "clfmas02.xsd"))
    found = []
    for path in sorted((workspace.folder / "sap-outbox").glob("*.xml")):
        valid.validate(str(path))
        for document in ElementTree.parse(path).getroot():
            values = document.findall("E1OCLFM/E1AUSPM")
            words = {one.findtext("ATNAM"): one.findtext("ATWRT") for one in values if one.findtext("MSGFN") == "005"}
            gone = {one.findtext("ATNAM") for one in values if one.findtext("MSGFN") == "003"}
            found.append((document.findtext("E1OCLFM/OBJEK"), words, gone))
    return found


def test_each_material_has_a_valid_document(workspace: Workspace) -> None:
    say(workspace, "p01", "heel", "block")
    report = deliver(workspace, "sap")
    found = {material: words for material, words, _ in documents(workspace)}
    assert len(found) == 12 and report.sent == 13
    assert found["P00"] == {"COR": "VERMELHO"} and found["P01"] == {"COR": "VERMELHO", "SALTO": "BLOCO"}
    row = workspace.catalog.rows(sa.select(schema.deliveries).where(schema.deliveries.c.material == "P00"))
    assert row[0]["certificate"].startswith("publish 61 % of `color`") and row[0]["head_id"] == "hd-color"


def test_only_what_changed_is_sent_again(workspace: Workspace) -> None:
    deliver(workspace, "sap")
    assert deliver(workspace, "sap").sent == 0 and len(list((workspace.folder / "sap-outbox").glob("*.xml"))) == 1
    say(workspace, "p02", "color", "pink")
    dry = deliver(workspace, "sap", dry_run=True)
    assert [(one.sku, one.old, one.new) for one in dry.changes] == [("p02", "VERMELHO", "ROSA")]
    assert len(documents(workspace)) == 12
    report = deliver(workspace, "sap")
    assert (report.sent, report.unchanged, report.recalled) == (1, 11, 0)
    assert documents(workspace)[12:] == [("P02", {"COR": "ROSA"}, set())]


def test_what_an_audit_withdrew_is_recalled(workspace: Workspace) -> None:
    say(workspace, "p01", "heel", "block")
    deliver(workspace, "sap")
    stop(workspace, "color")
    report = deliver(workspace, "sap")
    assert (report.sent, report.recalled, report.unchanged) == (0, 12, 1)
    recalls = documents(workspace)[12:]
    assert recalls[0] == ("P00", {}, {"COR"}) and recalls[1] == ("P01", {"SALTO": "BLOCO"}, {"COR"})
    assert ledger(workspace)["P00", "COR"] == ("VERMELHO", "recalled")
    assert deliver(workspace, "sap").recalled == 0
    say(workspace, "p00", "color", "red")
    assert deliver(workspace, "sap").sent == 1


def test_values_without_a_word_stay_and_the_word_before_is_recalled(workspace: Workspace) -> None:
    deliver(workspace, "sap")
    say(workspace, "p02", "color", "blue")
    report = deliver(workspace, "sap")
    (problem,) = report.problems
    assert (problem.value, problem.sku, report.failed) == ("blue", "p02", 1) and "COR" in problem.hint
    assert documents(workspace)[-1] == ("P02", {}, {"COR"})


def test_an_answer_whose_word_left_the_mapping_stays_in_sap(workspace: Workspace) -> None:
    deliver(workspace, "sap")
    path = workspace.folder / "sap.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('red = "VERMELHO", ', ""), encoding="utf-8")
    report = deliver(workspace, "sap")
    assert (report.recalled, report.failed) == (0, 12)
    path.write_text(path.read_text(encoding="utf-8").replace("{pink", '{red = "", pink'), encoding="utf-8")
    assert deliver(workspace, "sap").recalled == 12


def test_names_in_the_logon_language_are_words_and_no_other_language_is(workspace: Workspace) -> None:
    path = workspace.folder / "taxonomy.toml"
    toe = '[attributes.toe.values]\nround = {pt = "Redondo"}\nsquare = {en = "Square"}\n'
    path.write_text(path.read_text(encoding="utf-8") + toe, encoding="utf-8")
    mapping = workspace.folder / "sap.toml"
    mapping.write_text(
        mapping.read_text(encoding="utf-8") + '[[characteristic]]\nname = "BICO"\nattribute = "toe"\n', "utf-8"
    )
    say(workspace, "p01", "toe", "round")
    say(workspace, "p02", "toe", "square")
    report = deliver(workspace, "sap")
    assert ("P01", {"COR": "VERMELHO", "BICO": "Redondo"}, set()) in documents(workspace)
    assert [(one.value, one.count) for one in report.problems] == [("square", 1)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("upper = true", "upper = false"), "in capitals"),
        (('"VERMELHO"', f'"{"V" * 31}"'), "31 characters"),
        (('"VERMELHO"', '"VER\\u0007"'), "has a place for"),
    ],
)
def test_what_sap_has_no_place_for_stays(workspace: Workspace, change: tuple[str, str], reason: str) -> None:
    path = workspace.folder / "sap.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    report = deliver(workspace, "sap")
    assert report.sent == 0 and report.failed == 12 and reason in report.problems[0].reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('class = "CALCADOS"', ""), "class"),
        (('name = "SALTO"', 'name = "COR"'), "twice"),
        (('attribute = "heel"', 'attribute = "heeel"'), "heeel"),
        (("none =", "nonne ="), "nonne"),
        (('receiver = "PRDCLNT100"', 'receiver = "PRDCLNT1000"'), "idoc.receiver"),
        (("[idoc]", "[idocs]"), "idocs"),
        (('language = "pt"', 'language = "português"'), "language"),
    ],
)
def test_a_mistake_in_the_mapping_is_named(workspace: Workspace, change: tuple[str, str], said: str) -> None:
    path = workspace.folder / "sap.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        deliver(workspace, "sap")
    assert said in caught.value.message and caught.value.hint
    assert not (workspace.folder / "sap-outbox").exists()


def test_a_sku_of_digits_is_filled_with_zeros() -> None:
    mapping = {"class": "C", "characteristic": [{"name": "A", "attribute": "a"}], "material": {"pad": 18}}
    assert SapMapping(**mapping).material.number("4711") == "000000000000004711"


def test_a_full_disk_loses_nothing(workspace: Workspace) -> None:
    outbox = workspace.folder / "sap-outbox"
    outbox.write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageError, match="could not write") as caught:
        deliver(workspace, "sap")
    assert "vitrine export sap" in caught.value.hint
    assert not ledger(workspace)
    outbox.unlink()
    assert deliver(workspace, "sap").sent == 12 and len(documents(workspace)) == 12


@pytest.mark.slow
def test_killed_at_random_points_nothing_is_lost_and_nothing_made_twice(workspace: Workspace) -> None:
    publish(workspace, "heel")
    workspace.catalog.close()
    seed = random.randrange(10**6)
    delays = random.Random(seed)
    command = [sys.executable, "-c", KILLABLE, str(workspace.folder)]
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ})
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delays.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, capture_output=True)
    opened = Workspace(workspace.folder)
    materials = [material for material, _, _ in documents(opened)]
    assert sorted(materials) == sorted(set(materials)) and len(materials) == 12, f"seed {seed}"
    assert {state for _, state in ledger(opened).values()} == {"sent"} and len(ledger(opened)) == 24


# one material a file, so that there are many points to be killed at
KILLABLE = """
import sys
import vitrine
from vitrine.deliver import deliver
from vitrine.deliver.sap import by_idoc
by_idoc._MATERIALS_IN_A_FILE = 1
workspace = vitrine.open(sys.argv[1])
workspace.catalog
print("ready", flush=True)
deliver(workspace, "sap")
"""


def interrupt(workspace: Workspace, *, before: str) -> None:
    """A delivery whose process dies right before a step."""
    code = (
        "import os, sys, vitrine\n"
        "from vitrine.deliver import deliver\n"
        "from vitrine.deliver.sap import deliver as delivery\n"
        "from vitrine.deliver.sap.ledger import Ledger\n"
        f"{before} = lambda *given, **named: os._exit(9)\n"
        "deliver(vitrine.open(sys.argv[1]), 'sap')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(workspace.folder)], capture_output=True, text=True)
    assert done.returncode == 9, done.stderr


def test_what_was_written_before_a_crash_is_not_written_again(workspace: Workspace) -> None:
    interrupt(workspace, before="Ledger.confirm")
    assert len(documents(workspace)) == 12
    report = deliver(workspace, "sap")
    assert (report.sent, report.unchanged) == (0, 12) and len(documents(workspace)) == 12


def test_what_the_inbox_took_before_a_crash_is_not_written_again(workspace: Workspace) -> None:
    interrupt(workspace, before="Ledger.confirm")
    for path in (workspace.folder / "sap-outbox").glob("*.xml"):
        path.unlink()
    report = deliver(workspace, "sap")
    assert (report.sent, report.unchanged) == (0, 12) and not documents(workspace)


def test_what_was_ready_when_the_process_died_is_sent_once_however_often_it_dies(workspace: Workspace) -> None:
    for step in ("os.rename", "Ledger.begin", "delivery.plan", "os.rename"):
        interrupt(workspace, before=step)
        assert not documents(workspace)
    assert deliver(workspace, "sap").sent == 12 and len(documents(workspace)) == 12
    assert {state for _, state in ledger(workspace).values()} == {"sent"}


def test_what_was_withdrawn_after_a_crash_does_not_leave(workspace: Workspace) -> None:
    interrupt(workspace, before="os.rename")
    assert {state for _, state in ledger(workspace).values()} == {"sending"}
    stop(workspace, "color")
    deliver(workspace, "sap")
    assert all(not words for _, words, _ in documents(workspace))
    assert {state for _, state in ledger(workspace).values()} == {"recalled"}


def test_everything_is_sent_again_to_an_sap_that_was_restored(workspace: Workspace) -> None:
    deliver(workspace, "sap")
    vitrine("export", "sap", "--full", "--dry-run", folder=workspace.folder, expect=2)
    vitrine("export", "sap", "--full", folder=workspace.folder)
    assert len(documents(workspace)) == 24
    assert deliver(workspace, "sap").sent == 0
