"""What the desk itself takes of a curator's minute: a scripted browser decides without looking, one by one and on the grid.

    vitrine demo
    python benchmarks/desk_hands.py --workspace vitrine-demo

It works on a copy of the workspace. Chromium presses the keys of a person: a digit and Enter in one by one, `a` on a page
of the grid. Timed is from the first key until the next question, or page, stands there with its pictures. Prints
milliseconds at p50 and p95 and the share of the time that a person has at 30 single decisions and at 300 on the grid a
minute. Needs Chromium and playwright.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from desk_load import serve, stop
from vitrine.web.queries.values import predicted_values
from vitrine.workspace import Workspace

SINGLE, ON_GRID = 60_000 / 30, 60_000 / 300  # milliseconds that a decision may take
_PICTURES = "[...document.querySelectorAll('{where} img')].slice(0, 12).every((one) => one.complete)"


def one_by_one(page: Page, address: str, decisions: int) -> list[float]:
    """Milliseconds of each decision, until the next question stands there."""
    page.goto(f"{address}/curate")
    page.wait_for_selector("#desk:not([hidden]) .choice")
    times = []
    for _ in range(decisions):
        asked = page.evaluate("document.getElementById('desk').innerText")
        begun = time.perf_counter()
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        stands = f"!document.getElementById('desk').hidden && {_PICTURES.format(where='.stage')}"
        page.wait_for_function(f"(asked) => document.getElementById('desk').innerText !== asked && {stands}", arg=asked)
        times.append(1_000 * (time.perf_counter() - begun))
    return times


def on_the_grid(page: Page, address: str, values: list[tuple[str, str]], pages: int) -> list[tuple[float, int]]:
    """Milliseconds of each page that was accepted, until the next stands there, and how many products it had."""
    taken: list[tuple[float, int]] = []
    for attribute, value in values:
        page.goto(f"{address}/curate/grid?attribute={attribute}&value={value}")
        while len(taken) < pages and (products := page.locator(".cells input").count()):
            here = page.url
            begun = time.perf_counter()
            page.keyboard.press("a")
            page.wait_for_function("(here) => location.href !== here && document.readyState === 'complete'", arg=here)
            page.wait_for_function(f"() => {_PICTURES.format(where='.cells')}")
            taken.append((1_000 * (time.perf_counter() - begun), products))
    return taken


def report(times: list[float], budget: float) -> dict[str, Any]:
    p50, p95 = np.percentile(times, (50, 95)).round(1).tolist()
    return {"n": len(times), "p50_ms": p50, "p95_ms": p95, "machine's share": round(p50 / budget, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, default=Path("vitrine-demo"))
    parser.add_argument("--decisions", type=int, default=100)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(options.workspace, Path(place) / "workspace"))
        workspace = Workspace(folder)
        values = [
            (name, one.value)
            for name in workspace.taxonomy.attributes
            for one in predicted_values(workspace.catalog, name)[:3]
        ]
        workspace.catalog.close()
        process, link = serve(folder)
        address = link.partition("/open?")[0]
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(link)
            single = one_by_one(page, address, options.decisions)
            grid = on_the_grid(page, address, values, options.pages)
            browser.close()
        stop(process)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    result = {
        "commit": commit,
        "one by one": report(single, SINGLE),
        "page of the grid": report([milliseconds for milliseconds, _ in grid], ON_GRID * np.mean([n for _, n in grid])),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
