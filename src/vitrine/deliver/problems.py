"""Gather what stays here, one line for each cause."""

from vitrine.deliver.report import Problem


class Problems:
    """Answers that cannot leave, counted by attribute, value and reason; the first product of each is named."""

    def __init__(self) -> None:
        self._by_cause: dict[tuple[str, str, str], Problem] = {}

    def add(self, attribute: str, value: str, sku: str, reason: str, hint: str) -> None:
        """One more answer that stays."""
        cause = attribute, value, reason
        known = self._by_cause.get(cause)
        first, count = (known.sku, known.count + 1) if known else (sku, 1)
        self._by_cause[cause] = Problem(attribute, value, first, count, reason, hint)

    @property
    def found(self) -> list[Problem]:
        """One for each cause, in the order in which they were met."""
        return list(self._by_cause.values())

    @property
    def count(self) -> int:
        """How many answers stay."""
        return sum(one.count for one in self.found)
