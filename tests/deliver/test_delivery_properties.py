"""Whatever people, audits and faults do between deliveries, SAP says in the end what may leave, and nothing is sent twice."""

import tempfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sap_server import SapServer
from small_delivery import NAMES_AT_SAP, SKUS, WORDS_AT_SAP, make, map_to_sap, publish, say, stop
from vitrine.deliver import deliver
from vitrine.deliver.leaving import leaving
from vitrine.workspace import Workspace

FEW = SKUS[:3]
DECISION = st.tuples(
    st.sampled_from(FEW),
    st.sampled_from(
        [("color", v, "decided") for v in ("red", "blue", "pink")]
        + [("heel", v, "decided") for v in ("none", "block")]
        + [("color", "red", "rejected"), ("color", None, "unsure"), ("heel", None, "unsure")]
    ),
)
STEP = st.one_of(DECISION, st.just("deliver"), st.just("stop color"), st.just("publish heel"))
FAULTS = st.lists(st.sampled_from(["500", "429", "reset", "expire", ""]), max_size=3)


def do(workspace: Workspace, step: object, done: set[str]) -> None:
    if isinstance(step, tuple):
        sku, (attribute, value, outcome) = step
        say(workspace, sku, attribute, value, outcome)
    elif step == "stop color" and step not in done:
        stop(workspace, "color")
    elif step == "publish heel":
        publish(workspace, "heel")
    done.add(str(step))


def wanted(workspace: Workspace) -> dict[tuple[str, str], str]:
    return {
        (row["sku"].upper(), NAMES_AT_SAP[row["attribute"]]): WORDS_AT_SAP[row["attribute"]][row["value"]]
        for table in leaving(workspace)
        for row in table.to_pylist()
        if row["value"] in WORDS_AT_SAP[row["attribute"]]
    }


def read_inbox(folder: Path) -> dict[tuple[str, str], str]:
    """What an SAP says that takes the files in order and does as each segment says."""
    found: dict[tuple[str, str], str] = {}
    for path in sorted(folder.glob("*.xml")):
        for document in ElementTree.parse(path).getroot().iter("E1OCLFM"):
            for one in document.iter("E1AUSPM"):
                key = str(document.findtext("OBJEK")), str(one.findtext("ATNAM"))
                if one.findtext("MSGFN") == "003":
                    found.pop(key, None)
                else:
                    found[key] = str(one.findtext("ATWRT"))
    return found


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, max_size=10))
def test_files_taken_in_order_say_what_may_leave(steps: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = make(Path(folder) / "w")
        map_to_sap(workspace)
        done: set[str] = set()
        for step in [*steps, "deliver"]:
            if step == "deliver":
                deliver(workspace, "sap")
                assert read_inbox(workspace.folder / "sap-outbox") == wanted(workspace)
            else:
                do(workspace, step, done)
        again = deliver(workspace, "sap")
        assert (again.sent, again.recalled) == (0, 0)
        workspace.catalog.close()


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(STEP, FAULTS), max_size=8))
def test_a_service_with_faults_says_what_may_leave_in_the_end(
    sap: SapServer, steps: list[tuple[object, list[str]]]
) -> None:
    sap.state.values.clear()
    sap.state.classes.clear()
    sap.state.written.clear()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"way": "odata", "service": sap.url, "user": "vitrine", "timeout": 2, "retries": 1}
        workspace = make(Path(folder) / "w", {"sap": settings})
        map_to_sap(workspace)
        done: set[str] = set()
        for step, faults in steps:
            if step == "deliver":
                sap.state.write_faults += faults
                deliver(workspace, "sap")  # what got no answer is named, and settled later
            else:
                do(workspace, step, done)
        sap.state.write_faults.clear()
        deliver(workspace, "sap")
        assert sap.state.words() == wanted(workspace)
        written = len(sap.state.written)
        again = deliver(workspace, "sap")
        assert (again.sent, again.recalled, len(sap.state.written)) == (0, 0, written)
        workspace.catalog.close()
