"""The scorecard report: what is proven is on it, nothing from outside is, and no text breaks out of it."""

import base64
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from vitrine.config import Columns
from vitrine.errors import StorageError
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.learn.calibrate import reliability
from vitrine.learn.evaluate import ROWS
from vitrine.learn.report import plots
from vitrine.learn.report.confusion import confusion
from vitrine.learn.report.gallery import gallery
from vitrine.learn.report.write import write_report
from vitrine.report.figures import count, percent
from vitrine.workspace import Workspace, create

HOSTILE = "<script>alert('&')</script>"
TAXONOMY = f"""
version = 1
[attributes.color]
names = {{en = "Colour", pt = "Cor"}}
[attributes.color.values]
red = {{en = "Cherry red", pt = "Vermelho"}}
blue = {{en = "Blue", pt = "Azul"}}
green = {{en = "Green"}}
[attributes."{HOSTILE}"]
[attributes."{HOSTILE}".values]
"<img src=x onerror=alert(1)>" = {{}}
plain = {{}}
[attributes.heel_height]
[attributes.heel_height.values]
flat = {{}}
high = {{}}
"""
PROVEN = "publish 81 % of `color` at ≥ 97 % precision, confidence 95 % (n = 1,204 families, each on its own)"
OWN = "publish 70 % of `color` = red at ≥ 97 % precision, confidence 95 % (n = 312 families, each on its own)"
TOGETHER = "publish 77 % of `color` at ≥ 97 % precision, confidence 95 % (n = 1,204 families, all 3 together)"
PRODUCTS = "publish 34 % of `whole product` at ≥ 97 % precision, confidence 95 % (n = 980 families, each on its own)"


def unproven(attribute: str) -> str:
    return (
        f"publish none of `{attribute}`: ≥ 97 % precision, confidence 95 % is not proven (n = 61 families, "
        "each on its own); it would take about 1,519 labelled calibrate families or more"
    )


class Page(HTMLParser):
    """What a reader and a browser see of a page: text, tags, and every address."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href", "data")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())


def as_read(sentence: str) -> str:
    """A sentence as the page sets it: no backticks, thin spaces (which `split` takes for spaces)."""
    return " ".join(re.sub(r"(?<=\d),(?=\d{3})", " ", sentence.replace("`", "")).split())


def workspace(folder: Path, skus: list[str]) -> Workspace:
    """A workspace with one drawn photo a product."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    lines = ["sku\tphoto\tcolor"]
    for number, sku in enumerate(skus):
        image = Image.new("RGB", (320, 240), "white")
        ImageDraw.Draw(image).ellipse((40, 40 + number, 280, 200), fill=(200, 30 + 9 * number, 40))
        image.save(photos / f"{number}.jpg")
        lines.append(f"{sku}\t{number}.jpg\tred")
    (folder / "labels.tsv").write_text("\n".join(lines), encoding="utf-8")
    made = create(folder / "workspace", TAXONOMY, {})
    items = items_of_rows(read_table(folder / "labels.tsv"), Columns(), made.taxonomy)
    made.ingest(items, PhotoSource(str(photos)), place="labels.tsv")
    return made


def answers(attribute: str, rows: list[tuple[str, str, str, float, bool]], known: set[str]) -> pa.Table:
    """Rows of (sku, label, value, confidence, published) in the schema of an evaluation."""
    return pa.table(
        {
            "sku": [row[0] for row in rows],
            "family_id": [row[0] for row in rows],
            "attribute": [attribute] * len(rows),
            "label": [row[1] for row in rows],
            "value": [row[2] for row in rows],
            "confidence": [row[3] for row in rows],
            "published": [row[4] for row in rows],
            "learnable": [row[1] in known for row in rows],
        },
        schema=ROWS,
    )


def head(kind: str, *, chosen: bool) -> dict[str, Any]:
    return {
        "kind": kind, "setting": 0.03, "rows": 812, "log_loss": 0.61, "accuracy": 0.83, "macro_f1": 0.79,
        "seconds": 1.2, "chosen": chosen,
    }  # fmt: skip


def unjudged(attribute: str) -> dict[str, Any]:
    """The score of an attribute that no test product is labelled in."""
    return {
        "n": 0, "threshold": None, "precision": 0.97, "confidence": 0.95, "certificate": unproven(attribute),
        "all_together": {"coverage": 0.0, "certificate": unproven(attribute)}, "head_id": "hd-2",
        "training": [head("linear", chosen=True)], "accuracy": None, "macro_f1": None, "coverage": None,
        "published_accuracy": None, "values": {},
    }  # fmt: skip


def value(n: int, f1: float, certificate: str | None = None) -> dict[str, Any]:
    return {"n": n, "precision": 0.8, "recall": 0.7, "f1": f1, "certificate": certificate}


SKUS = ["A-1", "A-2", HOSTILE, "A-4", "A-5"]
COLOR = answers(
    "color",
    [
        ("A-1", "red", "red", 0.99, True),
        ("A-2", "red", "blue", 0.97, True),
        (HOSTILE, "teal", "blue", 0.99996, True),
        ("A-4", "blue", "blue", 0.4, False),
        ("A-5", "blue", "red", 0.55, False),
    ],
    {"red", "blue"},
)
NAMELESS = answers(
    HOSTILE,
    [("A-1", "plain", "<img src=x onerror=alert(1)>", 0.98, False), ("A-2", "plain", "plain", 0.7, False)],
    {"plain", "<img src=x onerror=alert(1)>"},
)


def scorecard() -> dict[str, Any]:
    judged = {
        "n": 4, "n_rare": 1, "accuracy": 0.5, "accuracy_interval": [0.2, 0.8], "macro_f1": 0.5,
        "coverage": 0.6, "coverage_interval": [0.2, 1.0], "published": 3, "published_accuracy": 1 / 3,
        "published_interval": [0.0, 1.0],
    }  # fmt: skip
    color = unjudged("color") | judged
    color |= {
        "threshold": 0.9,
        "certificate": PROVEN,
        "all_together": {"coverage": 0.77, "certificate": TOGETHER},
        "training": [head("linear", chosen=False), head("xgboost", chosen=True)],
        "values": {"red": value(2, 0.5, OWN), "blue": value(2, 0.4)},
    }
    nameless = unjudged(HOSTILE) | judged | {"coverage": 0.0, "published": 0, "published_accuracy": None}
    nameless |= {
        "published_interval": None,
        "values": {"plain": value(2, 0.6), "<img src=x onerror=alert(1)>": value(0, 0.0)},
    }
    tax = {"n": 812, "row": 0.861, "family": 0.84, "style": 0.827}
    return {
        "dataset": "ds-0123", "model": "md-4567", "taxonomy": "tx-1-89ab", "embedder": "color-shape-1",
        "parts": {"train": 1_599, "calibrate": 396, "test": 403},
        "split": "by family; test read only here",
        "test_uses": 3,
        "attributes": {"color": color, HOSTILE: nameless, "heel_height": unjudged("heel_height")},
        "product": {
            "n": 384, "accuracy": 0.4, "coverage": 0.3, "published": 115, "published_accuracy": 0.98,
            "published_interval": [0.95, 1.0], "certificate": PRODUCTS,
        },
        "grammar": {"products": 403, "contradictions_per_1000": 0.0, "contradictions_per_1000_without": 41.0},
        "leak_tax": {"color": tax, HOSTILE: tax},
    }  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspace(tmp_path_factory.mktemp("shop"), SKUS)


@pytest.fixture(scope="module")
def html(shop: Workspace, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(shop, scorecard(), pa.concat_tables([COLOR, NAMELESS]), path)
    return path.read_text(encoding="utf-8")


def test_every_certificate_is_on_the_page_as_a_sentence(html: str) -> None:
    text = Page(html).text
    for sentence in (PROVEN, OWN, TOGETHER, PRODUCTS, unproven(HOSTILE), unproven("heel_height")):
        assert as_read(sentence) in text


def test_it_says_how_it_was_measured(html: str) -> None:
    text = Page(html).text
    assert "1 599 train, 396 calibrate and 403 test products" in text
    assert "look number 3" in text
    for identity in ("ds-0123", "md-4567", "tx-1-89ab", "color-shape-1"):
        assert identity in text
    assert "+3.4" in text  # 0.861 by row, 0.827 by style


def test_every_attribute_has_its_section_and_the_first_is_open(html: str) -> None:
    page = Page(html)
    assert page.tags.count("details") == 3
    assert html.count("<details open") == 1
    for name in ("Colour", HOSTILE, "heel height"):
        assert name in page.text
    assert "Cherry red" in page.text


def test_an_attribute_without_test_rows_is_shown_without_plots(html: str) -> None:
    page = Page(html)
    assert page.tags.count("svg") == 4  # two for each of the two attributes that have rows
    assert "No product of the test part has a label of this attribute" in page.text


def test_hostile_names_stay_text(html: str) -> None:
    page = Page(html)
    assert "script" not in page.tags
    assert page.handlers == []
    assert "x" not in page.addresses
    assert HOSTILE in page.text


def test_nothing_is_asked_from_outside(html: str) -> None:
    page = Page(html)
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in page.addresses)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
    assert "default-src 'none'" in html


def test_links_into_the_page_lead_somewhere(html: str) -> None:
    targets = {address[1:] for address in Page(html).addresses if address.startswith("#")}
    assert targets == {"attribute-0", "attribute-1", "attribute-2"}
    assert all(f'id="{target}"' in html for target in targets)


def test_the_gallery_shows_the_surest_mistakes_first(shop: Workspace, html: str) -> None:
    mistakes = gallery(shop, pa.concat_tables([COLOR, NAMELESS]))
    assert [(one.sku, one.confidence) for one in mistakes] == [
        (HOSTILE, 0.99996),
        ("A-1", 0.98),
        ("A-2", 0.97),
        ("A-5", 0.55),
    ]
    assert [one.published for one in mistakes] == [True, False, True, False]
    assert [one.learnable for one in mistakes] == [False, True, True, True]
    shown = html[html.index("Confident mistakes") :]
    assert 0 < shown.index("99.9\u202f%") < shown.index("98.0\u202f%") < shown.index("97.0\u202f%")


def test_the_gallery_stops_at_the_most_it_may_show(shop: Workspace) -> None:
    assert [one.sku for one in gallery(shop, COLOR, most=2)] == [HOSTILE, "A-2"]


def test_a_photo_is_small_and_its_own(shop: Workspace) -> None:
    mistakes = gallery(shop, COLOR)
    photos = [one.photo for one in mistakes]
    assert len(set(photos)) == len(photos) == 3
    for photo in photos:
        assert photo is not None
        image = Image.open(BytesIO(base64.b64decode(photo.partition(",")[2])))
        assert image.format == "JPEG" and max(image.size) == 160


def test_a_lost_photo_leaves_a_gap_and_not_an_error(tmp_path: Path) -> None:
    shop = workspace(tmp_path, ["A-1", "A-2"])
    for blob in (tmp_path / "workspace" / ".vitrine" / "photos").rglob("*"):
        if blob.is_file():
            blob.unlink()
    rows = answers("color", [("A-1", "red", "blue", 0.9, True), ("gone", "red", "blue", 0.8, False)], {"red"})
    assert [one.photo for one in gallery(shop, rows)] == [None, None]


def test_a_model_without_mistakes_has_an_empty_gallery(shop: Workspace, tmp_path: Path) -> None:
    card = scorecard() | {"leak_tax": {}, "product": {"n": 0, "coverage": None, "published_accuracy": None}}
    rows = answers("color", [("A-1", "red", "red", 0.9, True), ("A-4", "blue", "blue", 0.8, False)], {"red"})
    write_report(shop, card, rows, tmp_path / "report.html")
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "No answer on the test part differs from its label." in text
    assert "Leak tax" not in text


def test_a_report_that_cannot_be_written_says_so_and_leaves_the_old_one(shop: Workspace, tmp_path: Path) -> None:
    in_the_way = tmp_path / "reports"
    in_the_way.write_text("a file where a folder is needed", encoding="utf-8")
    with pytest.raises(StorageError, match="could not write"):
        write_report(shop, scorecard(), COLOR, in_the_way / "report.html")
    assert list(tmp_path.iterdir()) == [in_the_way]


def test_percent_never_rounds_a_doubt_away() -> None:
    assert percent(0.99996) == "99.9\u202f%"
    assert percent(1.0) == "100.0\u202f%"
    assert count(1_234_567) == "1\u202f234\u202f567"


def test_small_values_share_a_line_of_the_confusion() -> None:
    labels = ["a"] * 6 + ["b"] * 4 + ["c", "d", "unknown"]
    given_answers = ["a"] * 5 + ["c"] + ["b"] * 4 + ["c", "a", "d"]
    table = confusion(labels, given_answers, known=["a", "b", "c", "d"], most=2)
    assert table.columns == ("a", "b", None)
    assert table.others == 2
    assert [(line.title, [cell.count for cell in line.cells]) for line in table.lines] == [
        ("a", [5, 0, 1]),
        ("b", [0, 4, 0]),
        ("2 other values", [1, 0, 1]),
        ("1 value too rare to learn", [0, 0, 1]),
    ]
    assert [line.cells[-1].right for line in table.lines] == [False, False, None, False]


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgx"), st.sampled_from("abcdefg")), min_size=1),
    st.integers(1, 9),
)
def test_the_confusion_counts_every_row_once(pairs: list[tuple[str, str]], most: int) -> None:
    labels, given_answers = zip(*pairs, strict=True)
    table = confusion(labels, given_answers, known="abcdefg", most=most)
    assert sum(line.n for line in table.lines) == len(pairs)
    assert sum(cell.count for line in table.lines for cell in line.cells) == len(pairs)
    assert all(len(line.cells) == len(table.columns) for line in table.lines)


def coordinates(svg: str) -> list[tuple[float, float]]:
    """Every point that the paths and texts of a plot are drawn at."""
    return [(float(x), float(y)) for x, y in re.findall(r'(?:[ML] |x=")(-?[\d.]+)(?:" y="| )(-?[\d.]+)', svg)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_plots_stay_inside_their_frame(rows: list[tuple[float, bool]]) -> None:
    confidence, right = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    point = plots.Point(1.0, 1.0, (0.9, 1.0), (0.8, 1.0))
    for svg in (
        plots.risk_coverage(confidence, right, allowed=0.03, point=point),
        plots.reliability(reliability(confidence, right, bins=10)),
    ):
        drawn = coordinates(svg)
        assert len(drawn) > 20
        assert all(-0.1 <= x <= 360 and -0.1 <= y <= 240 for x, y in drawn)
        assert "nan" not in svg


def test_a_plot_is_the_same_each_time_and_leaves_its_look_to_the_page() -> None:
    random = np.random.default_rng(0)
    confidence = random.beta(6, 1, 300)
    right = random.random(300) < confidence
    for draw in (
        lambda: plots.risk_coverage(confidence, right, allowed=0.03, point=plots.Point(0.6, 0.02)),
        lambda: plots.reliability(reliability(confidence, right, bins=10)),
    ):
        svg = draw()
        assert svg == draw()
        assert not re.search(r"#[0-9a-f]{3}|<style|<defs|<use|<metadata|font|\bid=|url\(|http|<\?xml|20\d\d-", svg)
        assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg)) <= {
            "none", "var(--ink)", "var(--soft)", "var(--faint)", "var(--line)", "var(--paper)",
            "rgb(var(--right))", "rgb(var(--wrong))",
        }  # fmt: skip


def test_the_reliability_plot_says_how_many_answers_a_dot_has() -> None:
    confidence = np.linspace(0.3, 1, 300)
    svg = plots.reliability(reliability(confidence, confidence > 0.5, bins=10))
    assert svg.count('class="dot"') == 10
    assert "n = 30 for each dot" in svg


def test_equal_confidences_are_published_together() -> None:
    confidence = np.array([0.9] * 20)
    svg = plots.risk_coverage(confidence, np.arange(20) < 15, allowed=0.03)
    curve = re.search(r'class="curve"><path d="([^"]+)"', svg)
    assert curve is None or "L" not in curve.group(1)  # at most one point: nothing tells the twenty apart
    measured = reliability(confidence, np.arange(20) < 15, bins=10)
    assert measured.bin_n == (20,) and measured.ece == pytest.approx(0.15)


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_holds_the_share(n: int, share: float) -> None:
    hits = float(round(n * share))
    low, high = plots.wilson(np.array([hits]), np.array([float(n)]))
    assert 0 <= low[0] <= hits / n + 1e-12 and hits / n - 1e-12 <= high[0] <= 1
