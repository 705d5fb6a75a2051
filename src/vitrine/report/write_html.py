"""Write a report as one HTML file: style, plots and pictures inside, no scripts, nothing from outside.

Every text that came from a person is escaped, and the page's own policy forbids scripts and requests.
"""

from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from vitrine.records import now
from vitrine.report.figures import between, count, figure, percent, sentence
from vitrine.stores.whole import whole


def write_html(path: Path, room: str, template: str, *, hint: str, **content: Any) -> Path:
    """Write `template` of the package `room` (it extends `report.html`), filled with `content` and `written`, to `path`.

    Whole or not at all: a StorageError has the `hint`. Returns the path.
    """
    loader = ChoiceLoader([PackageLoader(room), PackageLoader("vitrine.report", ".")])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "percent": percent, "count": count, "figure": figure, "between": between, "sentence": sentence,
    }  # fmt: skip
    html = environment.get_template(template).render(written=now(), **content)
    with whole(path, hint=hint) as temporary:
        temporary.write_text(html, encoding="utf-8", errors="backslashreplace")
    return path
