"""The four tasks of the marketplace: what each asks, and what its base table is about."""

from dataclasses import dataclass

from vitrine.errors import InputError


@dataclass(frozen=True, slots=True)
class Task:
    """`question` is what a score answers; `event` says that a row is an event in its period, not a state after it.

    `thing` is one row's subject, `bad` whether a high score is something to prevent, `rule` the start of the name
    of the column whose order alone is the simplest rule (days since the last sale), "" where there is none.
    """

    name: str
    question: str
    thing: str
    event: bool
    bad: bool
    rule: tuple[str, ...]


TASKS = {
    "churn": Task(
        "churn",
        "does the seller stop selling?",
        "seller",
        event=False,
        bad=True,
        rule=("sales_recency", "sales_days_since_last", "last_month_active"),
    ),
    "activation": Task("activation", "does the won lead make a first sale?", "seller", event=False, bad=False, rule=()),
    "delay": Task("delay", "does the order arrive after the promised date?", "order", event=True, bad=True, rule=()),
    "segments": Task("segments", "which sellers are alike?", "seller", event=False, bad=False, rule=()),
}


def task(name: str) -> Task:
    """The task of that name; InputError with the names there are."""
    if name not in TASKS:
        raise InputError(f"there is no task '{name}'", hint=f"one of: {', '.join(TASKS)}")
    return TASKS[name]


def line(name: str) -> str:
    """The line of models a task's champions stand in, as the catalog and MLflow name it."""
    return f"market-{name}"
