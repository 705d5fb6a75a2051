"""Reference dates: the mornings, every month, week or day, at which all that was known before is asked for.

>>> [str(day) for day in grid("2017-11", "2018-01")]
['2017-11-01', '2017-12-01', '2018-01-01']
"""

import re
from datetime import date, timedelta

from vitrine.errors import InputError

EVERY = ("month", "week", "day")
_MONTH = re.compile(r"^\d{4}-\d{2}$")


def grid(first: str, last: str, every: str = "month") -> list[date]:
    """The reference dates from `first` to `last` (2017-01 or 2017-01-15), both included when the step meets them.

    Months begin on their first day; weeks and days are counted from `first`. Raises InputError for anything else.
    """
    if every not in EVERY:
        raise InputError(f"--every {every}: there is no such step", hint=f"one of {', '.join(EVERY)}")
    start, end = read_day(first, "--from"), read_day(last, "--to")
    if every == "month" and (start.day, end.day) != (1, 1):
        wrong = first if start.day != 1 else last
        raise InputError(
            f"{wrong} is not the first of a month", hint="months begin on day 1; --every day takes any day"
        )
    if end < start:
        raise InputError(f"the grid ends ({last}) before it begins ({first})", hint="swap --from and --to")
    days = (start + timedelta(days=step) for step in range(0, (end - start).days + 1, 7 if every == "week" else 1))
    return [day for day in days if every != "month" or day.day == 1]


def read_day(text: str, option: str) -> date:
    """A day, or the first day of a month; `option` names where it was given, for the error."""
    try:
        return date.fromisoformat(f"{text}-01" if _MONTH.match(text) else text)
    except ValueError:
        raise InputError(f"{option} {text!r} is no date", hint="2017-01 or 2017-01-15") from None
