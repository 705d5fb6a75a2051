"""Reviews: a score that follows the delivery and the seller's quality, and when it is written and answered."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from vitrine.market.simulator import marginals as m
from vitrine.market.simulator.delivery import Deliveries
from vitrine.market.simulator.draws import Integers
from vitrine.market.simulator.orders import Moments, Orders, World

_QUALITY = 0.35  # share of a score's latent deviation that is the seller's quality; planted
_DAY = np.timedelta64(86_400, "s")

TITLES = ("recomendo", "bom", "ok", "atrasou", "não recomendo")
PRAISE = (
    "Chegou antes do combinado e bem embalado.",
    "Produto igual ao da foto, gostei muito.",
    "Ótima qualidade, compraria de novo.",
    "Entrega rápida; atendimento atencioso.",
)
COMPLAINT = (
    "Ainda não chegou e ninguém responde.",
    "Veio diferente do anunciado, quero devolver.",
    "Atrasou demais; era um presente.",
    "A caixa chegou amassada e faltou um item.",
)


@dataclass(frozen=True, slots=True)
class Reviews:
    """Parallel arrays over the orders that were reviewed, `order` being their positions; -1 where there is no text."""

    order: Integers
    score: Integers
    created: Moments
    answered: Moments
    title: Integers
    message: Integers


def make_reviews(world: World, orders: Orders, deliveries: Deliveries) -> Reviews:
    """The reviews of `orders`, written after delivery or after the promise was broken, whichever came first."""
    draws = world.draws
    order = np.flatnonzero(draws.uniform("review/written", orders.row) < m.REVIEWED)
    rows = orders.row[order]
    delivered, promised = deliveries.delivered[order], deliveries.promised[order]
    own = draws.normal("review/score", rows)
    latent = _QUALITY * world.sellers.quality[orders.seller[order]] + np.sqrt(1 - _QUALITY**2) * own
    steps = np.cumsum(np.array(list(m.SCORES.values())), axis=1)[:, :4]
    score = 1 + (ndtr(latent)[:, None] > steps[_outcome(delivered, promised)]).sum(axis=1)
    broken = promised + m.REVIEW_AFTER_PROMISE * _DAY
    asked = np.where(np.isnat(delivered), broken, np.minimum(delivered + m.REVIEW_AFTER_DELIVERY * _DAY, broken))
    created = asked.astype("M8[D]").astype("M8[s]")
    hours = np.exp(m.ANSWER_HOURS[0] + m.ANSWER_HOURS[1] * draws.normal("review/answer", rows))
    text = (draws.uniform("review/text", rows) * len(PRAISE)).astype(np.int64) + np.where(score <= 2, len(PRAISE), 0)
    return Reviews(
        order=order,
        score=score,
        created=created,
        answered=created + (np.minimum(hours, 2_000) * 3_600).astype("m8[s]"),
        title=np.where(draws.uniform("review/titled", rows) < m.TITLED, 5 - score, -1),
        message=np.where(draws.uniform("review/commented", rows) < m.COMMENTED, text, -1),
    )


def _outcome(delivered: Moments, promised: Moments) -> NDArray[np.int64]:
    """Positions in `marginals.SCORES`: in time, little late, late, missing."""
    with np.errstate(invalid="ignore"):
        days = np.where(np.isnat(delivered), 0.0, (delivered - promised).astype(np.float64) / 86_400)
    found: NDArray[np.int64] = np.select([np.isnat(delivered), days <= 0, days < 4], [3, 0, 1], default=2)
    return found
