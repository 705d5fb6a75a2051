"""Draw audits: which published answers people are asked blind, by coins that fall before anyone knows the outcome.

Every published answer has one coin, a number in 0..1 from a hash of the round's salt, the head, the product and the
attribute. It is audited once its coin is below the probability of its cohort. A cohort is what came into the catalog
between two draws: what is new is audited first, because that is where a drift shows; what a budget leaves is spread over
everything older, whose probability so grows and never shrinks (permanent random numbers, Ohlsson 1995).
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from vitrine.classify import PUBLISHED
from vitrine.config import AuditSettings
from vitrine.desk import audit, journal, meter
from vitrine.learn.model import Model
from vitrine.learn.promote import champion_of
from vitrine.records import Audit, AuditCohort, AuditRound, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

_WEEK = timedelta(weeks=1)


def begin(catalog: Catalog, model: Model, *, moment: datetime | None = None) -> int:
    """Open a round for each attribute of which the model may publish something; returns how many are new.

    A model that comes back, as by a rollback, goes on where its rounds were, a stop included.
    """
    table = schema.audit_rounds
    rounds = []
    with catalog.transaction() as connection:
        catalog.lock(table, connection)
        last = dict(
            connection.execute(
                sa.select(table.c.attribute, sa.func.max(table.c.number)).group_by(table.c.attribute)
            ).all()
        )
        known = {one.attribute for one in audit.rounds_of(connection, model.model_id)}
        for name, certificates in model.certificates.items():
            certificate, number = certificates.own, last.get(name, 0) + 1
            if name in known or certificate.rule.level is None:
                continue
            rounds.append(
                AuditRound(
                    attribute=name,
                    model_id=model.model_id,
                    number=number,
                    head_id=model.head_ids[name],
                    allowed=1 - certificate.precision,
                    risk=meter.risk_of_round(number, 1 - certificate.confidence),
                    salt=secrets.token_hex(8),
                    began_at=moment or now(),
                    stopped_at=None,
                )
            )
        catalog.add(table, rounds, connection=connection)
    return len(rounds)


def draw(catalog: Catalog, settings: AuditSettings, *, moment: datetime | None = None) -> int:
    """Draw what the champion's rounds may audit by now: `first` answers, then `weekly` each week; returns how many.

    While the answers so far speak against a head, a week brings `first`: what is asked may depend on the past, so the
    promise of the stop stays. What is asked is published by the machine, without a person's decision and without a label.
    The number drawn varies around the budget, because every coin falls by itself.
    """
    at = moment or now()
    drawn = 0
    for one in _open_rounds(catalog):
        rows = catalog.rows(_published(one))
        with catalog.transaction() as connection:
            catalog.lock(schema.audit_rounds, connection)
            drawn += _draw(catalog, connection, one, rows, settings, at)
    return drawn


def _open_rounds(catalog: Catalog) -> list[AuditRound]:
    with catalog.reading() as connection:
        return [one for one in audit.rounds_of(connection, champion_of(catalog)) if one.stopped_at is None]


def _published(one: AuditRound) -> sa.Select[Any]:
    said, products = schema.predictions, schema.products
    query = sa.select(said.c.sku, said.c.value, products.c.added_at).join(products, products.c.sku == said.c.sku)
    of_round = (said.c.attribute == one.attribute) & (said.c.model_id == one.model_id)
    return query.where(of_round, said.c.decision == PUBLISHED, audit.unanswered(said)).order_by(said.c.sku)


def _draw(
    catalog: Catalog,
    connection: sa.Connection,
    one: AuditRound,
    rows: Sequence[Mapping[str, Any]],
    settings: AuditSettings,
    moment: datetime,
) -> int:
    before = _skus(connection, one)
    rows = [row for row in rows if row["sku"] not in before]
    cohorts = _cohorts(connection, one)
    rate = settings.first if audit.doubted(connection, one) else settings.weekly
    budget = rate * ((moment - cohorts[-1].until) / _WEEK) if cohorts else float(settings.first)
    cohorts = _grown(cohorts, rows, budget, one, moment)
    audits = []
    for row in rows:
        cohort = next((cohort for cohort in cohorts if row["added_at"] <= cohort.until), None)
        if cohort and journal.number(f"{one.salt}|{one.head_id}", row["sku"], one.attribute) < cohort.probability:
            audits.append(Audit(row["sku"], one.attribute, one.model_id, cohort.number, row["value"], moment))
    catalog.put(schema.audit_cohorts, cohorts, connection=connection)
    return catalog.add(schema.audits, audits, connection=connection)


def _grown(
    cohorts: list[AuditCohort], rows: Sequence[Mapping[str, Any]], budget: float, one: AuditRound, moment: datetime
) -> list[AuditCohort]:
    """The cohorts with what the budget adds: first for products that came since the last draw, the rest for all others."""
    if budget < 1:
        return cohorts
    until = cohorts[-1].until if cohorts else None
    new = sum(1 for row in rows if (until is None or row["added_at"] > until) and row["added_at"] <= moment)
    old = len(rows) - new
    for_new = min(budget, float(new))
    if old and budget > for_new:
        share = min(1.0, (budget - for_new) / old)
        cohorts = [replace(c, probability=c.probability + (1 - c.probability) * share) for c in cohorts]
    if new:
        return [*cohorts, AuditCohort(one.attribute, one.model_id, len(cohorts) + 1, moment, for_new / new)]
    return [*cohorts[:-1], *(replace(last, until=moment) for last in cohorts[-1:])]


def _cohorts(connection: sa.Connection, one: AuditRound) -> list[AuditCohort]:
    table = schema.audit_cohorts
    of_round = (table.c.attribute == one.attribute) & (table.c.model_id == one.model_id)
    rows = connection.execute(sa.select(table).where(of_round).order_by(table.c.number)).mappings()
    return [AuditCohort(**row) for row in rows]


def _skus(connection: sa.Connection, one: AuditRound) -> set[str]:
    table = schema.audits
    of_round = (table.c.attribute == one.attribute) & (table.c.model_id == one.model_id)
    return set(connection.scalars(sa.select(table.c.sku).where(of_round)))
