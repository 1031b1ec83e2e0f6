"""Looks at every view of a live page in Chromium with axe-core, and measures it: bytes, milliseconds to the first byte, pictures.

    python tests/reference/page_audit.py 'http://127.0.0.1:7071/?code=...' SWEEP [FOLDER]

Needs axe-playwright-python (which brings axe-core and Playwright) and a chromium in the PATH. Prints a line per view, then what axe finds
at 1400 and 400 pixels, light and dark; the exit status is 1 if it finds anything. Pictures go to FOLDER.
"""

import pathlib
import shutil
import sys
import time
import urllib.request

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

VIEWS = ("", "/cells", "/compare", "/effects", "/curves", "/failures")


def measure(address, cookie, path):
    """Bytes, and the milliseconds until the first of them, of the best of three requests."""
    best, size = float("inf"), 0
    for _ in range(3):
        request = urllib.request.Request(address + path, headers={"Cookie": cookie})
        began = time.perf_counter()
        with urllib.request.urlopen(request) as answer:
            first = answer.read(1)
            best = min(best, 1000 * (time.perf_counter() - began))
            size = len(first) + len(answer.read())
    return size, best


def main():
    link, sweep, *folder = sys.argv[1:]
    folder = pathlib.Path(folder[0]) if folder else None
    address = link.split("/?")[0]
    found = 0
    with sync_playwright() as playwright:
        chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context()
        page = context.new_page()
        page.goto(link)
        cookie = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in context.cookies())
        page.goto(f"{address}/sweep/{sweep}/cells")
        job = page.locator('a[href^="/job/"]').first.get_attribute("href") if page.locator('a[href^="/job/"]').count() else None
        paths = ["/", "/workers", *(f"/sweep/{sweep}{view}" for view in VIEWS), *([job] if job else [])]
        for path in paths:
            size, first = measure(address, cookie, path)
            print(f"{path[:40]:40s} {size:9d} bytes  {first:8.1f} ms", flush=True)
        for scheme in ("light", "dark"):
            for width in (1400, 400):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 900})
                for path in paths:
                    page.goto(address + path)
                    page.wait_for_function("document.body.dataset.settled === '1'")
                    if folder:
                        name = path.replace("/sweep/" + sweep, "sweep").strip("/").replace("/", "-")[:24] or "sweeps"
                        page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
                    for violation in Axe().run(page).response["violations"]:
                        found += 1
                        nodes = violation["nodes"]
                        print(f"{scheme} {width} {path[:40]}: {violation['id']} ({violation['impact']}), {len(nodes)} nodes, such as")
                        print(f"    {nodes[0]['html'][:160]}\n    {nodes[0]['failureSummary'][:300]!r}", flush=True)
        browser.close()
    print(f"axe: {found} findings")
    sys.exit(found > 0)


if __name__ == "__main__":
    main()
