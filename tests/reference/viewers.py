"""What people and programs who look on cost a coordinator: jobs per second, and the time of workers' calls.

    python3 tests/reference/viewers.py target/release [--jobs 20000] [--rounds 3] [--viewers 50]

Jobs are simulated and take 0 s, so that only granting and keeping them is measured. Four kinds of runs take turns, there and back:

    alone    nobody looks on
    viewers  so many browsers: each waits for news and then fetches the overview of the sweep, once a second at most
    traces   every job is told to a collector of OpenTelemetry, which takes everything
    both

The collector and the viewers run on the same cores. Each kind is compared with `alone` of the same round. Times of calls are read from
/metrics at the end of a run: the share of `Complete` within a millisecond, and the bound under which 99 % are.

`--traces` needs grpcio.
"""

import argparse
import http.client
import os
import re
import subprocess
import tempfile
import threading
import time
from concurrent import futures
from pathlib import Path
from statistics import median

from servers import until

CANDIDATES = 100
SWEEP = """\
sweep: measured
dataset: {{name: blobs, format: synthetic, cases: 6, seed: 0, image_size: 32}}
split: {{scheme: random, train: 3, validation: 2, test: 1}}
grid:
  learning_rate: {{from: 1.0e-5, to: 1.0e-1, steps: {candidates}, scale: log}}
replicates: {{split_seeds: {splits}}}
model: {{width: 4}}
training: {{epochs: 1}}
"""
SERVE = "serve --listen 127.0.0.1:0 --insecure-listen --page 127.0.0.1:0".split()
CALL = re.compile(r'splitsweep_rpc_duration_seconds_bucket\{(?=[^}]*method="sweep.v1.Fleet/Complete")(?=[^}]*code="OK")[^}]*le="([^"]+)"[^}]*\} (\d+)')


def collector():
    """A collector that takes everything; its address, and a list whose only item counts bytes."""
    import grpc

    taken = [0]

    def export(request, _):
        taken[0] += len(request)
        return b""

    handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return f"http://127.0.0.1:{port}", taken, server


def get(address, path, cookie=""):
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    return answer.status, answer.getheader("Set-Cookie") or "", answer.read().decode()


def view(address, cookie, ended, fetches):
    """Waits for news and fetches what is new, as the page's script does."""
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", "/events", headers={"Cookie": cookie})
    stream = connection.getresponse()
    while not ended.is_set():
        try:
            if not stream.readline().startswith(b"data"):
                continue
            began = time.monotonic()
            get(address, "/sweep/measured", cookie)
            fetches.append(time.monotonic() - began)
            time.sleep(max(0, 1 - (time.monotonic() - began)))
        except (OSError, http.client.HTTPException):
            return


def run(arguments, viewers, traced):
    """Jobs per second, quantiles of calls, and what those who looked on got."""
    programs = arguments.programs.resolve()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sweep.yaml").write_text(SWEEP.format(candidates=CANDIDATES, splits=arguments.jobs // CANDIDATES))
        environment = dict(os.environ)
        if traced:
            environment["OTEL_EXPORTER_OTLP_ENDPOINT"], taken, server = collector()
        coordinator = subprocess.Popen([programs / "coordinator", *SERVE], cwd=folder, env=environment, text=True,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = []
        threading.Thread(target=lambda: said.extend(coordinator.stderr), daemon=True).start()
        find = lambda pattern: until(pattern, lambda: next((m for line in list(said) if (m := re.search(pattern, line))), None))
        address, code = find(r"live page: http://([^/]+)(/\S+)").groups()
        url = "http://" + find(r"listening on ([^,]+),")[1]
        worker = subprocess.Popen([programs / "worker", "--coordinator", url, "--simulate", "0s", "--slots", "8"], cwd=folder,
                                  stderr=subprocess.DEVNULL)
        ended, fetches = threading.Event(), []
        cookie = get(address, code)[1].split(";")[0]
        subprocess.run([programs / "coordinator", "submit", "sweep.yaml", "--simulated", "--coordinator", url], cwd=folder, check=True,
                       capture_output=True)
        began = time.monotonic()
        for _ in range(viewers):
            threading.Thread(target=view, args=[address, cookie, ended, fetches], daemon=True).start()
        done = f'splitsweep_jobs{{sweep="measured",state="succeeded"}} {arguments.jobs}'
        metrics = lambda: get(address, "/metrics", cookie)[2]
        until("the end of the sweep", lambda: done in metrics(), 600)
        seconds = time.monotonic() - began
        buckets = [(float(bound), int(count)) for bound, count in CALL.findall(metrics())]
        ended.set()
        for process in (worker, coordinator):
            process.terminate()
            process.wait()
        if traced:
            server.stop(0)
    whole = buckets[-1][1]
    quick = next(count for bound, count in buckets if bound >= 0.001) / whole
    p99 = next(bound for bound, count in buckets if count >= 0.99 * whole)
    return {"rate": arguments.jobs / seconds, "quick": quick, "p99": p99, "fetches": fetches, "bytes": taken[0] if traced else 0}


def main():
    parser = argparse.ArgumentParser(description="Measure what those who look on cost")
    parser.add_argument("programs", type=Path)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--viewers", type=int, default=50)
    arguments = parser.parse_args()
    kinds = {"alone": (0, False), "viewers": (arguments.viewers, False), "traces": (0, True), "both": (arguments.viewers, True)}
    ratios = {kind: [] for kind in kinds}
    run(arguments, *kinds["alone"])
    for round in range(arguments.rounds):
        order = list(kinds) if round % 2 == 0 else list(kinds)[::-1]
        found = {kind: run(arguments, *kinds[kind]) for kind in order}
        for kind, got in found.items():
            ratios[kind].append(got["rate"] / found["alone"]["rate"])
            fetched = f", {len(got['fetches'])} pages of {1e3 * median(got['fetches']):.1f} ms" if got["fetches"] else ""
            traced = f", {got['bytes'] / 1e6:.1f} MB of traces" if got["bytes"] else ""
            print(f"{kind:8} {got['rate']:6.0f} jobs/s, {100 * got['quick']:.1f} % of calls within 1 ms, 99 % within "
                  f"{1e3 * got['p99']:g} ms{fetched}{traced}", flush=True)
    for kind, found in ratios.items():
        print(f"{kind} / alone: {median(found):.3f} ({min(found):.3f} to {max(found):.3f})")


if __name__ == "__main__":
    main()
