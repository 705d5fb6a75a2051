"""What is known about a network made here: beside `networks/<sha256>.onnx` lies `<sha256>.json`.

Its products are the ones it has learnt from: where one of them stands in calibrate or test, every figure is flattered, so
such a data set is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vitrine.errors import Refused, StorageError
from vitrine.learn.dataset import Dataset
from vitrine.stores.whole import whole


@dataclass(frozen=True, slots=True)
class Card:
    """What a network learnt from, how, and how well.

    `figures` were measured in `epoch`, the best one, on `judged` photos of train families that it did not learn from but was
    chosen by; `proof` compares the file with the network that was trained. `skus` are all products that it has seen, to
    learn from or to be judged by.
    """

    sha256: str
    run_id: str
    start: str
    start_sha256: str
    dataset_id: str
    taxonomy_id: str
    attributes: Mapping[str, int]
    recipe: Mapping[str, Any]
    epoch: int
    epochs: int
    score: float
    figures: Mapping[str, float]
    proof: Mapping[str, float]
    photos: int
    judged: int
    skus: tuple[str, ...]
    made_at: str


def save_card(card: Card, folder: Path) -> Path:
    """Write the card beside its network, whole or not at all."""
    path = folder / f"{card.sha256}.json"
    with whole(path, hint="free some space and run the same command again") as temporary:
        temporary.write_text(json.dumps(asdict(card), ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def load_card(sha256: str, folder: Path) -> Card | None:
    """The card of a network, None for one that was not made here; StorageError when it is damaged."""
    path = folder / f"{sha256}.json"
    if not path.is_file():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Card(**{**said, "skus": tuple(said["skus"])})
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(f"{path} is damaged: {error}", hint="restore it, or run vitrine finetune again") from error


def check_unseen(dataset: Dataset, sha256: str | None, folder: Path) -> None:
    """Refuse a data set in whose calibrate or test part there are products that its network has learnt from."""
    card = load_card(sha256, folder) if sha256 else None
    if card is None:
        return
    seen = set(card.skus)
    leaks = [sku for sku, part in zip(dataset.skus, dataset.parts, strict=True) if part != "train" and sku in seen]
    if leaks:
        raise Refused(
            f"the network {card.sha256[:12]}… has learnt from {len(leaks):,} products that now stand in calibrate or test, the "
            f"first is {leaks[0]}: certificates and figures would be flattered",
            hint="set salt under [learn] back to what it was, or fine-tune anew: vitrine finetune",
        )
