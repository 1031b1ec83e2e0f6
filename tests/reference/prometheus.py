"""A real Prometheus beside a coordinator: the scrape is up, the rules of deploy/observability load, every query of the dashboard is
answered, and the alarms that are due when the only worker is killed fire, and end after it was started again.

    python3 tests/reference/prometheus.py target/release      # needs prometheus and promtool (Debian: prometheus)

It starts programs of its own on free ports, prints what it saw, and ends with 0 if all is as promised. It takes about seven minutes,
most of them until the coordinator forgets the worker that was killed.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from servers import free_port, until
from sweeps import one

PROGRAMS = Path(sys.argv[1]).resolve()
DEPLOY = Path(__file__).resolve().parents[2] / "deploy/observability"

folder = Path(tempfile.mkdtemp())
# what programs keep for their user lies there
ENVIRONMENT = {**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
running = []


def start(*command):
    log = open(folder / f"{Path(command[0]).name}-{len(running)}.log", "w")
    running.append(subprocess.Popen([str(part) for part in command], cwd=folder, env=ENVIRONMENT, stdout=log, stderr=log))
    return running[-1]


def run(*command):
    command = [str(part) for part in command]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, text=True, capture_output=True).stdout


def get(address, token=None):
    """The status and the body of a page."""
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None, ""


def main():
    page, port, listen = free_port(), free_port(), free_port()
    target, base, url = f"127.0.0.1:{page}", f"http://127.0.0.1:{port}", f"https://127.0.0.1:{listen}"
    run(PROGRAMS / "coordinator", "certs", "certs")
    start(PROGRAMS / "coordinator", "serve", "--listen", f"127.0.0.1:{listen}", "--page", target, "--certs", "certs", "--lease", "5s")
    until("the coordinator", lambda: get(f"http://{target}/readyz") == (200, "ok\n"))
    token = (folder / "certs/reader.token").read_text().strip()
    print("/healthz", get(f"http://{target}/healthz")[0], "- /metrics without a token", get(f"http://{target}/metrics")[0],
          "- with the reader's", get(f"http://{target}/metrics", token)[0])

    # the files as they are, but for addresses, places and times
    config = (DEPLOY / "prometheus.yml").read_text()
    for old, new in [("127.0.0.1:7071", target), ("/etc/splitsweep/reader.token", str(folder / "certs/reader.token")), ("15s", "1s")]:
        assert old in config, old
        config = config.replace(old, new)
    (folder / "prometheus.yml").write_text(config)
    rules_text = (DEPLOY / "rules.yml").read_text()
    assert rules_text.count("for: 5m") == 1
    (folder / "rules.yml").write_text(rules_text.replace("for: 5m", "for: 5s"))
    print(run("promtool", "check", "config", "prometheus.yml").strip())
    print(run("promtool", "test", "rules", Path(__file__).with_name("rules_tests.yml")).strip())
    # it reads the older text format only, in which types have the names of the series
    text = get(f"http://{target}/metrics", token)[1].replace("# EOF\n", "")
    for kind, end, older in [("counter", "_total", "counter"), ("info", "_info", "gauge")]:
        for name in re.findall(rf"^# TYPE (\S+) {kind}$", text, re.M):
            text = re.sub(rf"^# (HELP|TYPE) {name} ", rf"# \1 {name}{end} ", text, flags=re.M)
            text = text.replace(f"# TYPE {name}{end} {kind}\n", f"# TYPE {name}{end} {older}\n")
    lint = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
    print("promtool check metrics:", (lint.stdout + lint.stderr).strip() or "nothing to say")
    start("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}")

    def query(expression):
        status, body = get(f"{base}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        assert status in (200, 503, None), f"{expression}: {body}"
        # it may still be starting
        return json.loads(body)["data"]["result"] if status == 200 else []

    until("the scrape", lambda: any(found["value"][1] == "1" for found in query('up{job="splitsweep"}')))
    print("the scrape is up:", query("scrape_samples_scraped")[0]["value"][1], "samples in", query("scrape_duration_seconds")[0]["value"][1], "s")
    written = rules_text.count("- alert:")

    def rules():
        return [rule for group in json.loads(get(f"{base}/api/v1/rules")[1])["data"]["groups"] for rule in group["rules"]]

    until("the rules", lambda: len(rules()) == written and all(rule["health"] == "ok" for rule in rules()))
    print(f"all {written} rules are loaded and were evaluated")

    (folder / "sweep.yaml").write_text(one("watched", 5000))
    run(PROGRAMS / "coordinator", "submit", "sweep.yaml", "--coordinator", url, "--token-file", "certs/submitter.token", "--simulated")
    command = [PROGRAMS / "worker", "--coordinator", url, "--join", "certs/worker.token", "--simulate", "100ms", "--slots", "2"]
    worker = start(*command)

    def firing():
        alerts = json.loads(get(f"{base}/api/v1/alerts")[1])["data"]["alerts"]
        return {alert["labels"]["alertname"]: alert["annotations"]["summary"] for alert in alerts if alert["state"] == "firing"}

    until("results", lambda: any(float(found["value"][1]) > 20 for found in query('splitsweep_jobs{state="succeeded"}')))
    print("while the worker works:", firing() or "no alarm")
    assert not firing()
    worker.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    for alarm in ["SplitsweepWorkerGone", "SplitsweepNoWorker"]:
        until(alarm, lambda: alarm in firing())
        print(f"{time.monotonic() - killed:.0f} s after the worker was killed: {alarm}: {firing()[alarm]}")
    start(*command)
    began = time.monotonic()
    # whoever is started again is another worker: the one that was killed is silent until it is forgotten
    for alarm in ["SplitsweepNoWorker", "SplitsweepWorkerGone"]:
        until(f"the end of {alarm}", lambda: alarm not in firing(), 400)
        print(f"{time.monotonic() - began:.0f} s after it was started again: no {alarm}; others: {', '.join(firing()) or 'none'}", flush=True)

    empty = []
    count = 0
    for panel in json.loads((DEPLOY / "dashboard.json").read_text())["panels"]:
        for asked in panel["targets"]:
            expression = asked["expr"]
            for name, value in [("$instance", target), ("$sweep", ".*"), ("$__rate_interval", "30s")]:
                expression = expression.replace(name, value)
            count += 1
            if not query(expression):
                empty.append(panel["title"])
    print(f"{count} queries of the dashboard are answered; without a series: {', '.join(empty) or 'none'}")


try:
    main()
finally:
    for process in reversed(running):
        process.terminate()
    for process in running:
        process.wait()
    shutil.rmtree(folder)
