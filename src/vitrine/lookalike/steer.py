"""Steer a search: the same in some attributes, other in some, by what is predicted and how surely.

>>> Steering.read(keep=["heel"], change=["color=red", "toe"])
Steering(keep=('heel',), change={'color': 'red', 'toe': None})
>>> Steering.read(keep=["color"], change=["color"])
Traceback (most recent call last):
...
vitrine.errors.InputError: color cannot be kept and changed at once
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vitrine.errors import InputError, sentence
from vitrine.lookalike.space import Described, Floats, Space, Vectors

# A probability of exactly 0 must not make products equal that miss one wish and those that miss all.
_NEVER = 1e-3
# A wish weighs so many times its log-odds: looks speak against a changed color, being of that color. On fashion-products the
# steered recall@1 rises from 0.64 to 0.75 by it (docs/LOG.md).
WISH = 5.0
# How much a steered block counts when candidates are fetched, beside all blocks together counting 1.
_FETCH = 1.0


@dataclass(frozen=True, slots=True)
class Steering:
    """`keep` these attributes as the query has them; `change` those to a value, or (None) to any other one."""

    keep: tuple[str, ...] = ()
    change: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def read(cls, *, keep: Sequence[str] = (), change: Sequence[str] = ()) -> "Steering":
        """From words such as `heel` and `color=red`; InputError for an attribute named twice."""
        changed: dict[str, str | None] = {}
        for word in change:
            name, equals, value = (part.strip() for part in word.partition("="))
            if not name or (equals and not value) or name in changed:
                raise InputError(f"{word!r} is no change", hint="--change color, or --change color=red; each once")
            changed[name] = value or None
        both = sorted(set(keep) & set(changed))
        if both:
            raise InputError(
                sentence("{attributes} cannot be kept and changed at once", attributes=", ".join(both)),
                hint=sentence("choose one of the two"),
            )
        return cls(tuple(dict.fromkeys(keep)), changed)

    def __bool__(self) -> bool:
        return bool(self.keep or self.change)

    def check(self, space: Space) -> None:
        """InputError for an attribute or a value that the space does not know."""
        for name in self.keep:
            space.attribute(name)
        for name, value in self.change.items():
            space.attribute(name) if value is None else space.value(name, value)


def steer_point(space: Space, query: Described, steering: Steering) -> Vectors:
    """The query's point (1, dim) turned so that the nearest ones by inner product are those asked for.

    It fetches candidates; `steered_scores` ranks them.
    """
    point = space.points(query)
    for name in (*steering.keep, *steering.change):
        block, scale = space.blocks[name], space.scale(name)
        asked = np.sqrt(query.shares[name])
        factor = _FETCH / scale
        if name in steering.change:
            value = steering.change[name]
            if value is None:
                factor = -factor
            else:
                asked = np.zeros_like(asked)
                asked[:, space.value(name, value)] = 1.0
        point[:, block] = factor * asked
    return point


def steered_scores(space: Space, query: Described, others: Described, steering: Steering) -> Floats:
    """(n,) log-odds by which n others are ranked for one query: alike in what is free, as asked for in what is steered.

    What is steered counts by the log of the probability that it is as asked for, so an unsure answer counts little.
    """
    metric = space.metric
    score = metric.looks * np.asarray(others.looks @ query.looks[0], np.float64)
    for name in space.values:
        if name in steering.change:
            value = steering.change[name]
            granted = others.shares[name][:, space.value(name, value)] if value else 1 - agreement(query, others, name)
            score += WISH * np.log(np.maximum(granted, _NEVER))
            continue
        alike = np.sqrt(others.shares[name]) @ np.sqrt(query.shares[name][0])
        score += metric.attributes[name] * alike
        if name in steering.keep:
            score += WISH * np.log(np.maximum(agreement(query, others, name), _NEVER))
    return np.asarray(score)


def agreement(query: Described, others: Described, name: str) -> Floats:
    """(n,) probability that an attribute of the query and of n others is the same, were they independent."""
    return np.asarray(others.shares[name] @ query.shares[name][0], np.float64)
