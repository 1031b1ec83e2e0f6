#!/usr/bin/env python3
"""Exports of other tools for `coordinator analyze`, and what scipy makes of the same numbers.

Writes coordinator/tests/exports/*.csv, laid out as each tool writes them, and expected.json: of each candidate n, mean and standard
deviation and the 95 % t interval of the mean; of the best with each other one the paired t test on the seeds that both have.

    python3 tests/reference/exports.py        # numpy, scipy
"""

import csv
import json
from pathlib import Path

import numpy as np
from scipy import stats

OUT = Path(__file__).resolve().parents[2] / "coordinator" / "tests" / "exports"
MODELS, RATES, SEEDS = ("unet", "segnet"), ("0.001", "0.0001"), range(6)


def scores():
    """One score per (model, rate, seed), with four digits as tools round them."""
    random = np.random.default_rng(7)
    easy = random.normal(0.0, 0.02, len(SEEDS))
    base = {("unet", "0.001"): 0.78, ("unet", "0.0001"): 0.765, ("segnet", "0.001"): 0.72, ("segnet", "0.0001"): 0.725}
    return {
        (*of, seed): round(float(mean + easy[seed] + random.normal(0.0, 0.008)), 4)
        for of, mean in base.items()
        for seed in SEEDS
    }


def write(name, header, rows, **options):
    with open(OUT / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n", **options)
        writer.writerow(header)
        writer.writerows(rows)


def expected(runs):
    """`runs`: (model, rate) -> {seed: score}."""
    rows = {}
    for (model, rate), by_seed in runs.items():
        values = np.array(list(by_seed.values()))
        mean, sd, n = values.mean(), values.std(ddof=1), len(values)
        low, high = stats.t.interval(0.95, n - 1, loc=mean, scale=sd / np.sqrt(n))
        rows[f"{model} {float(rate):g}"] = {"n": n, "mean": mean, "sd": sd, "pool_low": low, "pool_high": high}
    best = max(runs, key=lambda of: np.mean(list(runs[of].values())))
    pairs = {}
    for other in runs:
        if other != best:
            shared = sorted(set(runs[best]) & set(runs[other]))
            test = stats.ttest_rel([runs[best][s] for s in shared], [runs[other][s] for s in shared])
            pairs[f"{other[0]} {float(other[1]):g}"] = {"n": len(shared), "p_pool": float(test.pvalue)}
    return {"best": f"{best[0]} {float(best[1]):g}", "candidates": rows, "pairs": pairs}


def main():
    OUT.mkdir(exist_ok=True)
    score = scores()
    every = [(model, rate, seed) for model in MODELS for rate in RATES for seed in SEEDS]
    whole = {(m, r): {s: score[m, r, s] for s in SEEDS} for m in MODELS for r in RATES}
    facts = {}

    # W&B: the newest run first; one crashed half-way and was run again, one is still running
    header = ["Name", "State", "Notes", "User", "Tags", "Created", "Runtime", "Sweep", "lr", "model", "seed", "val/IoU"]
    rows = [
        (f"run-{i}", "finished", "-", "me", "", f"2024-05-01T10:{i:02}:00.000Z", 60 + i, "", r, m, s, score[m, r, s])
        for i, (m, r, s) in enumerate(every)
    ]
    rows.append(("run-3a", "crashed", "-", "me", "", "2024-05-01T09:00:00.000Z", 12, "", "0.001", "unet", 3, 0.31))
    rows[7] = rows[7][:1] + ("running",) + rows[7][2:11] + (0.2,)
    wandb = {of: dict(by) for of, by in whole.items()}
    m, r, s = every[7]
    del wandb[m, r][s]
    write("wandb.csv", header, reversed(rows), quoting=csv.QUOTE_ALL)
    facts["wandb"] = expected(wandb)

    # MLflow: search_runs().to_csv(); a run that failed has no metric
    header = ["", "run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time", "metrics.val_iou", "params.lr",
              "params.model", "params.seed", "tags.mlflow.user", "tags.mlflow.runName"]
    rows = []
    for i, (m, r, s) in enumerate(every):
        failed = (m, r, s) == ("segnet", "0.001", 2)
        rows.append((i, f"{i:032x}", 0, "FAILED" if failed else "FINISHED", f"mlruns/0/{i:032x}/artifacts",
                     f"2024-05-01 10:{i:02}:00.123000+00:00", f"2024-05-01 10:{i:02}:59.123000+00:00",
                     "" if failed else score[m, r, s], r, m, s, "me", f"calm-fox-{i}"))
    mlflow = {of: dict(by) for of, by in whole.items()}
    del mlflow["segnet", "0.001"][2]
    write("mlflow.csv", header, rows)
    facts["mlflow"] = expected(mlflow)

    # Optuna: study.trials_dataframe().to_csv(); pruned trials have the value of the step at which they were stopped
    header = ["", "number", "value", "datetime_start", "datetime_complete", "duration", "params_lr", "params_model", "user_attrs_seed",
              "state"]
    rows = []
    for i, (m, r, s) in enumerate(every):
        pruned = m == "segnet" and s == 5
        rows.append((i, i, 0.31 if pruned else score[m, r, s], f"2024-05-01 10:{i:02}:00.123", f"2024-05-01 10:{i:02}:59.456",
                     "0 days 00:00:59.333", r, m, s, "PRUNED" if pruned else "COMPLETE"))
    optuna = {of: {s: v for s, v in by.items() if (of[0], s) != ("segnet", 5)} for of, by in whole.items()}
    write("optuna.csv", header, rows)
    facts["optuna"] = expected(optuna)

    # Ray Tune: results.get_dataframe().to_csv()
    header = ["", "val_iou", "timestamp", "done", "training_iteration", "trial_id", "date", "time_this_iter_s", "time_total_s", "pid",
              "hostname", "config/lr", "config/model", "config/seed", "logdir"]
    rows = [(i, score[m, r, s], 1714557600 + 60 * i, True, 40, f"{i:08x}", f"2024-05-01_10-{i:02}-00", 1.25, 50.0 + i, 4000 + i, "gpu1",
             r, m, s, f"{i:08x}") for i, (m, r, s) in enumerate(every)]
    write("ray.csv", header, rows)
    facts["ray"] = expected(whole)

    # TensorBoard: the HParams table's CSV; seeds come back as real numbers
    header = ["Trial ID", "Show Metrics", "lr", "model", "seed", "hparam/val_iou"]
    rows = [(f"{i:016x}", "false", float(r), m, f"{s:.4f}", f"{score[m, r, s]:.5f}") for i, (m, r, s) in enumerate(every)]
    write("tensorboard.csv", header, rows)
    facts["tensorboard"] = expected(whole)

    # scikit-learn: cv_results_ of a grid search, one column per split
    header = ["", "mean_fit_time", "std_fit_time", "param_lr", "param_model", "params",
              *(f"split{s}_test_score" for s in SEEDS), "mean_test_score", "std_test_score", "rank_test_score"]
    rows = []
    for i, ((m, r), by) in enumerate(whole.items()):
        values = np.array(list(by.values()))
        rows.append((i, 1.5 + i, 0.1, r, m, f"{{'lr': {r}, 'model': '{m}'}}", *values, values.mean(), values.std(), i + 1))
    write("sklearn.csv", header, rows)
    facts["sklearn"] = expected(whole)

    # a spreadsheet that writes decimal commas
    comma = [(m, r.replace(".", ","), s, f"{score[m, r, s]}".replace(".", ",")) for m, r, s in every]
    write("spreadsheet.csv", ["model", "lr", "seed", "score"], comma, delimiter=";")
    facts["spreadsheet"] = expected(whole)

    with open(OUT / "expected.json", "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
