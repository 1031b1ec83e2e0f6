"""python3 -m device check|time WORKER [DATA]: see ../device.sh."""

import datetime
import os
import pathlib
import platform
import shutil
import signal
import sys
import tempfile

from device import check, machine, timing
from device.session import Session
from device.settings import DEVICE, RAW, WORKER, worker_environment

STAGES = {"check": check.check, "time": timing.time}
LIMITS = {"check": 300, "time": 400}


class Stopped(BaseException):
    """A signal asked for the end: what was found so far is kept."""


def stop(number, _frame):
    signal.signal(number, signal.SIG_IGN)
    raise Stopped(signal.Signals(number).name)


def introduce(session, mode, packed, data):
    machine.unpack(packed, WORKER)
    now = datetime.datetime.now(datetime.timezone.utc)
    session.facts.update({"date": f"{now:%Y-%m-%d}", **machine.gpu()})
    session.section(f"{mode}, {now:%Y-%m-%d %H:%M:%S} UTC, at most {session.limit:.0f} s")
    smi, environment = machine.tool("nvidia-smi"), worker_environment()
    query = ["--query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit", "--format=csv,noheader"]
    linked = [line.strip() for line in machine.said("ldd", WORKER, env=environment).splitlines()]
    session.block([
        *(machine.said(smi, *query) if smi else "no nvidia-smi").splitlines(),
        f"{platform.platform()}, {os.cpu_count()} cores, python {platform.python_version()}, glibc {platform.libc_ver()[1]}",
        f"device {DEVICE}, data {data or 'synthetic'}, {packed} of {packed.stat().st_size / 1e6:.1f} MB",
        *(line for line in linked if "not found" in line or line.startswith(("libcu", "libnv", "libstdc"))),
        *machine.said(WORKER, "--version", env=environment).splitlines(),
    ])  # fmt: skip


def sum_up(session, mode):
    session.section("Stages")
    session.say("\n".join(f"* {name}: {seconds:.1f} of {budget:.0f} s, {end}" for name, budget, seconds, end in session.stages))
    session.section("Left out")
    session.say("\n".join(f"* {line}" for line in session.left_out) or "nothing")
    session.section("Outcome")
    if session.problems:
        session.say("\n".join(["**not clean**:", "", *(f"* {line}" for line in session.problems)]))
        # what the driver says of a GPU's faults
        faults = [line for line in machine.said("dmesg").splitlines() if "Xid" in line]
        if faults:
            session.block(faults[-5:])
    else:
        session.say("clean" + (", apart from what was left out" if session.left_out else ""))
    session.say(f"\n{mode} took {session.elapsed():.0f} s; {session.out}/report.md and raw.tar.gz")
    session.pack()


def run(session, mode, packed, data):
    try:
        session.attempt(introduce, mode, packed, data)
        STAGES[mode](session, data)
    except Stopped as signalled:
        session.problem(f"stopped by {signalled}" + (f" during {session.current}" if session.current else ""))
    sum_up(session, mode)
    return 1 if session.problems else 0


def main():
    mode, packed, *data = sys.argv[1:4]
    packed, data = pathlib.Path(packed), str(pathlib.Path(data[0]).resolve()) if data and data[0] else None
    # before anything takes time on a machine that is lent
    if not packed.is_file():
        sys.exit(f"error: {packed} is not a file")
    if data and not (pathlib.Path(data) / "images").is_dir():
        sys.exit(f"error: {data} has no folder images/")
    out = pathlib.Path(os.environ.get("OUT") or tempfile.mkdtemp(prefix="device-out-")).resolve()
    out.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        return run(Session(out, RAW, float(os.environ.get("LIMIT") or LIMITS[mode])), mode, packed, data)
    finally:
        shutil.rmtree(RAW, ignore_errors=True)


sys.exit(main())
