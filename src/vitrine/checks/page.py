"""Write what the checks found, and the data as it is, as one HTML page with the pictures in it."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from vitrine.checks.builtin import CHECKS
from vitrine.checks.check import Report
from vitrine.checks.evidence import Evidence
from vitrine.checks.overview import overview
from vitrine.errors import NotFound, StorageError, UnreadablePhoto
from vitrine.records import Finding
from vitrine.report.write_html import write_html

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

SHOWN = 120  # findings of a code with pictures: a page of a few megabytes
_CARDS = 24  # of them in sight, the others in a fold
_PICTURES = 3  # of a finding
_VALUES = 10  # of an attribute in sight
_KIN = 3  # of a group of twins
_SIDE = 160


@dataclass(frozen=True, slots=True)
class Section:
    """The findings of one code: the first ones, how many there are, and what to do where it is the same for all."""

    code: str
    severity: str
    title: str
    count: int
    first: tuple[Finding, ...]
    remedy: str


def write_page(workspace: "Workspace", report: Report, path: Path) -> Path:
    """Write the page to `path` and return it; StorageError when that cannot be written."""
    evidence = Evidence(workspace, on_embed=lambda done, total: None)
    found = sections(report)
    return write_html(
        path,
        "vitrine.checks",
        "check.html",
        hint="free some space, or write it elsewhere with --page FILE",
        workspace=str(workspace.folder),
        sections=found,
        content=_content(report, found),
        not_run=report.not_run,
        seen=report.seen,
        illustrated={finding for finding, seen in report.seen.items() if seen.pictures},
        overview=overview(evidence),
        thumbnail=_thumbnails(workspace),
        names={photo: ", ".join(one.sku for one in shown) for photo, shown in evidence.shows.items()},
        cards_at_once=_CARDS,
        pictures_at_once=_PICTURES,
        values_at_once=_VALUES,
        kin_at_once=_KIN,
    )


def sections(report: Report) -> list[Section]:
    """The codes of which something was found, in the order of the checks."""
    by_code: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_code.setdefault(finding.code, []).append(finding)
    return [_section(code, found, report) for code, found in by_code.items()]


def _section(code: str, found: Sequence[Finding], report: Report) -> Section:
    titles = {check.code: check.title for check in CHECKS}
    remedies = {report.seen[finding].remedy for finding in found}
    remedy = remedies.pop() if len(remedies) == 1 else ""
    title = titles.get(code, titles["bad-row"])
    return Section(code, found[0].severity, title, len(found), tuple(found[:SHOWN]), remedy)


def _content(report: Report, found: Sequence[Section]) -> list[str]:
    """What was looked for and not found, as titles within a sentence."""
    titles = {section.title for section in found}
    looked = (check.title for check in CHECKS if check.code in report.counts)
    return [title[0].lower() + title[1:] for title in looked if title not in titles]


def _thumbnails(workspace: "Workspace") -> Callable[[str], str]:
    """A function from photo_id to a small JPEG as a data URI, empty where the cleaned photo is gone."""

    @lru_cache(maxsize=4_096)
    def thumbnail(photo_id: str) -> str:
        try:
            image = Image.fromarray(workspace.pixels(photo_id))
        except (NotFound, StorageError, UnreadablePhoto):
            return ""
        image.thumbnail((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        encoded = BytesIO()
        image.save(encoded, "JPEG", quality=80)
        return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"

    return thumbnail
