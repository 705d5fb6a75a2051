"""Audit, taxonomy, retrain, backup as a person or a script calls them."""

import json

import pytest

from command import vitrine
from vitrine.workspace import Workspace


@pytest.fixture
def folder(trained: Workspace):
    trained.catalog.close()
    return trained.folder


def test_a_change_of_the_taxonomy_is_shown_made_listed_and_taken_back(folder) -> None:
    before = (folder / "taxonomy.toml").read_text(encoding="utf-8")
    tried = vitrine("taxonomy", "split", "color", "black", "jet", "anthracite", "--dry-run", folder=folder)
    assert "+jet = {}" in tried.stdout and "would change" in tried.stderr
    assert (folder / "taxonomy.toml").read_text(encoding="utf-8") == before
    made = json.loads(vitrine("taxonomy", "rename", "color", "black", "jet", "--json", folder=folder).stdout)
    assert made["applied"] and made["labels"] > 0 and made["asked"] == 0 and made["learn_again"] == ["color"]
    listed = json.loads(vitrine("taxonomy", "history", "--json", folder=folder).stdout)
    assert [(one["kind"], one["values"], one["into"]) for one in listed] == [("rename", ["black"], ["jet"])]
    vitrine("taxonomy", "undo", folder=folder)
    assert (folder / "taxonomy.toml").read_text(encoding="utf-8") == before
    assert "undo" in vitrine("taxonomy", "history", folder=folder).stdout
    vitrine("taxonomy", "rename", "color", "black", "jet", folder=folder)
    vitrine("taxonomy", "merge", "color", "jet", "white", "--into", "mono", folder=folder)
    late = vitrine("taxonomy", "undo", "3", "--json", folder=folder, expect=1)
    assert "undo 4" in json.loads(late.stdout)["hint"]
    vitrine("taxonomy", "undo", "4", folder=folder)
    shown = vitrine("taxonomy", "undo", "3", "--dry-run", folder=folder)
    assert "-jet" in shown.stdout and "+black" in shown.stdout
    wrong = vitrine("taxonomy", "rename", "color", "blak", "jet", "--json", folder=folder, expect=2)
    assert "color has no value 'blak'" in json.loads(wrong.stdout)["message"]


def test_products_are_weighed_by_a_table_of_sales(folder) -> None:
    skus = Workspace(folder).products().column("sku").to_pylist()
    rows = "".join(f"{sku};{number}\n" for number, sku in enumerate(skus[:30]))
    (folder / "sales.csv").write_text(f"artigo;pares\n{rows}nobody;5\n", encoding="utf-8")
    options = ("--key", "artigo", "--column", "pares")
    made = json.loads(vitrine("weigh", "sales.csv", *options, "--json", folder=folder).stdout)
    assert made["products"] == 30 and [one["code"] for one in made["aside"]] == ["no-product"]
    assert "30 products weighed" in vitrine("weigh", "sales.csv", *options, folder=folder).stderr
    wrong = vitrine("weigh", "sales.csv", folder=folder, expect=2)
    assert "no column 'sku'" in wrong.stderr and "--key" in wrong.stderr


def test_products_leave_the_range_by_name_or_table_and_come_back(folder) -> None:
    skus = Workspace(folder).products().column("sku").to_pylist()
    (folder / "gone.csv").write_text("artigo\n" + "\n".join(skus[:4]) + "\n", encoding="utf-8")
    taken = vitrine("discontinue", skus[9], "--table", "gone.csv", "--key", "artigo", "--json", folder=folder)
    assert json.loads(taken.stdout) == {"named": 5, "discontinued": 5}
    assert (
        "5 products are in the range again"
        in vitrine("discontinue", "--back", skus[9], *skus[:4], folder=folder).stderr
    )
    wrong = vitrine("discontinue", "--table", "gone.csv", folder=folder, expect=2)
    assert "no column 'sku'" in wrong.stderr and "--key" in wrong.stderr
    assert "no product is named" in vitrine("discontinue", folder=folder, expect=2).stderr
    assert "there is no product 'nobody'" in vitrine("discontinue", "nobody", folder=folder, expect=2).stderr


def test_a_model_that_publishes_nothing_has_nothing_to_audit(folder) -> None:
    assert json.loads(vitrine("audit", "--json", folder=folder).stdout) == []
    assert "nothing to audit" in vitrine("audit", folder=folder).stderr
    assert json.loads(vitrine("audit", "--recall", "color", "--json", folder=folder).stdout) == []


def test_a_nightly_job_learns_only_when_there_is_something_new(folder) -> None:
    report = json.loads(vitrine("retrain", "--if-new", "10", "--json", folder=folder).stdout)
    assert (report["new_labels"], report["trained"], report["promoted"]) == (0, None, False)
    assert "fewer than 10" in vitrine("retrain", "--if-new", "10", folder=folder).stderr


def test_a_backup_is_restored_into_a_new_folder_only(folder) -> None:
    saved = json.loads(vitrine("backup", "b.zip", "--json", folder=folder).stdout)
    assert saved["tables"]["products"] > 0 and saved["photos"] == 0
    restored = json.loads(vitrine("restore", "b.zip", "-w", "new", "--json", folder=folder).stdout)
    assert restored["tables"] == saved["tables"]
    assert "is not empty" in vitrine("restore", "b.zip", "-w", "new", folder=folder, expect=1).stderr
    assert "champion" in json.loads(vitrine("models", "--json", folder=folder / "new").stdout)
