"""Write what the checks found, and the data as it is, as one HTML page with the pictures in it."""

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from vitrine.errors import NotFound, StorageError, UnreadablePhoto
from vitrine.intake.checks.builtin import CHECKS
from vitrine.intake.checks.check import Report
from vitrine.intake.checks.evidence import Evidence
from vitrine.intake.checks.overview import overview
from vitrine.records import Finding, now

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

SHOWN = 40  # findings of a code with pictures: a page of at most a few megabytes
_SIDE = 112
_PICTURES = 3


@dataclass(frozen=True, slots=True)
class Section:
    """The findings of one code: the first ones, and how many more there are."""

    code: str
    severity: str
    title: str
    count: int
    first: tuple[Finding, ...]


def write_page(workspace: "Workspace", report: Report, path: Path) -> Path:
    """Write the page to `path` and return it; StorageError when that cannot be written."""
    evidence = Evidence(workspace, on_embed=lambda done, total: None)
    environment = Environment(
        loader=PackageLoader("vitrine.intake.checks", "."), autoescape=True, undefined=StrictUndefined
    )
    html = environment.get_template("page.html").render(
        workspace=str(workspace.folder),
        written_at=now(),
        sections=sections(report),
        not_run=report.not_run,
        pictures={finding: photos[:_PICTURES] for finding, photos in report.pictures.items()},
        overview=overview(evidence),
        thumbnail=_thumbnails(workspace),
        names={photo: ", ".join(one.sku for one in shown) for photo, shown in evidence.shows.items()},
    )
    _write_whole(html, path)
    return path


def sections(report: Report) -> list[Section]:
    """The codes of which something was found, in the order of the checks."""
    by_code: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_code.setdefault(finding.code, []).append(finding)
    titles = {check.code: check.title for check in CHECKS}
    put_aside = titles["bad-row"]
    return [
        Section(code, found[0].severity, titles.get(code, put_aside), len(found), tuple(found[:SHOWN]))
        for code, found in by_code.items()
    ]


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


def _write_whole(html: str, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(html, encoding="utf-8", errors="backslashreplace")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f"could not write {path}: {error.strerror or error}",
            hint="free some space, or write it elsewhere with --page FILE",
        ) from error
