"""Enter receipts: what a photo of a delivery answered, once, and what a person did with the delivery.

A receipt has an id that its sender makes up before sending. The same receipt sent again changes nothing and gets the
answer it got; so does the same photo of the same line under another id, as long as it would be answered the same way.
"""

import re

import sqlalchemy as sa

from vitrine.desk import deliveries
from vitrine.desk.deliveries import MISMATCH
from vitrine.errors import Conflict, InputError, NotFound, sentence
from vitrine.records import Handling, Receipt, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

MATCH, UNKNOWN = "match", "unknown"
ACCEPTED, REFUSED, SET_ASIDE = "accepted", "refused", "set_aside"
ACTIONS = (ACCEPTED, REFUSED, SET_ASIDE)
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_LONGEST_COMMENT = 2_000


def find_sent(catalog: Catalog, receipt_id: str, line_id: str, photo_id: str) -> Receipt | None:
    """The receipt of this id, None where it is new.

    Raises Conflict where the id stands for another photo or line, InputError where it is no id.
    """
    _check_id(receipt_id, "receipt_id")
    with catalog.reading() as connection:
        stored = _by_id(connection, receipt_id)
    if stored is not None:
        _check_same(stored, line_id, photo_id)
    return stored


def record(catalog: Catalog, receipt: Receipt) -> Receipt:
    """Enter a receipt, or find it where it was entered before; a mismatch asks the desk about the ordered product."""
    table = schema.receipts
    with catalog.transaction() as connection:
        catalog.lock(table, connection)
        stored = _by_id(connection, receipt.receipt_id)
        if stored is not None:
            _check_same(stored, receipt.line_id, receipt.photo_id)
            return stored
        same = (table.c[name].is_not_distinct_from(getattr(receipt, name)) for name in _SAME_ANSWER)
        repeated = connection.execute(sa.select(table).where(*same).order_by(table.c.received_at)).mappings().first()
        if repeated is not None:
            return Receipt(**repeated)
        catalog.add(table, [receipt], connection=connection)
        if receipt.answer == MISMATCH:
            deliveries.ask(catalog, connection, receipt)
    return receipt


def handle(
    catalog: Catalog, receipt_id: str, action: str, *, handling_id: str, person: str, comment: str | None = None
) -> Handling:
    """Enter what a person did with the delivery; the same handling again changes nothing.

    Raises NotFound for an unknown receipt, InputError for an unknown action, Conflict for an id that stands for another.
    """
    if action not in ACTIONS:
        raise InputError(f"action {action[:80]!r} is not one of {', '.join(ACTIONS)}")
    _check_id(handling_id, "handling_id")
    if len(comment or "") > _LONGEST_COMMENT or "\x00" in (comment or ""):
        raise InputError(f"a comment has at most {_LONGEST_COMMENT:,} characters and no NUL")
    table = schema.handlings
    with catalog.transaction() as connection:
        if _by_id(connection, receipt_id) is None:
            raise NotFound(sentence("there is no receipt {receipt!r}", receipt=receipt_id[:80]))
        new = Handling(handling_id, receipt_id, action, comment or None, person, now())
        catalog.add(table, [new], connection=connection)
        query = sa.select(table).where(table.c.handling_id == handling_id)
        stored = Handling(**connection.execute(query).mappings().one())
    if (stored.receipt_id, stored.action) != (receipt_id, action):
        what = sentence("handling_id {handling} stands for another action already", handling=handling_id)
        raise Conflict(what, hint=sentence("make up a new one"))
    return stored


# where these agree the answer is the same one
_SAME_ANSWER = ("line_id", "photo_id", "model_id", "expected", "sku")


def _by_id(connection: sa.Connection, receipt_id: str) -> Receipt | None:
    table = schema.receipts
    row = connection.execute(sa.select(table).where(table.c.receipt_id == receipt_id)).mappings().first()
    return Receipt(**row) if row is not None else None


def _check_same(stored: Receipt, line_id: str, photo_id: str) -> None:
    if (stored.line_id, stored.photo_id) != (line_id, photo_id):
        what = sentence("receipt_id {receipt} stands for another photo or line already", receipt=stored.receipt_id)
        raise Conflict(what, hint=sentence("make up a new one"))


def _check_id(given: str, name: str) -> None:
    if not _ID.fullmatch(given):
        raise InputError(f"{name} {given[:80]!r} is not 8 to 64 letters, digits, '-' or '_'", hint="send a UUID")
