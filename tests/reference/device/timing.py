"""How fast, and how many jobs at once? The stages in order of worth, as far as time goes."""

import importlib.util
import sys

from device import tables
from device.check import ceilings, learn, sanitize, torch_stage
from device.settings import BATCH, EPOCHS, NETWORKS, PRECISIONS, SIZE, WIDTH, WORKER, bench, chosen, worker_environment

# Seconds kept for the last stage, and for the tables.
RACES, SPARE = 40, 5


def time(session, data):
    attempt = session.attempt
    attempt(ceilings)
    attempt(prepare, data)
    attempt(jobs, data)
    runs = attempt(steps, otherwise=[])
    session.section("Races, checked")
    attempt(sanitize, "racecheck", RACES)
    session.section("For BENCHMARKS.md")
    session.say(f"{SIZE} px, width {WIDTH}, batches of {BATCH}; medians; PyTorch with cudnn.benchmark and a fused Adam.\n")
    session.say(tables.benchmarks(session.facts, runs))


def prepare(session, data):
    """Images are decoded once, before the first job, as by a worker that runs many."""
    source = ["--format", "folder", "--data", data] if data else ["--format", "synthetic", "--cases", "200", "--seed", "1"]
    session.stage("prepare", 40, [WORKER, "prepare", *source, "--image-size", SIZE], env=worker_environment())


def jobs(session, data):
    session.section(f"Whole jobs: {EPOCHS} epochs of 100 images, with start, data and evaluation")
    header = ["network", "precision", "at once", "wall, s", "jobs per hour", "training, s", "verdict", "epochs", "IoU"]
    header += ["device at most", "same results"]
    wanted = chosen(("unet2", "bf16"), ("segnet", "bf16"), ("unet", "bf16"), ("unet2", "tf32"), ("segnet", "tf32"))
    for budget, (network, precision), count in [(60, which, 1) for which in wanted] + [(45, wanted[0], n) for n in (1, 2, 3, 4)]:
        name = f"job_{network}_{precision}" if budget == 60 else f"at_once_{count}"
        command = [sys.executable, "-m", "device.jobs", network, precision, str(count), *([data] if data else [])]
        ran = session.stage(name, budget, command)
        if not (ran and ran.ok and ran.found):
            continue
        job = ran.found[-1]
        if not job["same"]:
            session.problem(f"{network}, {precision}: {count} jobs at once differ in their results")
        speed = [tables.number(job["wall"]), f"{3600 * count / job['wall']:.0f}", tables.number(job["train_seconds"])]
        result = [job["verdict"], job["epochs"], tables.number(job["objective"], 4)]
        most = "{:.0f} MiB, {:.0f} MHz, {:.0f} W".format(*job["most"]) if job["most"] else ""
        session.row(header, [network, precision, count, *speed, *result, most, "yes" if job["same"] else "**NO**"])


def steps(session):
    """All runs, of the worker and of PyTorch."""
    session.section("Steps beside PyTorch, in turns")
    runs = []

    def each(run):
        about = [run["architecture"], run["precision"], run["by"]]
        if "step_ms" in run:
            runs.append(run)
            session.row(["network", "precision", "by", "step, ms"], [*about, tables.number(run["step_ms"], 3)])
        elif "left_out" in run:
            session.leave_out(", ".join(about), run["left_out"])
        else:
            session.problem(f"{', '.join(about)}: {run['error']}")

    if importlib.util.find_spec("torch"):
        torch_stage(session, "beside", max(60, int(session.limit - session.elapsed() - RACES - SPARE)), each)
    else:
        alone(session, each)
    session.say("\nMedians:\n")
    session.say(tables.beside(runs))
    for (network, precision), found in tables.by_kind(runs).items():
        if len(found.get("worker", {"weights": ()})["weights"]) > 1:
            session.problem(f"{network}, {precision}: other bits in another run")
    for run in runs:
        learn(session, run)
    return runs


def alone(session, each):
    """Steps of the worker where there is no PyTorch."""
    session.leave_out("beside", "no PyTorch")
    for precision in PRECISIONS:
        for network in NETWORKS:
            session.stage(f"steps_{network}_{precision}", 30, bench(network, precision, 20), env=worker_environment(), each=each)
