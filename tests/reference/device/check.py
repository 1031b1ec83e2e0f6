"""Is it right, and which kernels run? The stages in order of worth, as far as time goes."""

import importlib.util
import math
import sys

from device import kernels, machine, tables
from device.settings import DEVICE, NETWORKS, PRECISIONS, SHORT, WORKER, bench, chosen, worker_environment

# The exit code that compute-sanitizer gives to what it finds.
FOUND = 9


def check(session, _data):
    attempt = session.attempt
    attempt(ceilings)
    attempt(open_device)
    attempt(self_tests)
    short = attempt(short_runs, otherwise={})
    attempt(same_steps)
    attempt(same_bits, short)
    session.section("Kernels of one training step")
    first, *others = chosen(("unet2", "bf16"), ("segnet", "bf16"), ("unet2", "tf32"))
    found = attempt(ncu, *first, otherwise=[]) + attempt(torch_kernels, otherwise=[])
    for which in others:
        found += attempt(ncu, *which, otherwise=[])
    attempt(generations, found)
    session.section("Memory, checked")
    attempt(sanitize, "memcheck", 60)
    session.section("For BENCHMARKS.md, of three steps only")
    session.say(tables.benchmarks(session.facts, [{**run, "by": "worker"} for run in short.values()]))


def torch_stage(session, name, budget, each):
    """A stage that needs PyTorch; it knows its budget."""
    if importlib.util.find_spec("torch") is None:
        return session.leave_out(name, "no PyTorch")
    return session.stage(name, budget, [sys.executable, "-m", f"device.{name}", str(budget)], each=each)


def ceilings(session):
    torch_stage(session, "ceilings", 90, session.facts.update)
    if "torch" in session.facts:
        session.say("PyTorch {torch}, CUDA {cuda}, cuDNN {torch_cudnn}".format(**session.facts))
    if "copy_tb_s" in session.facts:
        session.say("copy {copy_tb_s:.2f} TB/s, product in bf16 {bf16_tflop_s:.0f} TFLOP/s".format(**session.facts))


def open_device(session):
    session.section("Open the device")
    command = [WORKER, "trainer", "--probe", "--device", DEVICE]
    ran = session.stage("open", 30, command, env=worker_environment())
    if ran and ran.ok:
        session.say(ran.text.strip())
    elif ran:
        # which libraries the loader looked for last, and where
        log = session.stage("loader", 20, command, env={**worker_environment(), "LD_DEBUG": "libs"}, quiet=True)
        if log:
            words = ("error", "find library", "search path", "fatal")
            session.block([line for line in log.errors.splitlines() if any(word in line for word in words)][-12:])


def self_tests(session):
    session.section("Self-test")
    ran = self_test(session, "selftest", 60)
    if ran is None:
        session.problem("there was no time for the self-test")
    elif not ran.ok:
        # what cuDNN says of its own accord, if it was cuDNN
        log = session.raw / "cudnn.log"
        environment = {**worker_environment(), "CUDNN_LOGLEVEL_DBG": "2", "CUDNN_LOGDEST_DBG": str(log)}
        session.stage("selftest_cudnn", 40, [WORKER, "selftest", "--device", DEVICE], env=environment, quiet=True)
        said = log.read_text(errors="replace") if log.exists() else ""
        session.say("cuDNN's log:")
        session.block([line for line in said.splitlines() if line.strip()][:30] or ["empty"])

    session.section("Self-test at full size")
    if "--full" in machine.said(WORKER, "selftest", "--help", env=worker_environment()):
        self_test(session, "selftest_full", 60, "--full")
    else:
        session.leave_out("selftest_full", "this worker has no `selftest --full`")


def self_test(session, name, budget, *more):
    ran = session.stage(name, budget, [WORKER, "selftest", "--device", DEVICE, *more], env=worker_environment())
    if ran:
        lines = ran.text.strip().splitlines()
        wrong = [line for line in lines if "WRONG" in line]
        if wrong:
            session.block(wrong[:40])
        elif ran.ok and lines:
            session.say(lines[-1])
    return ran


def learn(session, run):
    """What a run of the worker tells about the machine."""
    version = tables.cudnn_version(run.get("plans", []))
    session.facts.setdefault("device", run["device"])
    if version and "cudnn" not in session.facts:
        session.facts["cudnn"] = version


def short_runs(session):
    """{(network, precision): what the run printed}"""
    session.section(f"Every network in every precision: two steps untimed, {SHORT} timed")
    header = ["network", "precision", "step, ms", "evaluation, ms", "first loss", "last loss", "bias in the convolution"]
    header += ["workspace, MiB", "algorithms", "refused"]
    runs, refused = {}, set()
    for precision in PRECISIONS:
        for network in NETWORKS:
            command = bench(network, precision, SHORT, "--initial", session.raw / f"{network}.safetensors")
            ran = session.stage(f"short_{network}_{precision}", 30, command, env=worker_environment())
            if not (ran and ran.ok and ran.found):
                continue
            run = runs[network, precision] = ran.found[-1]
            learn(session, run)
            plans, losses = tables.plans(run.get("plans", [])), [run["first_loss"], run["last_loss"]]
            # in JSON, what is not a number is null
            if not all(isinstance(loss, float) and math.isfinite(loss) for loss in losses):
                session.problem(f"{network}, {precision}: losses {losses}")
            times = [tables.number(run["step_ms"]), tables.number(run["evaluate_ms"])]
            bias = f"{plans['fused']} of {plans['forward']}"
            chose = [bias, tables.number(plans["workspace"], 0), " ".join(plans["algorithms"]), len(plans["refused"])]
            session.row(header, [network, precision, *times, *(tables.number(loss, 6) for loss in losses), *chose])
            refused.update(plans["refused"])
    if refused:
        session.say("\nWhat cuDNN refused:\n")
        session.block(sorted(refused)[:20])
    return runs


def same_steps(session):
    session.section("The same steps in PyTorch, from the same weights")
    header = ["network", "precision", "first loss: worker, PyTorch, difference", "last loss: worker, PyTorch, difference"]
    header += ["PyTorch's step, ms", "same"]

    def each(run):
        about = [run["network"], run["precision"]]
        name = f"{', '.join(about)} in PyTorch"
        if "left_out" in run:
            return session.leave_out(name, run["left_out"])
        if "error" in run:
            session.problem(f"{name}: {run['error']}")
            return session.row(header, [*about, run["error"], "", "", ""])
        if not run["same"]:
            session.problem(f"{', '.join(about)}: losses differ from PyTorch's")
        cells = [f"{ours:.6f}, {theirs:.6f}, {apart:.1e}" for (ours, theirs), apart in zip(run["pairs"], run["apart"])]
        return session.row(header, [*about, *cells, tables.number(run["step_ms"]), "yes" if run["same"] else "**NO**"])

    torch_stage(session, "same_steps", 75, each)


def same_bits(session, short):
    session.section("The same bits again")
    for network, precision in chosen(*((network, "bf16") for network in NETWORKS), ("unet2", "f32"), ("unet2", "tf32")):
        if (network, precision) not in short:
            continue
        ran = session.stage(f"again_{network}_{precision}", 25, bench(network, precision, SHORT), env=worker_environment())
        if ran and ran.ok and ran.found:
            same = ran.found[-1]["weights"] == short[network, precision]["weights"]
            if not same:
                session.problem(f"{network}, {precision}: other bits the second time")
            session.row(["network", "precision", "same weights"], [network, precision, "yes" if same else "**NO**"])


def show(session, network, precision, by, rows):
    session.say(f"\n{network}, {precision}, {by}:\n")
    session.say(tables.table(["us", "times", "kernel"], [[f"{time:.0f}", times, name[:110]] for name, time, times in rows[:24]]))
    return network, precision, by, rows


def torch_kernels(session):
    found = []
    each = lambda run: found.append(show(session, run["network"], run["precision"], run["by"], run["kernels"]))
    torch_stage(session, "torch_kernels", 60, each)
    return found


def ncu(session, network, precision):
    """The worker's kernels, if ncu may look."""
    name, program = f"ncu_{network}_{precision}", machine.tool("ncu")
    if not program:
        session.leave_out(name, "no ncu")
        return []
    csv = session.raw / f"{name}.csv"
    options = ["--clock-control", "none", "--cache-control", "none", "--metrics", "gpu__time_duration.sum"]
    options += ["--csv", "--print-units", "base", "--print-kernel-base", "mangled", "--log-file", csv]
    environment = worker_environment()
    apart = ["--target-processes", "all", "env", f"LD_LIBRARY_PATH={environment['LD_LIBRARY_PATH']}"]
    # PyTorch's wheels hold libraries that ncu has too: if it fails with those, the worker alone gets them
    for way, more, variables in (("", [], environment), ("_apart", apart, None)):
        command = [program, *options, *more, *bench(network, precision, 1)]
        ran = session.stage(name + way, 50, command, env=variables, quiet=True)
        if ran is None:
            return []
        text = csv.read_text(errors="replace") if csv.exists() else ""
        rows = kernels.sums(kernels.step(text)) if ran.ok else []
        if rows:
            return [show(session, network, precision, "worker", rows)]
    said = [line for line in "\n".join([text, ran.errors, ran.text]).splitlines() if "rror" in line or "ERR" in line]
    why = "no step that ends with a kernel `adam...`" if ran.ok else f"ncu: {ran.end}"
    session.leave_out(name, "ncu may not read counters here" if any("ERR_NVGPUCTRPERM" in line for line in said) else why)
    session.block(said[:8] or ["ncu said nothing"])
    return []


def generations(session, found):
    """Whether both sides run kernels that were written for this GPU."""
    session.section("Milliseconds of kernels by the GPU that their names tell")
    times = [kernels.by_generation(rows) for *_, rows in found]
    names = sorted({name for one in times for name in one})
    rows = []
    for (network, precision, by, steps), one in sorted(zip(found, times), key=lambda pair: pair[0][:3]):
        cells = [tables.number(one.get(name, 0.0)) for name in names]
        rows.append([network, precision, by, sum(row[2] for row in steps), tables.number(sum(one.values())), *cells])
    if rows:
        session.say(tables.table(["network", "precision", "by", "kernels", "ms", *names], rows))


def sanitize(session, tool, budget):
    program = machine.tool("compute-sanitizer")
    if not program:
        return session.leave_out(tool, "no compute-sanitizer")
    # cuDNN asks the driver for what may not be there, and copes: an answer that says so is no fault
    options = ["--tool", tool, "--error-exitcode", FOUND] + (["--report-api-errors", "no"] if tool == "memcheck" else [])
    command = [program, *options, WORKER, "selftest", "--device", DEVICE]
    ran = session.stage(tool, budget, command, env=worker_environment(), quiet=True)
    if ran is None:
        return None
    if ran.ok:
        return session.say(f"{tool}: clean")
    said = [line for line in (ran.text + ran.errors).splitlines() if line.startswith("=========")]
    session.block(said[:20] + said[20:][-1:])
    if ran.status == FOUND:
        return session.problem(f"{tool} found faults")
    # a tool that does not run here says nothing about the worker
    return session.leave_out(tool, ran.end)
