"""Photo in to look-alikes on the page: milliseconds at p50 and p95 with many products, through the real app.

    vitrine demo
    python benchmarks/look_alikes_page.py --workspace vitrine-demo --products 120000

Products are copies of the demo's with vectors moved a little, put into a copy of its workspace; photos that are sent are the
demo's own. The app runs in this process without a network between: what is timed is the server's whole work, upload, cleaning,
embedding, heads, search, twins, reasons, page. Drawn pictures: speed, never accuracy.
"""

import argparse
import json
import shutil
import tempfile
import time
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from fastapi.testclient import TestClient

from vitrine.learn.fuse import photos_to_fuse
from vitrine.stores import schema
from vitrine.web.app import create_app
from vitrine.web.auth import Access, forgery_token
from vitrine.web.people import add_person, begin_session
from vitrine.workspace import Workspace

_AT_ONCE = 4_000
_MOVED = 0.02


def enlarge(workspace: Workspace, products: int) -> None:
    """Copies of products that have a photo, with photos and vectors of their own, until there are `products`."""
    catalog = workspace.catalog
    rows = {row["sku"]: row for row in workspace.products().to_pylist()}
    photos = {row["photo_id"]: row for row in catalog.rows(schema.photos)}
    photos_of = photos_to_fuse(catalog.read(schema.product_photos))
    pattern = [(sku, shown[0]) for sku, shown in photos_of.items()]
    workspace.embed([photo_id for _, photo_id in pattern])
    random = np.random.default_rng(0)
    for start in range(len(rows), products, _AT_ONCE):
        some = [pattern[number % len(pattern)] for number in range(start, min(start + _AT_ONCE, products))]
        names = [f"X{start + number:07d}" for number in range(len(some))]
        photo_ids = [sha256(name.encode()).hexdigest() for name in names]
        vectors = workspace.embeddings.take([photo_id for _, photo_id in some])
        moved = vectors * (1 + _MOVED * random.standard_normal(vectors.shape, dtype=np.float32))
        workspace.embeddings.add(photo_ids, moved.astype(np.float32))
        later = timedelta(seconds=start)
        copies = [{**rows[sku], "sku": name, "stock": 1} for (sku, _), name in zip(some, names, strict=True)]
        shots = [
            {**photos[photo], "photo_id": new, "added_at": photos[photo]["added_at"] + later}
            for (_, photo), new in zip(some, photo_ids, strict=True)
        ]
        links = [
            {"sku": name, "photo_id": new, "source": name, "source_version": "1", "view": "side"}
            for name, new in zip(names, photo_ids, strict=True)
        ]
        with catalog.transaction() as connection:
            for table, new_rows in ((schema.products, copies), (schema.photos, shots), (schema.product_photos, links)):
                connection.execute(sa.insert(table), new_rows)


def visitor(workspace: Workspace) -> TestClient:
    app = create_app(workspace, Access(by_link=False))
    person = add_person(workspace.catalog, "bench", "a long enough password", role="viewer")
    secret = begin_session(workspace.catalog, person)
    client = TestClient(app)
    client.cookies.set(app.state.access.cookie, secret)
    client.headers.update({"x-forgery-token": forgery_token(secret), "accept": "text/html"})
    return client


def ask(client: TestClient, photo: bytes, form: dict[str, str]) -> float:
    begun = time.perf_counter()
    answer = client.post("/look-alikes", files={"photo": ("a.jpg", photo)}, data=form)
    assert answer.status_code == 200 and 'class="cards alike"' in answer.text, answer.text[:500]
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, default=Path("vitrine-demo"))
    parser.add_argument("--products", type=int, default=120_000)
    parser.add_argument("--photos", type=int, default=100)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="vitrine-page-")) / "workspace"
    shutil.copytree(options.workspace, folder)
    workspace = Workspace(folder)
    enlarge(workspace, options.products)
    begun = time.perf_counter()
    finder = workspace.finder
    finder.refresh()
    built = time.perf_counter() - begun
    client = visitor(workspace)
    files = sorted((folder / "drawn" / "photos").glob("*.jpg"))
    photos = [
        file.read_bytes() for file in files[:: max(1, len(files) // options.photos)] if file.stat().st_size > 5_000
    ]
    while client.get("/look-alikes").status_code == 503:
        time.sleep(1)
    first = next(iter(finder.space.values))
    value = finder.space.values[first][0]
    forms: dict[str, dict[str, str]] = {
        "as it comes": {},
        "filtered": {"only": f"{first}={value}", "price_to": "300"},
        "steered": {"steer": f"change:{first}={value}"},
    }
    result: dict[str, Any] = {"products": len(finder.shelf), "columns": finder.space.dim, "build_s": round(built, 1)}
    for name, form in forms.items():
        times, cpu = [], time.process_time()
        for photo in photos[: options.photos]:
            times.append(ask(client, photo, form))
        cpu_ms = 1000 * (time.process_time() - cpu) / len(times)
        cuts = np.quantile(times[3:], [0.5, 0.95])
        result[name] = {
            "n": len(times) - 3,
            "p50_ms": round(float(cuts[0])),
            "p95_ms": round(float(cuts[1])),
            "cpu_ms": round(cpu_ms),
        }
    print(json.dumps(result, indent=1))
    shutil.rmtree(folder.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
