"""Questions out to Label Studio and its annotations in again, in its own JSON.

A task is a product: `data` has its photo's address and sku, `predictions` what the model says, one `choices` result an
attribute. The format: https://labelstud.io/guide/tasks and https://labelstud.io/guide/task_format.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import sqlalchemy as sa

from vitrine.desk import journal, queue
from vitrine.desk.decisions import Answer
from vitrine.desk.imported import Imported, enter
from vitrine.desk.journal import Pair
from vitrine.errors import InputError
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole
from vitrine.taxonomy import Taxonomy

_IMAGE = "image"
_LARGEST = 2 * 1024**3


def config(taxonomy: Taxonomy, language: str = "en") -> str:
    """The labeling interface (XML) that fits the tasks: one photo, one single choice an attribute."""
    lines = ["<View>", f'  <Image name="{_IMAGE}" value="$image"/>']
    for attribute in taxonomy.attributes.values():
        name = quoteattr(attribute.name)
        lines.append(f"  <Header value={quoteattr(attribute.display(language))}/>")
        lines.append(f'  <Choices name={name} toName="{_IMAGE}" choice="single-radio" showInline="true">')
        lines += [f"    <Choice value={quoteattr(value)}/>" for value in attribute.values]
        lines.append("  </Choices>")
    return "\n".join([*lines, "</View>"]) + "\n"


def write_tasks(
    catalog: Catalog, taxonomy: Taxonomy, path: Path, *, photo_url: str, most: int = 1_000
) -> list[str | None]:
    """Write the open questions as tasks, those most worth asking first; returns the photo that each task shows.

    `photo_url` has `{photo_id}` where a photo's id goes: where Label Studio finds it.
    """
    if "{photo_id}" not in photo_url:
        raise InputError(
            f"the photo address {photo_url!r} has no {{photo_id}}", hint="https://cdn.example/{photo_id}.jpg"
        )
    tasks = list(_tasks(catalog, taxonomy, photo_url, most))
    with whole(path, hint="free some space and run the same command again") as temporary:
        temporary.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
    return [task["data"]["photo_id"] for task in tasks]


def import_annotations(catalog: Catalog, taxonomy: Taxonomy, path: Path, *, author: str) -> Imported:
    """Enter the annotations of an export as decisions; the same file again changes nothing.

    Of several annotations of a task the newest that was not cancelled counts. Each decision names its annotator, as
    `author/annotator`. Raises InputError when the file is no export of Label Studio.
    """
    skus = set(catalog.read(sa.select(schema.products.c.sku)).column("sku").to_pylist())
    found: dict[str, dict[Pair, Answer]] = {}
    problems: dict[str, str] = {}
    for number, task in enumerate(_read(path)):
        place, data = f"task {task.get('id', number)}", _mapping(task.get("data"))
        if data.get("sku") not in skus:
            problems[place] = f"product {str(data.get('sku'))[:80]!r} is not in the catalog"
            continue
        annotation = _newest(task)
        answers = found.setdefault(f"{author}/{_annotator(annotation)}", {})
        for answer in _answers(taxonomy, place, data, annotation, problems):
            answers[answer.pair] = answer
    return enter(catalog, taxonomy, {by: list(given.values()) for by, given in found.items()}, problems)


def _tasks(catalog: Catalog, taxonomy: Taxonomy, photo_url: str, most: int) -> Iterator[dict[str, Any]]:
    asked = schema.queue
    first = (
        sa.select(asked.c.sku, sa.func.min(asked.c.place).label("place"))
        .where(asked.c.turn.is_not(None), asked.c.attribute.in_(taxonomy.attributes))
        .group_by(asked.c.sku).order_by(sa.text("place")).limit(most)
    )  # fmt: skip
    skus = catalog.read(first).column("sku").to_pylist()
    with catalog.reading() as connection:
        photos = queue.photos_of(connection, skus)
        names: dict[str, str | None] = {}
        for some in journal.chunks(skus):
            products = schema.products
            rows = connection.execute(sa.select(products.c.sku, products.c.name).where(products.c.sku.in_(some)))
            names |= {row.sku: row.name for row in rows}
        pairs = [(sku, name) for sku in skus for name in taxonomy.attributes]
        entries = journal.entries_of(connection, pairs)
        questions = {(row.sku, row.attribute): row for row in queue.rows_of(connection, asked, pairs)}
        said = {
            (row.sku, row.attribute, row.head_id): row for row in queue.rows_of(connection, schema.predictions, pairs)
        }
    for sku in skus:
        mine = {
            name: row for name in taxonomy.attributes if (row := questions.get((sku, name))) and row.turn is not None
        }
        shown = [
            said[sku, name, row.head_id]
            for name, row in mine.items()
            if (sku, name, row.head_id) in said and not row.blind
        ]
        yield {
            "data": {
                _IMAGE: photo_url.replace("{photo_id}", photos[sku][0]) if photos.get(sku) else None,
                "photo_id": photos[sku][0] if photos.get(sku) else None,
                "sku": sku,
                "name": names.get(sku),
                "asked": list(mine),
                "versions": {name: len(entries[sku, name]) for name in taxonomy.attributes},
            },
            "predictions": [_prediction(rows) for _, rows in groupby(shown, key=lambda row: row.model_id)],
        }


def _prediction(rows: Any) -> dict[str, Any]:
    rows = list(rows)
    results = [
        {
            "id": hashlib.sha256(f"{row.sku}|{row.attribute}".encode()).hexdigest()[:10],
            "from_name": row.attribute,
            "to_name": _IMAGE,
            "type": "choices",
            "value": {"choices": [row.value]},
            "score": row.confidence,
        }
        for row in rows
    ]
    return {"model_version": rows[0].model_id, "score": min(row.confidence for row in rows), "result": results}


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise InputError(f"{path} does not exist or is no file")
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path} has more than {_LARGEST:,} bytes", hint="export fewer tasks at a time")
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}", hint="export as JSON from Label Studio") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise InputError(f"{path} is no list of tasks", hint="export as JSON (not JSON_MIN) from Label Studio")
    return tasks


def _newest(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """The newest annotation that was not cancelled; empty where there is none."""
    given = task.get("annotations")
    kept = [one for one in map(_mapping, given) if not one.get("was_cancelled")] if isinstance(given, list) else []
    return max(kept, key=lambda one: str(one.get("updated_at") or one.get("created_at") or ""), default={})


def _mapping(given: object) -> Mapping[str, Any]:
    return given if isinstance(given, dict) else {}


def _annotator(annotation: Mapping[str, Any]) -> str:
    by = annotation.get("completed_by")
    name = (by.get("email") or by.get("id")) if isinstance(by, dict) else by
    return str(name if name is not None else "somebody")[:100]


def _answers(
    taxonomy: Taxonomy, place: str, data: Mapping[str, Any], annotation: Mapping[str, Any], problems: dict[str, str]
) -> Iterator[Answer]:
    versions = _mapping(data.get("versions"))
    results = annotation.get("result")
    for result in map(_mapping, results if isinstance(results, list) else ()):
        if result.get("type") != "choices":
            continue
        attribute = taxonomy.attributes.get(str(result.get("from_name")))
        choices = _mapping(result.get("value")).get("choices")
        where = f"{place}, {str(result.get('from_name'))[:80]}"
        if attribute is None:
            problems[where] = "is not an attribute of the taxonomy"
        elif not isinstance(choices, list) or len(choices) != 1:
            problems[where] = f"has {len(choices) if isinstance(choices, list) else 0} values where one is needed"
        elif (value := attribute.read(str(choices[0]))) is None:
            problems[where] = f"{str(choices[0])[:80]!r} is not in the taxonomy"
        else:
            version = versions.get(attribute.name)
            yield Answer(data["sku"], attribute.name, value=value, version=version if isinstance(version, int) else 0)
