"""How reports set figures: shares, counts, intervals, the sentences of certificates."""

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

_THIN = "\u202f"  # narrow and never broken: between thousands, and before %


def percent(share: float | None) -> str:
    """A share with one decimal; what is not whole never reads 100.0 %.

    >>> percent(0.8123), percent(0.99999), percent(1.0), percent(None)
    ('81.2\u202f%', '99.9\u202f%', '100.0\u202f%', '–')
    """
    if share is None:
        return "–"
    shown = min(100 * share, 99.9) if share < 1 else 100.0
    return f"{shown:.1f}{_THIN}%"


def between(interval: Sequence[float] | None) -> str:
    """An interval of shares in percent, without the sign.

    >>> between([0.781, 0.839]), between(None)
    ('78.1–83.9', '')
    """
    return f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}" if interval else ""


def count(number: int | None) -> str:
    """A whole number with thin spaces between thousands.

    >>> count(1_234_567)
    '1\u202f234\u202f567'
    """
    return "–" if number is None else f"{number:,}".replace(",", _THIN)


def figure(number: float | None) -> str:
    """A figure between 0 and 1 with three decimals."""
    return "–" if number is None else f"{number:.3f}"


def sentence(text: str | None) -> Markup:
    """A certificate's sentence with its attribute in bold and the numbers set as on the rest of the page.

    >>> print(sentence("publish 81 % of `<color>` at ≥ 97 % precision (n = 1,200 families)"))
    publish 81\u202f% of <b>&lt;color&gt;</b> at ≥\u202f97\u202f% precision (n = 1\u202f200 families)
    """
    bold = Markup("<b>{}</b>")
    pieces = enumerate((text or "").split("`"))
    return Markup("").join(bold.format(piece) if at % 2 else escape(_typeset(piece)) for at, piece in pieces)


def _typeset(text: str) -> str:
    spaced = re.sub(r"(?<=\d),(?=\d{3})", _THIN, text)
    return spaced.replace(" %", f"{_THIN}%").replace("≥ ", f"≥{_THIN}")
