"""Every check fires where it must, keeps quiet where all is well, and says when it cannot run."""

import csv
import hashlib
import html.parser
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from command import COMMAND, vitrine
from drawn_workspace import make_workspace
from vitrine.checks.check import Report, check
from vitrine.checks.confident import Suspect, blatant, suspects
from vitrine.checks.page import SHOWN, write_page
from vitrine.checks.seen import Seen, percent
from vitrine.demo.catalog import Planted
from vitrine.intake.clean import Cleaning
from vitrine.intake.ingest import describe_photo
from vitrine.intake.items import items_of_rows
from vitrine.intake.measure import LEAST_CONTRAST, LEAST_SHARPNESS
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.records import Finding, Member
from vitrine.stores import schema
from vitrine.workspace import Workspace, create, open

TAXONOMY = """
version = 1
[attributes.color.values]
red = {en = "Red"}
blue = {en = "Blue"}
"""
PAINT = {"red": (190, 30, 40), "blue": (30, 60, 190)}


def shoe(color: str, number: int, *, upright: bool = False) -> Image.Image:
    """A shape in a color; the number moves and stretches it, so that no two are twins."""
    rng = np.random.default_rng(number)
    picture = Image.new("RGB", (160, 160), "white")
    draw = ImageDraw.Draw(picture)
    paint = tuple(int(c) for c in np.clip(np.array(PAINT[color]) + rng.integers(-25, 25, 3), 0, 255))
    outline = [(12, 120), (12, 80), (50, 70), (75, 90), (150, 100), (150, 120)]
    points = [(int(x + rng.integers(-9, 9)), int(y + rng.integers(-9, 9))) for x, y in outline]
    draw.polygon([(y, x) for x, y in points] if upright else points, fill=paint)
    for _ in range(4):
        x, y = (int(at) for at in rng.integers(70, 110, 2))
        draw.ellipse((x, y, x + 14, y + 8), fill=tuple(int(c) for c in rng.integers(0, 255, 3)))
    return picture


def encoded(picture: Image.Image, quality: int = 95) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def bring(
    folder: Path, rows: Sequence[Mapping[str, str]], photos: Mapping[str, bytes], taxonomy: str = TAXONOMY
) -> Workspace:
    """A workspace with a table of these rows and a folder of these photos ingested."""
    (folder / "photos").mkdir(parents=True)
    for name, data in photos.items():
        (folder / "photos" / name).write_bytes(data)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        table.writeheader()
        table.writerows(rows)
    workspace = create(folder / "workspace", taxonomy, {})
    ingest(workspace, folder)
    return workspace


def ingest(workspace: Workspace, folder: Path) -> None:
    rows = read_table(folder / "labels.csv")
    items = items_of_rows(rows, workspace.settings.columns, workspace.taxonomy)
    workspace.ingest(items, PhotoSource(str(folder / "photos")), place=str(folder / "labels.csv"))
    workspace.find_twins()


def rows_of(photos: Mapping[str, bytes], **cells: str) -> list[dict[str, str]]:
    return [{"sku": name.split(".")[0], "photo": name, "color": "red", **cells} for name in photos]


def found(report: Report, code: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.code == code]


def photos_found(report: Report, code: str) -> set[str | None]:
    return {finding.photo for finding in found(report, code)}


GOOD = {f"good{i}.jpg": encoded(shoe("red", i)) for i in range(3)}
PHOTO_CODES = ("unreadable", "missing-photo", "too-small", "blank", "blurred", "twin", "conflicting-labels")


def test_photos_that_cannot_be_used_are_named_and_good_ones_are_not(tmp_path: Path) -> None:
    bad = {
        "cut.jpg": encoded(shoe("red", 7))[:900],
        "tiny.jpg": encoded(shoe("red", 8).resize((40, 63))),
        "empty.jpg": encoded(Image.new("RGB", (160, 160), (250, 250, 250))),
        "soft.jpg": encoded(shoe("red", 9).filter(ImageFilter.GaussianBlur(6))),
    }
    rows = [*rows_of(GOOD | bad), {"sku": "lost", "photo": "nowhere.jpg"}, {"sku": "bare", "photo": ""}]
    report = check(bring(tmp_path, rows, GOOD | bad))
    assert photos_found(report, "unreadable") == {"cut.jpg"}
    assert photos_found(report, "too-small") == {"tiny.jpg"}
    assert photos_found(report, "blank") == {"empty.jpg"}
    assert photos_found(report, "blurred") == {"soft.jpg"}
    missing = [(finding.product, finding.photo) for finding in found(report, "missing-photo")]
    assert missing == [("lost", "nowhere.jpg"), ("bare", None)]
    assert "row 5" in found(report, "unreadable")[0].message, "the row of the table that names the file"
    assert "40×63" in found(report, "too-small")[0].message


def test_nothing_is_found_where_all_is_well(tmp_path: Path) -> None:
    report = check(bring(tmp_path, rows_of(GOOD), GOOD))
    assert {code: report.counts[code] for code in PHOTO_CODES} == dict.fromkeys(PHOTO_CODES, 0)
    assert report.counts["off-taxonomy"] == 0 and report.counts["bad-row"] == 0


def test_twins_are_found_by_bytes_and_by_looks(tmp_path: Path) -> None:
    copies = {"copy.jpg": GOOD["good0.jpg"], "again.jpg": encoded(shoe("red", 1), quality=92)}
    report = check(bring(tmp_path, rows_of(GOOD | copies), GOOD | copies))
    pairs = {tuple(re.findall(r"'(\w+\.jpg)'", finding.message)) for finding in found(report, "twin")}
    assert pairs == {("good0.jpg", "copy.jpg"), ("good1.jpg", "again.jpg")}
    assert report.counts["conflicting-labels"] == 0, "all are labelled red"


def test_a_finding_about_two_products_names_its_own_first_and_shows_its_picture_first(tmp_path: Path) -> None:
    shoes = {f"{number}.jpg": encoded(shoe("red", number)) for number in range(6)}
    photos = shoes | {f"again{n}.jpg": encoded(shoe("red", n), quality=92) for n in range(6)}
    rows = [{**row, "color": "blue" if "again" in row["sku"] else "red"} for row in rows_of(photos)]
    report = check(bring(tmp_path, rows, photos))
    findings = found(report, "twin") + found(report, "conflicting-labels")
    assert len(findings) == 12
    for finding in findings:
        first, other = re.findall(r"product '(\w+)'", finding.message)
        assert (first, other, finding.photo) == (finding.product, f"{first[-1]}", f"{first}.jpg")
        own, others = (hashlib.sha256(photos[f"{sku}.jpg"]).hexdigest() for sku in (first, other))
        assert report.seen[finding].pictures == (own, others)


def test_labels_that_contradict_each_other_within_and_between_products(tmp_path: Path) -> None:
    blank = encoded(Image.new("RGB", (160, 160), "white"))
    photos = GOOD | {"copy.jpg": GOOD["good0.jpg"], "blank1.jpg": blank, "blank2.jpg": blank}
    rows = [*rows_of(photos), {"sku": "good2", "photo": "good2.jpg", "color": "blue"}]
    for row in rows:
        row["color"] = "blue" if row["sku"] in ("copy", "blank2") else row["color"]
    seen = found(check(bring(tmp_path, rows, photos)), "conflicting-labels")
    assert [finding.product for finding in seen] == ["good2", "good0"]
    assert "'blue' and 'red'" in seen[0].message
    assert "product 'good0' shows the same picture as product 'copy'" in seen[1].message
    assert "color 'red' against 'blue'" in seen[1].message


def test_a_placeholder_under_many_products_is_one_finding_a_product(tmp_path: Path) -> None:
    rows = [{"sku": f"p{i}", "photo": "same.jpg", "color": "red" if i % 2 else "blue"} for i in range(60)]
    report = check(bring(tmp_path, rows, {"same.jpg": GOOD["good0.jpg"]}))
    assert report.counts["twin"] == 59
    assert report.counts["conflicting-labels"] == 30


def test_values_off_the_taxonomy_say_what_was_probably_meant(tmp_path: Path) -> None:
    rows = rows_of(GOOD, color="bleu")
    rows.append({**rows[0], "photo": "good1.jpg"})
    workspace = bring(tmp_path, rows, GOOD)
    seen = found(check(workspace), "off-taxonomy")
    assert len(seen) == 3, "one a product, however many rows repeat it"
    assert {finding.attribute for finding in seen} == {"color"}
    assert "labels.csv row 2 and 1 more" in seen[0].message and "did you mean 'blue'?" in seen[0].message


def test_a_label_whose_value_left_the_taxonomy_is_off_the_taxonomy(tmp_path: Path) -> None:
    workspace = bring(tmp_path, rows_of(GOOD, color="red"), GOOD)
    smaller = TAXONOMY.replace('red = {en = "Red"}', 'dark_red = {en = "Dark red"}')
    (workspace.folder / "taxonomy.toml").write_text(smaller, encoding="utf-8")
    seen = found(check(open(workspace.folder)), "off-taxonomy")
    assert [finding.product for finding in seen] == ["good0", "good1", "good2"]
    assert "'red'" in seen[0].message and seen[0].attribute == "color"


def test_other_rows_put_aside_keep_their_own_code(tmp_path: Path) -> None:
    rows = [
        {"sku": "good0", "photo": "good0.jpg", "color": "red", "price": "cheap"},
        {"sku": "", "photo": "good1.jpg", "color": "red", "price": "9"},
        {"sku": "good2", "photo": "../../etc/passwd", "color": "red", "price": "9"},
    ]
    report = check(bring(tmp_path, rows, GOOD))
    assert {code: report.counts[code] for code in ("bad-price", "bad-key", "bad-path")} == {
        "bad-price": 1, "bad-key": 1, "bad-path": 1,
    }  # fmt: skip
    assert photos_found(report, "bad-path") == {"../../etc/passwd"}
    assert [finding.message for finding in report.findings if finding.code in ("bad-price", "bad-path")] == [
        "labels.csv row 2: product 'good0': 'cheap' is no price; "
        "correct the price and ingest again: the product came in without it",
        "labels.csv row 4: photo '../../etc/passwd' of product 'good2' leads out of the photos folder; "
        "name a path inside the photos folder and ingest again",
    ]
    assert sum(report.counts.values()) == len(report.findings)


def test_rare_values_and_attributes_without_labels(tmp_path: Path) -> None:
    taxonomy = TAXONOMY + "[attributes.heel.values]\nflat = {}\nhigh = {}\n"
    photos = {f"{i}.jpg": encoded(shoe("red", i)) for i in range(12)}
    report = check(bring(tmp_path, rows_of(photos), photos, taxonomy))
    messages = [finding.message for finding in found(report, "rare-value")]
    assert len(messages) == 2, "12 red products are enough"
    assert "'blue' has 0" in messages[0] and "heel has no label" in messages[1]


def test_a_family_across_the_splits_is_named(tmp_path: Path) -> None:
    photos = GOOD | {"copy.jpg": GOOD["good0.jpg"]}
    workspace = bring(tmp_path, rows_of(photos), photos)
    assert "vitrine train" in check(workspace).not_run["family-across-splits"]
    workspace.freeze()
    assert check(workspace).counts["family-across-splits"] == 0
    torn = [Member("good0", "f-1", "train"), Member("copy", "f-2", "test")]
    workspace.catalog.put(schema.members, torn)
    seen = found(check(workspace), "family-across-splits")
    assert len(seen) == 1 and "good0" in seen[0].message and "copy" in seen[0].message


def test_what_pictures_contradict_cannot_be_told_from_few_photos(tmp_path: Path) -> None:
    report = check(bring(tmp_path, rows_of(GOOD), GOOD))
    assert "10 labelled products" in report.not_run["likely-wrong-label"]
    assert "column 'view'" in report.not_run["wrong-view"]
    assert "likely-wrong-label" not in report.counts


WRONG_COLORS = (3, 10, 64, 91)
WRONG_VIEWS = (20, 31, 72, 115)


@pytest.fixture(scope="module")
def mislabelled(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """160 products in two colors and two views; four colors and four views of others are wrong."""
    photos, rows = {}, []
    for i in range(160):
        color, view = ("red", "blue")[i % 2], ("side", "top")[i // 2 % 2]
        photos[f"{i}.jpg"] = encoded(shoe(color, i, upright=view == "top"))
        color = {"red": "blue", "blue": "red"}[color] if i in WRONG_COLORS else color
        view = {"side": "top", "top": "Side"}[view] if i in WRONG_VIEWS else view
        rows.append({"sku": f"p{i}", "photo": f"{i}.jpg", "color": color, "view": view})
    return check(bring(tmp_path_factory.mktemp("mislabelled"), rows, photos))


def test_wrong_labels_are_found_with_the_value_they_look_like(mislabelled: Report) -> None:
    seen = found(mislabelled, "likely-wrong-label")
    products = [finding.product for finding in seen]
    assert len(products) >= 3 and set(products) <= {f"p{i}" for i in WRONG_COLORS}
    looks = "red" if int(products[0][1:]) % 2 == 0 else "blue"
    assert {finding.attribute for finding in seen} == {"color"}
    assert f"looks like '{looks}'" in seen[0].message and "is labelled color" in seen[0].message
    assert all(finding.photo == f"{finding.product[1:]}.jpg" for finding in seen if finding.product), "the file to open"


def test_wrong_views_are_found(mislabelled: Report) -> None:
    photos = photos_found(mislabelled, "wrong-view")
    assert len(photos) >= 3 and photos <= {f"{i}.jpg" for i in WRONG_VIEWS}


def test_every_probability_is_written_the_same_way(mislabelled: Report) -> None:
    seen = found(mislabelled, "likely-wrong-label") + found(mislabelled, "wrong-view")
    assert all(re.search(r"\((less than 0\.1|\d+\.\d) % probable\)", finding.message) for finding in seen)


@given(st.floats(0, 1))
def test_a_share_that_is_not_nothing_never_reads_as_nothing(share: float) -> None:
    written = percent(share)
    assert not written.startswith("0.0")
    assert (written == "less than 0.1 %") == (share < 0.001)


HOSTILE = "<script>alert(1)</script>[/][bold]\u202e\"'{{ 7*7 }}"


class Parsed(html.parser.HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def hostile(tmp_path: Path) -> Workspace:
    """Names and cells that try to be markup, templates and terminal commands."""
    file = '"><img src=x onerror=alert(1)>[red].jpg'
    rows = [
        {"sku": "<img src=x>[/red]", "photo": file, "color": HOSTILE},
        {"sku": "twin {{ 7*7 }}", "photo": file, "color": "\x1b[31mred\x1b[2J"},
    ]
    return bring(tmp_path, rows, {file: GOOD["good0.jpg"]})


def test_hostile_names_stay_text_in_the_page(hostile: Workspace, tmp_path: Path) -> None:
    page = write_page(hostile, check(hostile), tmp_path / "page.html")
    parsed = Parsed(page.read_text(encoding="utf-8"))
    assert not any(tag == "script" for tag, _ in parsed.tags)
    images = [attributes for tag, attributes in parsed.tags if tag == "img"]
    assert images and all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in images)
    assert all(set(image) == {"src", "alt", "title"} for image in images)
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert "<script>alert(1)</script>" in parsed.text and "twin {{ 7*7 }}" in parsed.text


def test_hostile_names_stay_text_in_the_terminal(hostile: Workspace) -> None:
    result = vitrine("check", folder=hostile.folder)
    assert "<img src=x>[/red]" in result.stdout and "[bold]" in result.stdout
    assert "\x1b[2J" not in result.stdout and "\u202e" not in result.stdout


def test_a_terminal_breaks_lines_between_words_and_a_pipe_does_not(hostile: Workspace) -> None:
    arguments = [*COMMAND, "check", "--workspace", str(hostile.folder)]
    shown = {
        name: subprocess.run(arguments, env=os.environ | how, capture_output=True, text=True, check=True).stdout
        for name, how in {"terminal": {"FORCE_COLOR": "1", "COLUMNS": "80"}, "pipe": {"COLUMNS": "80"}}.items()
    }
    assert "\x1b[2J" not in shown["terminal"] and "\u202e" not in shown["terminal"]
    advice = "correct it in the table, or add it to taxonomy.toml as a value or synonym, and ingest again"
    assert f"off-taxonomy: {advice}\n" in shown["pipe"]
    assert advice not in shown["terminal"] and advice in " ".join(shown["terminal"].split())
    assert all(len(re.sub(r"\x1b\[[\d;]*m", "", line)) <= 80 for line in shown["terminal"].splitlines())


def test_json_has_findings_and_counts_and_nothing_else(hostile: Workspace, tmp_path: Path) -> None:
    result = vitrine("check", "--json", "--page", tmp_path / "here.html", folder=hostile.folder)
    report = json.loads(result.stdout)
    assert set(report) == {"findings", "counts"}
    assert all(
        list(one) == ["code", "severity", "product", "photo", "message", "attribute"] for one in report["findings"]
    )
    assert {one["severity"] for one in report["findings"]} <= {"error", "warning", "note"}
    assert sum(report["counts"].values()) == len(report["findings"])
    assert (tmp_path / "here.html").exists() and report["counts"]["off-taxonomy"] == 2


def test_an_empty_workspace_can_be_checked(tmp_path: Path) -> None:
    workspace = create(tmp_path / "empty", TAXONOMY, {})
    report = check(workspace)
    assert set(report.not_run) == {"family-across-splits", "likely-wrong-label", "wrong-view"}
    page = write_page(workspace, report, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "no label at all" in page


def test_a_long_list_is_folded_and_cut_in_the_page_and_says_so(tmp_path: Path) -> None:
    rows = [{"sku": f"p{i}", "photo": "", "color": "red"} for i in range(SHOWN + 5)]
    workspace = bring(tmp_path, rows, {})
    parsed = Parsed(write_page(workspace, check(workspace), tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "… and 5 more" in parsed.text
    assert f"{SHOWN - 24} more" in parsed.text and "details" in [tag for tag, _ in parsed.tags]
    assert parsed.text.count("ame one in the table and ingest again") == 1  # advice for all of them stands once


def test_the_page_opens_with_what_there_is_to_do(hostile: Workspace, tmp_path: Path) -> None:
    report = check(hostile)
    text = Parsed(write_page(hostile, report, tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert f"{len(report.findings)} things to look at in 2 products." in text
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", text)
    nothing = create(tmp_path / "empty", TAXONOMY, {})
    page = write_page(nothing, Report({}, {"blank": 0}, {}), tmp_path / "nothing.html")
    assert "Nothing to look at in 0 products." in " ".join(Parsed(page.read_text(encoding="utf-8")).text.split())


def test_the_page_has_every_part_of_every_finding(hostile: Workspace, tmp_path: Path) -> None:
    report = check(hostile)
    text = Parsed(write_page(hostile, report, tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert {finding.code for finding in report.findings} == {"off-taxonomy", "twin", "rare-value"}
    for finding, seen in report.seen.items():
        assert seen.what and seen.remedy
        for part in (finding.product, finding.photo, seen.place, seen.what, seen.remedy):
            assert (part or "") in text


WORDS = st.text(min_size=1, max_size=12)


@given(WORDS, WORDS, st.none() | WORDS, st.none() | WORDS, st.just("") | WORDS)
def test_a_sentence_has_all_its_parts_in_order(
    what: str, remedy: str, product: str | None, photo: str | None, place: str
) -> None:
    seen = Seen(what=what, remedy=remedy, product=product, photo=photo, place=place)
    subject = [f"photo '{photo}'"] if photo else []
    subject += [f"product '{product}'"] if product else []
    rest = seen.message
    for part in [place] * bool(place) + [*subject, what, remedy]:
        _, found_it, rest = rest.partition(part)
        assert found_it == part
    assert seen.message.startswith(seen.statement) and seen.message.endswith(remedy)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(2, 40))
def test_suspects_are_less_probable_than_what_they_look_like(seed: int, k: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    proba, y = rng.dirichlet(np.full(k, 0.3), n), rng.integers(0, k, n)
    found_ones = suspects(proba, y)
    for one in found_ones:
        assert one.given == y[one.row] and one.suggested != one.given
        assert proba[one.row, one.given] == one.probability < proba[one.row, one.suggested]
    assert [one.probability for one in found_ones] == sorted(one.probability for one in found_ones)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(2, 40))
def test_suspects_do_not_depend_on_the_order_of_rows(seed: int, k: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    proba, y, order = rng.dirichlet(np.full(k, 0.3), n), rng.integers(0, k, n), rng.permutation(n)
    straight = {one.row for one in suspects(proba, y)}
    assert {int(order[one.row]) for one in suspects(proba[order], y[order])} == straight


def test_where_heads_contradict_too_many_labels_only_improbable_ones_stay() -> None:
    found_ones = [Suspect(row, 0, 1, own) for row, own in enumerate([0.001, 0.009, 0.02, 0.3])]
    assert blatant(found_ones, 1_000, 10) == found_ones
    assert blatant(found_ones, 40, 10) == found_ones[:2]
    assert blatant(found_ones, 40, 3) == found_ones[:3], "one wrong value of two is likelier than one of nine"


@pytest.mark.slow
def test_planted_faults_of_a_drawn_catalog_are_found(drawn: tuple[Path, Planted], tmp_path: Path) -> None:
    folder, planted = drawn
    report = check(make_workspace(tmp_path / "workspace", folder))
    for reason in ("unreadable", "too-small", "blank", "blurred"):
        wanted = {row["photo"] for row in planted.bad_files.to_pylist() if row["reason"] == reason}
        assert photos_found(report, reason) == wanted
    wrong = {(row["sku"], row["attribute"]) for row in planted.wrong_labels.to_pylist()}
    seen = found(report, "likely-wrong-label")
    named = [(one.product, re.search(r"is labelled (\w+) '", one.message)[1]) for one in seen]
    assert sum(pair in wrong for pair in named[:20]) >= 5, "by chance less than one would be"


@pytest.mark.real
def test_real_photos_raise_no_false_alarm(real_data: Path) -> None:
    photos = sorted((real_data / "fashion-products" / "photos").glob("*.jpg"))[::40]
    photos += sorted((real_data / "clothing" / "validation").rglob("*.jpg"))[::4]
    figures = [describe_photo(path.read_bytes(), Cleaning())[0] for path in photos]
    assert len(figures) > 200
    assert not [f for f in figures if f.contrast < LEAST_CONTRAST or f.sharpness < LEAST_SHARPNESS]
