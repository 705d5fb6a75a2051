"""A workspace keeps training and serving on one road: same cleaning, same decode, same embedder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitrine
from vitrine.errors import Refused
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.workspace import Workspace


def test_a_model_refuses_photos_cleaned_in_another_way(trained: Workspace) -> None:
    settings = trained.folder / "vitrine.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("# border = true", "border = false  #"), encoding="utf-8")
    with pytest.raises(Refused, match="reads vectors of") as refused:
        vitrine.open(trained.folder).classify()
    assert "vitrine train" in str(refused.value.hint)


def test_a_large_photo_gets_the_same_answer_alone_and_in_a_batch(
    trained: Workspace, drawn: tuple[Path, object], tmp_path: Path
) -> None:
    first = next(path for path in sorted((drawn[0] / "photos").glob("*-1.jpg")) if path.stat().st_size > 2_000)
    studio = tmp_path / "studio"
    studio.mkdir()
    Image.open(first).convert("RGB").resize((1_600, 1_600)).save(studio / "NEW.jpg", quality=92)
    (tmp_path / "new.csv").write_text("sku\nNEW\n", encoding="utf-8")
    items = items_of_rows(
        read_table(tmp_path / "new.csv"),
        trained.settings.columns,
        trained.taxonomy,
        PhotoSource(str(studio)).list(),
    )
    trained.ingest(items, PhotoSource(str(studio)), place="new.csv")
    trained.classify()
    together = {row["attribute"]: row for row in trained.predictions().to_pylist() if row["sku"] == "NEW"}
    alone = {row["attribute"]: row for row in trained.classify_photo((studio / "NEW.jpg").read_bytes())}
    assert set(alone) == set(together)
    for name, answer in alone.items():
        assert answer["value"] == together[name]["value"]
        assert np.isclose(answer["confidence"], together[name]["confidence"], atol=1e-6)
