"""What a client may send: texts without NUL (PostgreSQL knows none) and of a bounded length, shares in 0..1."""

from typing import Annotated

from pydantic import BeforeValidator, Field

_WITHOUT_NUL = r"^[^\x00]*$"


def blank(value: object) -> object:
    """None for the empty field that a form sends where nothing was chosen."""
    return None if value == "" else value


_Text = Annotated[str, Field(max_length=200, pattern=_WITHOUT_NUL)]
_LongText = Annotated[str, Field(max_length=2_000, pattern=_WITHOUT_NUL)]
_Portion = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

Key = Annotated[str, Field(min_length=1, max_length=200, pattern=_WITHOUT_NUL)]
Word = Annotated[_Text | None, BeforeValidator(blank)]
Comment = Annotated[_LongText | None, BeforeValidator(blank)]
Share = Annotated[_Portion | None, BeforeValidator(blank)]
