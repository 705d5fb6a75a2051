"""The planted truth as tables, and the best area under the curve that anyone could reach on each task."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.market.simulator import marginals as m
from vitrine.market.simulator.auc import AreaUnderCurve
from vitrine.market.simulator.churn import CAUSES, RULE_DAYS, Ledger, Outlook, Population
from vitrine.market.simulator.delivery import Deliveries
from vitrine.market.simulator.draws import Floats
from vitrine.market.simulator.leads import Deals, Leads, sells_within
from vitrine.market.simulator.orders import Orders, World
from vitrine.market.simulator.tables import deal_sellers, moments, texts

ACTIVATION_DAYS = (30, 60, 90, 180)
END = (m.FIRST_MONTH + m.MONTHS).astype("M8[s]")


def delay_table(world: World, orders: Orders, deliveries: Deliveries) -> pa.Table:
    """order_id, probability of a late delivery as planted, late (null where the order never arrived)."""
    arrived = ~np.isnat(deliveries.delivered)
    return pa.table(
        {
            "order_id": texts(world.draws.ids("order", orders.row)),
            "probability": deliveries.probability,
            "late": pa.array(deliveries.late, mask=~arrived),
        }
    )


def churn_table(world: World, outlooks: list[Outlook], ledger: Ledger) -> pa.Table:
    """One row a month and seller that has sold before: hazard, its causes in log odds, and the rule's label.

    `probability` is the chance of the label given all that can be known at the reference date, and
    `probability_without_photos` the same for one who has not seen the photos; both are null outside the rule's
    population (last sale less than 45 days ago), the label also where its window is not over by the last month's end.
    """
    return pa.concat_tables([_churn_month(world, outlook, ledger) for outlook in outlooks])


def _churn_month(world: World, outlook: Outlook, ledger: Ledger) -> pa.Table:
    seller = np.flatnonzero(world.sellers.start_month < outlook.month)
    date = (m.FIRST_MONTH + outlook.month).astype("M8[D]")
    recency = outlook.recency[seller]
    inside = ~np.isnan(recency)
    window = np.where(inside, RULE_DAYS - recency, 0.0)
    end = date.astype("M8[s]").astype(np.float64) + window * 86_400
    sale = ledger.first_sale[outlook.month : outlook.month + 3, seller].min(axis=0)
    mature = inside & (end <= END.astype(np.float64))
    columns: dict[str, Any] = {
        "reference_date": pa.array(np.full(len(seller), date), pa.date32()),
        "seller_id": texts(world.draws.ids("seller", seller)),
        "hazard": outlook.hazard[seller],
        **{f"cause_{name}": outlook.causes[which, seller] for which, name in enumerate(CAUSES)},
        "leaves": outlook.leaves[seller],
        "recency_days": pa.array(recency, pa.float64(), mask=~inside).cast(pa.int64()),
        "expected_orders": pa.array(outlook.expected_orders[seller], mask=~inside),
        "probability": pa.array(outlook.label_probability[seller], mask=~inside),
        "probability_without_photos": pa.array(outlook.blind_probability[seller], mask=~inside),
        "label": pa.array((sale >= end).astype(np.int8), mask=~mature),
    }
    return pa.table(columns)


def seller_table(world: World, population: Population) -> pa.Table:
    """seller_id, started, left (null for those that stay), and the latent traits of each seller."""
    sellers = world.sellers
    left = np.where(population.left < m.MONTHS, m.FIRST_MONTH + population.left, np.datetime64("NaT"))
    return pa.table(
        {
            "seller_id": texts(world.draws.ids("seller", np.arange(len(sellers.size)))),
            "started": moments(sellers.start),
            "left": pa.array(left.astype("M8[D]"), pa.date32()),
            "size": sellers.size,
            "quality": sellers.quality,
            "handling": sellers.handling,
            "photo_quality": sellers.photo,
        }
    )


def activation_table(world: World, leads: Leads, deals: Deals) -> pa.Table:
    """mql_id, seller_id, won, probability of ever selling and of a first sale within some days, first sale (or null)."""
    columns: dict[str, Any] = {
        "mql_id": texts(world.draws.ids("lead", leads.deals)),
        "seller_id": texts(deal_sellers(world.draws, deals, world.sellers)),
        "won_date": moments(deals.won),
        "probability": deals.probability,
        **{f"probability_{days}d": deals.probability * sells_within(days) for days in ACTIVATION_DAYS},
        "first_sale": moments(deals.sale),
    }
    return pa.table(columns)


def bounds(
    delay: AreaUnderCurve,
    delay_by_month: list[AreaUnderCurve],
    missed: AreaUnderCurve,
    churn: pa.Table,
    deals: Deals,
) -> dict[str, Any]:
    """The area under the curve of the planted probabilities against what happened, by task, with rows and intervals.

    `delay` is of delivered orders, in all and by month; `missed` counts orders that never arrived as late.
    """
    known = churn.filter(churn["label"].is_valid())
    label = known["label"].to_numpy().astype(bool)
    activation = {}
    for days in ACTIVATION_DAYS:
        mature = deals.won + np.timedelta64(days, "D") <= END
        sold = ~np.isnat(deals.sale) & ((deals.sale - deals.won) <= np.timedelta64(days, "D"))
        activation[f"{days}d"] = _area(deals.probability[mature], sold[mature])
    months = [str(m.FIRST_MONTH + number) for number in range(m.MONTHS)]
    return {
        "churn": {
            "rule": f"no sale within {RULE_DAYS} days of the last one; month starts as reference dates",
            **_area(known["probability"].to_numpy(), label),
            "without_photos": _area(known["probability_without_photos"].to_numpy(), label),
        },
        "delay": {
            "rule": "delivered after the promised day; delivered orders",
            **delay.as_dict(),
            "never_delivered_is_late": missed.as_dict(),
            "by_month": {month: one.as_dict() for month, one in zip(months, delay_by_month, strict=True)},
        },
        "activation": {"rule": "first sale within so many days of the deal", **activation},
    }


def _area(probability: Floats, label: NDArray[np.bool_]) -> dict[str, float | int | None]:
    area = AreaUnderCurve()
    area.add(probability, label)
    return area.as_dict()
