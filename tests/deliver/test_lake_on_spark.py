"""Spark reads the lake: partitions, types, and names that had to be quoted."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from small_delivery import make, say
from vitrine.deliver import deliver


@pytest.mark.slow
def test_spark_reads_the_current_version(tmp_path: Path) -> None:
    pyspark = pytest.importorskip("pyspark.sql", reason="pyspark is not installed; pip install 'vitrine[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17")
    found = re.search(r'version "(\d+)', subprocess.run(["java", "-version"], capture_output=True, text=True).stderr)
    if found is None or int(found.group(1)) < 17:
        pytest.skip("Spark needs Java 17")
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    workspace = make(tmp_path / "w")
    path = workspace.folder / "taxonomy.toml"
    name = "Forração/Salto=100% ü"
    path.write_text(
        path.read_text(encoding="utf-8") + f'[attributes."{name}".values]\nnão = {{}}\n'.replace("não", '"não"'),
        "utf-8",
    )
    say(workspace, "p05", name, "não")
    deliver(workspace, "lake")
    lake = workspace.folder / "lake"
    current = json.loads((lake / "current.json").read_text(encoding="utf-8"))["path"]
    builder = pyspark.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.session.timeZone", "UTC").config("spark.driver.memory", "1g").getOrCreate()
    try:
        answers = session.read.parquet(f"{lake}/{current}/fact_answers")
        values = session.read.parquet(f"{lake}/{current}/dim_value")
        joined = answers.join(values.select("value_key", "name_en"), "value_key").collect()
        assert {row["attribute"] for row in joined} == {"color", name} and len(joined) == 13
        assert dict(answers.dtypes)["said_at"] == "timestamp" and dict(answers.dtypes)["said_on"] == "date"
        assert session.read.parquet(f"{lake}/{current}/fact_scores").count() == 0
    finally:
        session.stop()
