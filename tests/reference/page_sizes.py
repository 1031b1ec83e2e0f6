"""How large the views of the live page are on large sweeps, how soon they come, and how much work they are for a browser.

    python tests/reference/page_sizes.py target/release [--jobs 1000 100000 1000000] [--stores FOLDER] [--pictures FOLDER]

Makes a sweep of so many simulated jobs, or takes the one that an earlier run left in the folder of stores, serves it with `coordinator page`,
and prints a table: per view the milliseconds to the first byte when nobody has asked before and after that, the bytes, the elements of the
document, the longest task of the browser's thread at 1400 pixels by the clock and by the processor's time, as Chromium's trace has it (medians
of five loads), and errors on the browser's console.

Needs Playwright and a chromium in the PATH.
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright
from servers import until

# candidates of each sweep: two networks with five losses, at so many learning rates
RATES = {1_000: 10, 100_000: 50, 1_000_000: 500}
SWEEP = """\
sweep: large
dataset: {{name: blobs, format: synthetic, cases: 6, seed: 0, image_size: 32}}
split: {{scheme: random, train: 3, validation: 2, test: 1}}
grid:
  architecture: [unet, unet2]
  loss: [bce, dice, focal, jaccard, tversky]
  learning_rate: {{from: 1.0e-5, to: 1.0e-1, steps: {rates}, scale: log}}
replicates: {{split_seeds: {splits}}}
model: {{width: 4}}
training: {{epochs: 2}}
simulate: {{mean: {{from: 0.6, to: 0.8}}, split_sd: 0.04, residual_sd: 0.02, collapse: 0.01}}
"""
SITE = ("/", "/workers?back=15m", "/workers?back=1h", "/workers?back=all")
VIEWS = ("", "?page=2", "/cells", "/compare", "/effects", "/curves", "/failures")
LOADS = 5
VIEWPORT = {"width": 1400, "height": 900}


def made(programs, store, jobs):
    """A store with such a sweep that has ended."""
    if store.exists():
        return
    rates = RATES[jobs]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sweep.yaml").write_text(SWEEP.format(rates=rates, splits=jobs // (10 * rates)))
        began = time.monotonic()
        command = [programs / "coordinator", "--sweep", "sweep.yaml", "--store", store, "--simulate", "0s", "--local-workers", "1",
                   "--slots", "8", "--page", "none", "--listen", "127.0.0.1:0"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        print(f"{jobs} jobs made in {time.monotonic() - began:.0f} s, {store.stat().st_size / 1e6:.0f} MB", flush=True)


def fetched(address, cookie, path):
    """Milliseconds to the first byte, and the bytes."""
    request = urllib.request.Request(address + path, headers={"Cookie": cookie})
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=600) as answer:
        first = answer.read(1)
        return 1000 * (time.perf_counter() - began), len(first) + len(answer.read())


def longest_task(trace):
    """Milliseconds of the longest task of the renderer's main thread: of the processor, and by the clock."""
    events = json.loads(trace)["traceEvents"]
    threads = {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event.get("name") == "thread_name"}
    tasks = [event for event in events if event["name"] == "ThreadControllerImpl::RunTask" and "dur" in event
             and threads.get((event["pid"], event["tid"])) == "CrRendererMain"]
    return tuple(max(event.get(clock, 0) for event in tasks) / 1000 for clock in ("tdur", "dur"))


def loaded(context, url, errors):
    """A page that shows the newest version, in a browser that has seen none, and its longest task."""
    context = context.browser.new_context(storage_state=context.storage_state(), viewport=VIEWPORT)
    page = context.new_page()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    context.browser.start_tracing(page=page, categories=["toplevel"])
    page.goto(url, timeout=600_000)
    # the page forbids what Playwright would wait by
    settled = "document.body.dataset.settled === '1' && document.body.dataset.version !== '0'"
    until("the page", lambda: page.evaluate(settled), 600)
    page.wait_for_timeout(500)
    return page, longest_task(context.browser.stop_tracing())


def measure(context, address, path, pictures):
    """A row of the table."""
    cookie = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in context.cookies())
    new, _ = fetched(address, cookie, path)
    # what takes its time to be read is there then
    time.sleep(max(0.2, new / 1000 if path.startswith("/workers") else 0))
    errors, tasks = [], []
    for _ in range(LOADS):
        if tasks:
            page.context.close()
        page, longest = loaded(context, address + path, errors)
        tasks.append(longest)
    of_processor, longest = (sorted(times)[LOADS // 2] for times in zip(*tasks))
    nodes = page.evaluate("document.querySelectorAll('*').length")
    if pictures:
        name = re.sub(r"\W+", "-", path).strip("-") or "sweeps"
        for scheme in ("light", "dark"):
            for width in (1400, 400):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 900})
                page.screenshot(path=pictures / f"{name}-{width}-{scheme}.png", full_page=True)
    page.context.close()
    after, size = min(fetched(address, cookie, path) for _ in range(3))
    print(f"| {path} | {new:.0f} | {after:.0f} | {size / 1000:.0f} | {nodes} | {longest:.0f} | {of_processor:.0f} | {len(errors)} |", flush=True)
    for error in errors:
        print(f"    {error}")


def look(programs, store, browser, pictures):
    """Serves a store and measures all views of it."""
    coordinator = subprocess.Popen([programs / "coordinator", "page", store, "--page", "127.0.0.1:0"], text=True, stderr=subprocess.PIPE)
    said = []
    threading.Thread(target=lambda: said.extend(coordinator.stderr), daemon=True).start()
    try:
        began = time.monotonic()
        link = lambda: next((found for line in list(said) if (found := re.search(r"http://\S+", line))), None)
        link = until("the page", link, 600)[0]
        print(f"\nserved after {time.monotonic() - began:.1f} s\n\n| view | first byte, new, ms | after | kB | elements | longest task, ms | of the processor, ms | errors |")
        print("|---|---|---|---|---|---|---|---|")
        address = link.split("/?")[0]
        context = browser.new_context(viewport=VIEWPORT)
        page = context.new_page()
        page.goto(link, timeout=600_000)
        page.close()
        for path in (*SITE, *(f"/sweep/large{view}" for view in VIEWS)):
            measure(context, address, path, pictures)
        page = context.new_page()
        page.goto(f"{address}/sweep/large/cells")
        job = page.locator('a[href^="/job/"]').first.get_attribute("href")
        page.close()
        measure(context, address, job, pictures)
        context.close()
    finally:
        coordinator.terminate()
        coordinator.wait()


def main():
    parser = argparse.ArgumentParser(description="Measure the views of the live page on large sweeps")
    parser.add_argument("programs", type=Path)
    parser.add_argument("--jobs", type=int, nargs="+", default=list(RATES), choices=list(RATES))
    parser.add_argument("--stores", type=Path, help="where stores are kept for the next run")
    parser.add_argument("--pictures", type=Path, help="where pictures go, in a folder per sweep")
    arguments = parser.parse_args()
    programs = arguments.programs.resolve()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        stores = arguments.stores.resolve() if arguments.stores else Path(scratch)
        stores.mkdir(parents=True, exist_ok=True)
        chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for jobs in arguments.jobs:
            pictures = arguments.pictures and arguments.pictures / str(jobs)
            if pictures:
                pictures.mkdir(parents=True, exist_ok=True)
            store = stores / f"{jobs}.db"
            made(programs, store, jobs)
            look(programs, store, browser, pictures)
        browser.close()


if __name__ == "__main__":
    main()
