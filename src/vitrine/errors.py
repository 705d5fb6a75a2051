"""The few kinds of error a person can meet, each with a code, a hint, an exit status and an HTTP status.

Library code raises these; the command line prints them and exits, the server turns them into one JSON shape.

>>> error = InputError("row 214: 'navy blue' is not in color", hint="did you mean 'navy'?")
>>> error.exit_status, error.http_status, error.code
(2, 400, 'bad-input')
>>> print(error.text())
row 214: 'navy blue' is not in color
<BLANKLINE>
hint: did you mean 'navy'?
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

_KEPT = '{"pattern": '


class Sentence(str):
    """A sentence in English that remembers its `pattern` and `values`, so that a page can say it in another language."""

    pattern: str
    values: Mapping[str, Any]


def sentence(pattern: str, **values: Any) -> Sentence:
    """The sentence of a pattern; a page shows an `attribute`, `value`, `outcome`, `role` and `kind` by its display name.

    >>> said = sentence("there is no product {sku!r}", sku="A1")
    >>> said, said.pattern
    ("there is no product 'A1'", 'there is no product {sku!r}')
    """
    return _made(pattern, values)


def _made(pattern: str, values: Mapping[str, Any]) -> Sentence:
    made = Sentence(pattern.format(**values))
    made.pattern, made.values = pattern, values
    return made


def packed(said: Any) -> Any:
    """What JSON keeps of what was said, so that `unpacked` gives its sentences again, each to be told in any language.

    >>> unpacked(packed({"message": sentence("there is no product {sku!r}", sku="A1")}))["message"].pattern
    'there is no product {sku!r}'
    """
    if isinstance(said, Sentence):
        plain = all(isinstance(value, str | int | float) for value in said.values.values())
        return {"pattern": said.pattern, "values": packed(said.values)} if plain else str(said)
    return {name: packed(one) for name, one in said.items()} if isinstance(said, Mapping) else said


def unpacked(kept: Any) -> Any:
    """What was said, from what JSON kept of it."""
    if not isinstance(kept, Mapping):
        return kept
    if set(kept) == {"pattern", "values"}:
        return _made(kept["pattern"], unpacked(kept["values"]))
    return {name: unpacked(one) for name, one in kept.items()}


def kept(said: str | None) -> str | None:
    """What a column of text keeps of what was said; `recalled` gives it again, to be told in any language.

    >>> recalled(kept(sentence("there is no product {sku!r}", sku="A1"))).values
    {'sku': 'A1'}
    >>> kept("the disk is full")
    'the disk is full'
    """
    made = packed(said)
    return json.dumps(made, ensure_ascii=False) if isinstance(made, Mapping) else made


def recalled(text: str | None) -> str | None:
    """What was said, from the text that `kept` gave."""
    return unpacked(json.loads(text)) if text is not None and text.startswith(_KEPT) else text


class VitrineError(Exception):
    """Base of everything that Vitrine raises on purpose.

    `message` says what is wrong, where, and the value seen; `hint` is the next thing to do, best a command.
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 2
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def text(self) -> str:
        """Message and hint as a person reads them in a terminal."""
        return f"{self.message}\n\nhint: {self.hint}" if self.hint else self.message

    def body(self) -> dict[str, str]:
        """The JSON shape of this error, on the command line and over HTTP."""
        return {"error": self.code, "message": self.message, "hint": self.hint}


class InputError(VitrineError):
    """What was given cannot be used: a wrong file, value, column or option."""

    code = "bad-input"
    http_status = 400


class UnreadablePhoto(InputError):
    """The bytes are no photo that can be used; `reason` is a short stable word such as `truncated`."""

    code = "unreadable-photo"
    http_status = 422

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class NotFound(VitrineError):
    """The thing asked for does not exist here."""

    code = "not-found"
    http_status = 404


class Refused(VitrineError):
    """The work was done and the answer is no: a promotion without proof, a mismatch of identities."""

    code = "refused"
    exit_status = 1
    http_status = 409


class Conflict(Refused):
    """Somebody else was faster; the message says who did what, and nothing was overwritten."""

    code = "conflict"


class MissingPart(VitrineError):
    """A part is not installed or cannot be reached: an extra, a model file, a server."""

    code = "missing-part"
    exit_status = 3
    http_status = 503


class StorageError(VitrineError):
    """Reading or writing failed: a full disk, a lost connection, a damaged file."""

    code = "storage"
    exit_status = 3
    http_status = 503
