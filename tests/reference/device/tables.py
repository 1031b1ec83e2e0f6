"""Tables in Markdown, and what cuDNN's plans say."""

import re
import statistics

PLAN = re.compile(
    r"^(?P<shape>.*), (?P<part>\w+): CUDNN_CONVOLUTION_(?P<algorithm>\w+), (?P<bytes>\d+) bytes of workspace(?P<rest>.*)"
)


def table(header, rows):
    return lines([header, ["---"] * len(header), *rows])


def lines(rows):
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in rows)


def number(value, digits=2):
    return f"{value:.{digits}f}" if isinstance(value, (int, float)) else ""


def plans(texts):
    """Of one run: forward passes with their bias inside, of how many; most workspace, MiB; algorithms; refusals in words."""
    found = [match.groupdict() for match in map(PLAN.match, texts) if match]
    forward = [plan for plan in found if plan["part"] == "Forward"]
    refused = [plan["rest"].partition(", refused: ")[2] for plan in found]
    return {
        "fused": sum("bias apart" not in plan["rest"].partition(", refused: ")[0] for plan in forward),
        "forward": len(forward),
        "workspace": max([int(plan["bytes"]) for plan in found], default=0) / 2**20,
        "algorithms": sorted({plan["algorithm"].replace("ALGO_", "") for plan in found}),
        "refused": [f"{plan['shape']}, {plan['part']}: {text}" for plan, text in zip(found, refused) if text],
    }


def cudnn_version(texts):
    """`cuDNN 9.21.0 (algorithms ...), ...` -> 9.21.0"""
    match = re.match(r"cuDNN (\d+\.\d+\.\d+) ", texts[0]) if texts else None
    return match[1] if match else ""


def by_kind(runs):
    """Medians of the runs: {(network, precision): {by: {step_ms, evaluate_ms, runs, weights}}}"""
    kinds = {}
    for run in runs:
        kinds.setdefault((run["architecture"], run["precision"]), {}).setdefault(run["by"], []).append(run)
    for found in kinds.values():
        for by, group in found.items():
            medians = {key: statistics.median(run[key] for run in group) for key in ("step_ms", "evaluate_ms")}
            found[by] = {**medians, "runs": len(group), "weights": {run["weights"] for run in group}}
    return kinds


def best(found):
    """PyTorch's fastest mode and its step, if PyTorch ran."""
    steps = {by: run["step_ms"] for by, run in found.items() if by != "worker"}
    return min(steps.items(), key=lambda item: item[1]) if steps else ("", None)


def beside(runs):
    """Steps of the worker and of PyTorch's modes."""
    rows = []
    for (network, precision), found in by_kind(runs).items():
        for by, run in sorted(found.items()):
            fastest = best(found)[1]
            ours = by == "worker"
            ratio = number(fastest / run["step_ms"]) if ours and fastest else ""
            same = ("yes" if len(run["weights"]) == 1 else "**NO**") if ours and run["runs"] > 1 else ""
            times = [number(run[key], 3) for key in ("step_ms", "evaluate_ms")]
            rows.append([network, precision, by, run["runs"], *times, ratio, same])
    header = ["network", "precision", "by", "runs", "step, ms", "evaluation, ms", "PyTorch's best / worker", "same bits"]
    return table(header, rows)


def benchmarks(facts, runs):
    """The table for BENCHMARKS.md."""
    header = ["device", "date", "driver", "CUDA", "cuDNN", "PyTorch", "network", "precision", "worker's step, ms"]
    rows = []
    for (network, precision), found in by_kind(runs).items():
        if "worker" in found:
            mode, fastest = best(found)
            step = found["worker"]["step_ms"]
            theirs = f"{fastest:.2f} ({mode})" if fastest else ""
            known = [facts.get(key, "") for key in ("device", "date", "driver", "cuda", "cudnn", "torch")]
            rows.append([*known, network, precision, number(step), theirs, number(fastest / step) if fastest else ""])
    return table([*header, "PyTorch's best step, ms", "PyTorch's best / worker"], rows)
