"""What may leave: answers that people, tables or a certified head stand for, each with where it comes from."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vitrine.desk.answers import ANSWERS, answers_by_attribute
from vitrine.errors import NotFound
from vitrine.learn.model import load_certificates
from vitrine.learn.promote import champion_of

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

CERTIFICATE = "certificate"
LEAVING = ANSWERS.remove(ANSWERS.get_field_index("doubt")).append(pa.field(CERTIFICATE, pa.string()))


def leaving(workspace: "Workspace") -> Iterator[pa.Table]:
    """The answers that may leave (schema `LEAVING`): one table for each attribute, sorted by sku.

    They are the answers that hold (`vitrine.desk.answers`), so nothing of an attribute that an audit stopped, nothing
    that a person rejected; and none that a person was unsure about, even where a table's word stands. `certificate` is
    the sentence that lets a published answer out. Raises NotFound when the certificate of a published answer is lost.
    """
    sentences = _sentences(workspace)
    for table in answers_by_attribute(workspace.catalog, workspace.taxonomy):
        sure = table.filter(pc.is_null(table["doubt"])).drop_columns(["doubt"])
        yield sure.append_column(LEAVING.field(CERTIFICATE), _certificates(sure, sentences)).cast(LEAVING)


def _sentences(workspace: "Workspace") -> dict[str, str]:
    """head_id → the certificate's sentence, of the champion."""
    champion = champion_of(workspace.catalog)
    if champion is None:
        return {}
    try:
        heads, _ = load_certificates(champion, workspace.data / "models")
    except NotFound:
        return {}
    return {head_id: one.own.sentence() for head_id, one in heads.items()}


def _certificates(table: pa.Table, sentences: dict[str, str]) -> pa.Array:
    heads = table["head_id"].combine_chunks().dictionary_encode()
    lost = [head_id for head_id in heads.dictionary.to_pylist() if head_id not in sentences]
    if lost:
        raise NotFound(
            f"the certificate of {lost[0]}, by which answers of {table['attribute'][0]} were published, is not here",
            hint="restore .vitrine/models from a backup, or vitrine train and vitrine classify",
        )
    words = pa.array([sentences[head_id] for head_id in heads.dictionary.to_pylist()], pa.string())
    return pc.take(words, heads.indices)
