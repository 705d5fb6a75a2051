"""The scripted day, in small: from photos on S3 to SAP and the lake, a correction, a better model, a recall."""

from pathlib import Path

import duckdb
import pytest

import sap_server
from sap_server import SapServer
from small_store import new_bucket, reach_store
from vitrine.deliver.sap import odata
from vitrine.demo.day import AT_SAP, Hour, run_day
from vitrine.demo.product import sku_of

PRODUCTS, ARRIVING = 480, 40
# the workspace, (product, characteristic) → word at SAP in the evening, and the hours
Played = tuple[Path, dict[tuple[str, str], str], dict[str, Hour]]


@pytest.fixture(scope="module")
def played(s3_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A day whose studio is a prefix on S3 and whose SAP is a service on a socket."""
    folder = tmp_path_factory.mktemp("day") / "workspace"
    with pytest.MonkeyPatch.context() as patch:
        reach_store(patch, s3_endpoint)
        patch.setenv("VITRINE_SAP_PASSWORD", "secret")
        patch.setattr(odata, "FIRST_WAIT", 0.01)
        names = {str(900 + number): name.upper() for number, name in enumerate(AT_SAP)}
        patch.setattr(sap_server, "CHARACTERISTICS", names)
        studio = f"s3://{new_bucket()}/studio"
        sap = SapServer({sku_of(number) for number in range(PRODUCTS + ARRIVING)})
        sap.state.page = 500
        settings = {"way": "odata", "service": sap.url, "user": "vitrine", "client": "100"}
        hours = run_day(folder, products=PRODUCTS, arriving=ARRIVING, seed=7, studio=studio, sap=settings)
        sap.stop()
        words = sap.state.words()
    return folder, words, {hour.at: hour for hour in hours}


def lake(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """(sku, attribute) → value and origin, as somebody sees it who opens the lake in DuckDB."""
    connection = duckdb.connect()
    connection.execute((folder / "lake" / "views.sql").read_text(encoding="utf-8"))
    rows = connection.sql("select sku, attribute, value, origin from fact_answers").fetchall()
    return {(sku, attribute): (value, origin) for sku, attribute, value, origin in rows}


def test_photos_on_s3_become_answers_at_sap_and_in_the_lake(played: Played) -> None:
    folder, words, hours = played
    morning = hours["09:30"].facts
    assert morning["answered"] >= 8 and morning["set_aside"] == 1 and morning["seconds_to_delivery"] < 60
    corrected = hours["11:00"].facts
    assert corrected["answers"] == corrected["lake"]["sent"] > 50 and corrected["lake"]["unchanged"] > 1_000
    known = lake(folder)
    assert known and {sku for sku, _ in known} >= {sku for sku, _ in words}
    of_people = {pair for pair, (_, origin) in known.items() if origin == "person" and pair[0] >= sku_of(PRODUCTS)}
    assert len(of_people) > 50, "what people decided about the new products is in the lake"


def test_a_better_model_takes_over_by_proof_and_publishes(played: Played) -> None:
    folder, _, hours = played
    assert hours["13:00"].facts["promoted"] is True
    assert hours["14:00"].facts["published"] > hours["07:00"].facts["published"]
    assert "published" in {origin for _, origin in lake(folder).values()}


def test_what_the_audit_stopped_is_recalled_from_both(played: Played) -> None:
    folder, words, hours = played
    recall = hours["17:00"].facts
    attribute = recall["attribute"]
    assert recall["stopped"] == [attribute] and recall["audits"] < 30
    assert recall["lake"]["recalled"] > 0 and recall["sap"]["recalled"] > 0
    left = {pair: said for pair, said in lake(folder).items() if pair[1] == attribute}
    assert left and "published" not in {origin for _, origin in left.values()}
    at_sap = {sku for sku, name in words if name == attribute.upper()}
    assert at_sap <= {sku for sku, _ in left}, "nothing that was recalled is left at SAP"
