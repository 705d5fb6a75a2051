"""Fifty curators at once over HTTP, each a process, on the catalog of 120,000 products; then the books are checked.

    python benchmarks/desk_load.py --url sqlite:////tmp/large.sqlite --curators 50 --minutes 5
    python benchmarks/desk_load.py --url postgresql

Every curator takes questions, waits `--think` seconds, decides; one in ten sends the decision twice, one in twenty undoes
it, one in twenty gives a question back. Afterwards every decision that the server acknowledged must be in the journal
once, the journal must hold nothing else, and no question may have been lent twice at the same version. Prints latencies
as the curators saw them. Use a fresh catalog: what earlier runs decided is not in the books.
"""

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from desk_queue import database
from large_catalog import ATTRIBUTES, VALUES, build
from vitrine.records import now
from vitrine.stores import schema
from vitrine.web.people import add_person, issue_token
from vitrine.workspace import create

GRACE = 60.0


class Curator:
    """One person at a keyboard: a connection that stays open and the log of what the server answered."""

    def __init__(self, server: str, token: str, think: float, log: Path) -> None:
        self.place = urlsplit(server).netloc
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.think = think
        self.random = random.Random(token)
        self.log = log.open("w", encoding="utf-8")
        self.connection = http.client.HTTPConnection(self.place, timeout=GRACE)

    def post(self, name: str, path: str, body: dict[str, Any]) -> tuple[int, Any, float]:
        """The status, the answer, and the milliseconds it took."""
        begun = time.perf_counter()
        status, data = 0, None
        for _ in range(2):  # a server closes connections that were idle; the same request again is safe
            try:
                self.connection.request("POST", path, json.dumps(body), self.headers)
                answer = self.connection.getresponse()
                status, data = answer.status, json.loads(answer.read())
                break
            except (OSError, http.client.HTTPException, ValueError):
                self.connection.close()
        ms = 1_000 * (time.perf_counter() - begun)
        self.write(kind="time", name=name, status=status, ms=ms)
        return status, data, ms

    def write(self, **line: Any) -> None:
        self.log.write(json.dumps(line) + "\n")

    def work(self, until: float) -> None:
        while time.time() < until:
            attribute = f"a{self.random.randrange(ATTRIBUTES):02d}"
            status, questions, waited = self.post("next", "/api/v1/queue/next", {"attribute": attribute, "count": 2})
            for question in questions if status == 200 else ():
                item = question["item"]
                self.write(kind="lent", key=[item["sku"], item["attribute"], item["version"]])
                time.sleep(self.random.expovariate(1 / self.think))
                self.answer(item, waited)
        self.log.close()

    def answer(self, item: dict[str, Any], waited: float) -> None:
        """Decide, or give back, a question that came after `waited` ms."""
        if self.random.random() < 0.05:
            status, *_ = self.post("release", "/api/v1/queue/release", {"tokens": [item["token"]]})
            self.write(kind="released", key=[item["sku"], item["attribute"], item["version"]], status=status)
            return
        batch_id = str(uuid.uuid4())
        said = {key: item[key] for key in ("sku", "attribute", "token")}
        said["value"] = f"v{self.random.randrange(VALUES)}"
        for _ in range(2 if self.random.random() < 0.1 else 1):
            status, done, ms = self.post("decide", "/api/v1/decisions", {"batch_id": batch_id, "answers": [said]})
            self.write(kind="time", name="next + decide", status=status, ms=waited + ms)
            ids = [one["decision_id"] for one in done["entries"]] if status == 200 else []
            self.write(kind="decided", batch_id=batch_id, ids=ids, status=status)
        if self.random.random() < 0.05:
            status, done, _ = self.post("undo", "/api/v1/undo", {"batch_id": batch_id})
            ids = [one["decision_id"] for one in done["entries"]] if status == 200 else []
            self.write(kind="undone", batch_id=batch_id, ids=ids, status=status)


def serve(folder: Path, *, workers: int = 1) -> tuple[subprocess.Popen[str], str]:
    """A server as anybody would start it, and its address."""
    code = "import sys; from vitrine.cli.main import app; app()"
    command = [sys.executable, "-c", code, "serve", "--workspace", str(folder), "--port", "0", "--json"]
    command += ["--workers", str(workers)]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        try:
            return process, json.loads(text)["url"]
        except ValueError:
            continue
    raise SystemExit(f"the server did not start, see {folder / 'server.log'}")


def stop(process: subprocess.Popen[str]) -> None:
    """End the server as Ctrl-C does."""
    process.send_signal(signal.SIGINT)
    process.wait(timeout=GRACE)


def check(catalog: Any, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The books: what was acknowledged against what is in the journal."""
    told = {one for line in lines if line["kind"] in ("decided", "undone") for one in line["ids"]}
    sent = {line["batch_id"] for line in lines if line["kind"] == "decided"}
    rows = catalog.rows(schema.decisions)
    kept = Counter(row["decision_id"] for row in rows)
    versions = Counter((row["sku"], row["attribute"], row["version"]) for row in rows)
    strange = [row for row in rows if row["batch_id"].removeprefix("undo.") not in sent]
    given_back = Counter(tuple(line["key"]) for line in lines if line["kind"] == "released")
    lent = Counter(tuple(line["key"]) for line in lines if line["kind"] == "lent")
    return {
        "acknowledged": len(told),
        "in the journal": len(rows),
        "lost": len(told - set(kept)),
        "applied twice": sum(n - 1 for n in versions.values()),
        "not asked for": len(strange),
        "lent twice": sum(n > 1 + given_back[key] for key, n in lent.items()),
    }


def latencies(lines: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in ("next", "decide", "next + decide", "release", "undo"):
        values = [line["ms"] for line in lines if line["kind"] == "time" and line["name"] == name]
        failed = Counter(
            line["status"]
            for line in lines
            if line["kind"] == "time" and line["name"] == name and line["status"] != 200
        )
        if values:
            p50, p95, p99 = np.percentile(values, (50, 95, 99)).round(1).tolist()
            yield name, {"n": len(values), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "not 200": dict(failed)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--products", type=int, default=120_000)
    parser.add_argument("--curators", type=int, default=50)
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--think", type=float, default=1.5, help="mean seconds of looking at a question")
    options = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    folder = Path(tempfile.mkdtemp(prefix="vitrine-load-"))
    with database(options.url) as url:
        catalog = build(url, options.products)
        values = "\n".join(f"v{value} = {{}}" for value in range(VALUES))
        text = "version = 1\n" + "\n".join(f"[attributes.a{n:02d}.values]\n{values}" for n in range(ATTRIBUTES))
        create(folder, text, {"storage": {"catalog": url}})
        names = [f"c{number:02d}-{uuid.uuid4().hex[:6]}" for number in range(options.curators)]
        for name in names:
            add_person(catalog, name, None, role="curator")
        tokens = [issue_token(catalog, name, name="load", scope="curate", days=1) for name in names]
        process, address = serve(folder, workers=options.workers)
        until = time.time() + 60 * options.minutes
        began = now()
        children = []
        for name, token in zip(names, tokens, strict=True):
            child = os.fork()
            if child == 0:
                Curator(address, token, options.think, folder / f"{name}.jsonl").work(until)
                os._exit(0)
            children.append(child)
        statuses = [os.waitpid(child, 0)[1] for child in children]
        stop(process)
        lines = [json.loads(line) for name in names for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        result = {
            "commit": commit, "database": url.partition(":")[0], "products": options.products,
            "curators": options.curators, "workers": options.workers,
            "minutes": options.minutes, "think_s": options.think, "began": began.isoformat(),
            "curators that failed": sum(status != 0 for status in statuses),
            "books": check(catalog, lines), "latency": dict(latencies(lines)),
        }  # fmt: skip
        catalog.close()
    print(json.dumps(result, indent=1))
    bad = [name for name in ("lost", "applied twice", "not asked for", "lent twice") if result["books"][name]]
    failed = {status for one in result["latency"].values() for status in one["not 200"]} - {409}
    if bad or failed or result["curators that failed"]:
        sys.exit(
            f"the books do not balance ({', '.join(bad)}), or requests failed ({failed}); see {folder / 'server.log'}"
        )


if __name__ == "__main__":
    main()
