#!/usr/bin/env python3
"""`coordinator export mlflow` against a real tracking server, read back by MLflow's own client: every number beside the tables, twice.

    pip install mlflow && python3 tests/reference/export_mlflow.py [target/release/coordinator]
"""

import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

from mlflow.tracking import MlflowClient

from export_sweep import printed, simulated
from servers import free_port, until


@contextmanager
def server(folder):
    port = free_port()
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    with open(folder / "mlflow.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *arguments], cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}"

        def answers():
            try:
                return urllib.request.urlopen(f"{url}/health").read()
            except OSError:
                return None

        until("MLflow's server", answers, 300)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def check(url, command):
    """Compares all that the server has with the tables; the number of numbers."""
    client = MlflowClient(url)
    experiment = client.get_experiment_by_name("exported")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    children = {run.data.tags["splitsweep.job"]: run for run in runs if "splitsweep.job" in run.data.tags}
    parents = {run.info.run_id: run for run in runs if "splitsweep.candidate" in run.data.tags}
    jobs = {row["job"]: row for row in printed(command, "jobs")}
    candidates = printed(command, "candidates")
    assert len(runs) == len(children) + len(parents) and set(children) == set(jobs) and len(parents) == 4
    compared = 0
    for job, row in jobs.items():
        run = children[job]
        assert run.info.status == "FINISHED"
        parent = parents[run.data.tags["mlflow.parentRunId"]]
        for name in ("architecture", "learning_rate"):
            assert run.data.params[name] == parent.data.params[name] == str(row[name]), (run.data.params, row)
        assert run.data.params["split_seed"] == str(row["split_seed"])
        for column in [column for column in row if column.startswith(("val_", "test_")) and row[column] is not None]:
            history = client.get_metric_history(run.info.run_id, f"result/{column}")
            assert [(metric.step, metric.value) for metric in history] == [(row["best_epoch"] or row["epochs"], row[column])]
            compared += 1
    for job in jobs:
        epochs = [row for row in printed(command, "measurements") if row["job"] == job]
        for column in ("train_loss", "val_iou", "val_loss"):
            history = client.get_metric_history(children[job].info.run_id, f"epoch/{column}")
            found = sorted((metric.step, metric.value) for metric in history)
            assert found == [(row["epoch"], row[column]) for row in epochs], (job, column)
            compared += len(found)
    for row in candidates:
        same = [run for run in parents.values() if run.data.params["architecture"] == row["architecture"]]
        same = [run for run in same if run.data.params["learning_rate"] == str(row["learning_rate"])]
        if row["learning_rate"] is None:
            continue  # a baseline
        for column in ("n", "mean", "sd"):
            assert same[0].data.metrics[column] == row[column]
            compared += 1
    return len(runs), compared


def main():
    with simulated(sys.argv[1:]) as (folder, command), server(folder) as url:
        command("export", "mlflow", "exported", "--uri", url)
        first = check(url, command)
        command("export", "mlflow", "exported", "--uri", url)
        assert check(url, command) == first, "the second export doubles nothing"
        print(f"{first[0]} runs, {first[1]} numbers are those of the tables; the same after a second export")


if __name__ == "__main__":
    main()
