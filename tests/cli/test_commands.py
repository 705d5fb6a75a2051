"""The commands as a person or a script calls them: contracts, exit statuses, messages."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from command import vitrine
from vitrine.demo.catalog import Planted


@pytest.fixture(scope="module")
def walked(drawn: tuple[Path, Planted], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict]]:
    """The whole road from a fresh folder, one command after the other, and their JSON."""
    folder = tmp_path_factory.mktemp("road")
    catalog = drawn[0]
    reports = {}

    def run(*arguments: str | Path) -> None:
        reports[str(arguments[0])] = json.loads(vitrine(*arguments, "--json", folder=folder).stdout)

    run("init", "--table", catalog / "labels.csv", "--taxonomy", catalog / "taxonomy.toml")
    run("ingest", catalog / "photos", "--table", catalog / "labels.csv", "--key", "sku", "--photo", "photo")
    run("check")
    run("train", "--attribute", "heel", "--attribute", "heel_covering", "--attribute", "color")
    run("evaluate")
    run("classify")
    run("models")
    return folder, reports


def test_ingest_counts_products_photos_and_what_was_put_aside(walked, drawn) -> None:
    report, planted = walked[1]["ingest"], drawn[1]
    assert report["products"] == planted.products
    unreadable = sum(row["reason"] == "unreadable" for row in planted.bad_files.to_pylist())
    assert report["photos"] == planted.photos - unreadable
    assert report["quarantined"] >= unreadable + planted.off_taxonomy.num_rows


def test_check_names_what_was_planted(walked, drawn) -> None:
    report = walked[1]["check"]
    assert set(report) == {"findings", "counts"}
    assert all(set(f) == {"code", "severity", "product", "photo", "message", "attribute"} for f in report["findings"])
    off = {row["sku"] for row in drawn[1].off_taxonomy.to_pylist()}
    assert off <= {f["product"] for f in report["findings"] if f["code"] == "off-taxonomy"}


def test_evaluate_has_the_promised_keys(walked) -> None:
    report = walked[1]["evaluate"]
    assert set(report["attributes"]) == {"heel", "heel_covering", "color"}
    heel = report["attributes"]["heel"]
    wanted = {"n", "accuracy", "macro_f1", "coverage", "published_accuracy", "threshold", "precision", "confidence"}
    assert wanted <= set(heel)
    assert heel["precision"] == 0.97 and heel["confidence"] == 0.95
    assert {"n", "precision", "recall", "f1"} <= set(next(iter(heel["values"].values())))
    assert {"n", "coverage", "published_accuracy"} <= set(report["product"])
    assert "not applicable" in report["attributes"]["heel_covering"]["values"]
    assert heel["accuracy"] > 0.6, "heels are drawn to be told apart"


def test_classify_writes_every_product_and_attribute_once(walked) -> None:
    report = walked[1]["classify"]
    table = pq.read_table(report["output"])
    assert {"sku", "attribute", "value", "confidence", "decision", "head_id"} <= set(table.column_names)
    assert table.num_rows == report["predictions"] == report["products"] * 3
    assert report["published"] + report["to_review"] == report["predictions"]
    assert set(table.column("decision").to_pylist()) <= {"published", "to_review"}
    keys = list(zip(table["sku"].to_pylist(), table["attribute"].to_pylist(), strict=True))
    assert len(set(keys)) == len(keys)


def test_published_answers_never_contradict_the_grammar(walked) -> None:
    table = pq.read_table(walked[1]["classify"]["output"]).to_pylist()
    values = {(row["sku"], row["attribute"]): row["value"] for row in table}
    for (sku, attribute), value in values.items():
        if attribute == "heel" and value == "none":
            assert values[sku, "heel_covering"] == "not applicable"


def test_running_again_changes_nothing(walked, drawn) -> None:
    folder, reports = walked
    catalog = drawn[0]
    again = vitrine("ingest", catalog / "photos", "--table", catalog / "labels.csv", "--json", folder=folder)
    report = json.loads(again.stdout)
    assert (report["new_products"], report["new_photos"], report["new_labels"], report["twins"]) == (0, 0, 0, 0)
    assert report["quarantined"] == reports["ingest"]["quarantined"]
    classified = json.loads(vitrine("classify", "--json", folder=folder).stdout)
    same = ("run_id", "products", "predictions", "published", "to_review", "output")
    assert {k: classified[k] for k in same} == {k: reports["classify"][k] for k in same}


def test_promote_of_the_champion_is_refused_with_exit_1(walked) -> None:
    result = vitrine("promote", folder=walked[0], expect=1)
    assert "is the champion already" in result.stderr


def test_a_folder_that_is_no_workspace_says_what_to_do(tmp_path: Path) -> None:
    result = vitrine("train", folder=tmp_path, expect=2)
    assert "vitrine.toml" in result.stderr and "hint: vitrine init" in result.stderr
    body = json.loads(vitrine("train", "--json", folder=tmp_path, expect=2).stdout)
    assert body["error"] == "not-found"


def test_a_wrong_key_column_names_those_that_exist(walked, drawn) -> None:
    catalog = drawn[0]
    result = vitrine(
        "ingest",
        catalog / "photos",
        "--table",
        catalog / "labels.csv",
        "--key",
        "reference",
        folder=walked[0],
        expect=2,
    )
    assert "'reference'" in result.stderr and "style_id" in result.stderr and "--key" in result.stderr


def test_a_multi_valued_column_is_refused_clearly(walked, drawn, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["sku", "photo", "color"], ["m1", "a.jpg", "red|black"]])
    result = vitrine("ingest", drawn[0] / "photos", "--table", table, folder=walked[0], expect=2)
    assert "several values" in result.stderr and "single-valued" in result.stderr


def test_data_on_stdout_and_the_rest_on_stderr(walked) -> None:
    result = vitrine("models", folder=walked[0])
    assert "Models" in result.stdout and not result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_config_show_tells_where_a_value_comes_from(walked) -> None:
    result = vitrine("config", "show", "--json", folder=walked[0], VITRINE_LEARN__PRECISION="0.9")
    row = next(r for r in json.loads(result.stdout) if r["name"] == "precision" and r["section"] == "learn")
    assert (row["value"], row["origin"]) == (0.9, "VITRINE_LEARN__PRECISION")


def test_a_setting_that_does_not_exist_is_named(walked, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "vitrine.toml").write_text("[learn]\nprecison = 0.9\n", encoding="utf-8")
    result = vitrine("train", folder=folder, expect=2)
    assert "learn.precison" in result.stderr


def test_folders_as_labels(drawn, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    names = sorted((drawn[0] / "photos").iterdir())
    for index, path in enumerate(names[:40]):
        folder = photos / ("çağla marka" if index % 2 else "brand & co")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).write_bytes(path.read_bytes())
    work = tmp_path / "w"
    work.mkdir()
    vitrine("init", "--folders", photos, "--attribute", "brand", folder=work)
    report = json.loads(vitrine("ingest", photos, "--folders", "--attribute", "brand", "--json", folder=work).stdout)
    assert report["products"] == 40 and report["new_labels"] == 40


def test_doctor_finds_everything_well(walked) -> None:
    parts = {row["part"]: row["ok"] for row in json.loads(vitrine("doctor", "--json", folder=walked[0]).stdout)}
    assert parts["champion"] and parts["catalog"] and parts["embedder"]
