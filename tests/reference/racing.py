"""Racing over split seeds, written once more with numpy and scipy: the expected decisions of a fixed table of scores, and the
share of jobs saved and of runs that keep the best candidate over many made-up sweeps.

    python3 tests/reference/racing.py          # prints both; needs numpy and scipy

The table is integer arithmetic, so that the Rust test has the very same scores; its decisions are in coordinator/tests/racing.rs.
The simulations draw other numbers than the Rust test does: only their shares are comparable, within a few points.
"""

import json

import numpy as np
from scipy import stats

LOOKS, ALPHA = [5, 8, 12, 16, 20], 0.05


def race(scores, collapsed, looks=LOOKS, alpha=ALPHA, block=1):
    """scores, collapsed: candidates x replicates. Returns {candidate: (look, reason)} of those that are dropped."""
    candidates = len(scores)
    threshold = alpha / (len(looks) * (candidates - 1))
    alive, dropped = list(range(candidates)), {}
    for n in looks:
        if len(alive) < 2:
            break
        means = {c: scores[c, :n].mean() for c in alive}
        ranked = sorted(alive, key=lambda c: -means[c])
        unreliable = {c: int(collapsed[c, : min(n, 5)].sum()) for c in alive}
        unreliable = {c: count for c, count in unreliable.items() if count >= 3}
        now = {}
        for c in alive:
            if c == ranked[0]:
                continue
            if c in unreliable:
                now[c] = (n, "unreliable", unreliable[c])
                continue
            for other in ranked[: ranked.index(c)]:
                if other in unreliable:
                    continue
                d = (scores[other, :n] - scores[c, :n]).reshape(-1, block).mean(axis=1)
                p = stats.ttest_1samp(d, 0, alternative="greater").pvalue
                if p < threshold:
                    now[c] = (n, "beaten", other, d.mean(), p)
                    break
        dropped |= now
        alive = [c for c in alive if c not in now]
    return dropped


def table():
    """6 candidates x 20 replicates, in thousandths, from a linear congruential generator."""
    state, rows = 12345, []
    means = [700, 690, 660, 640, 610, 695]
    splits = []
    for _ in range(20):
        state = (state * 1103515245 + 12345) % 2**31
        splits.append((state >> 16) % 81 - 40)
    for c in range(6):
        row = []
        for s in range(20):
            state = (state * 1103515245 + 12345) % 2**31
            row.append(means[c] + splits[s] + (state >> 16) % 41 - 20)
        rows.append(row)
    scores = np.array(rows) / 1000
    collapsed = np.zeros((6, 20), bool)
    for s in (0, 2, 3):
        scores[5, s], collapsed[5, s] = 0.09, True
    return scores, collapsed


def simulate(means, collapse, residual, runs, rng, replicates=20, split=0.04):
    means, collapse = np.array(means), np.array(collapse)
    kept, ran = 0, 0
    for _ in range(runs):
        scores = means[:, None] + rng.normal(0, split, replicates) + rng.normal(0, residual, (len(means), replicates))
        collapsed = rng.random((len(means), replicates)) < collapse[:, None]
        scores[collapsed] = 0.09
        dropped = race(scores, collapsed)
        kept += int(np.argmax(means)) not in dropped
        ran += sum(dropped.get(c, (replicates,))[0] for c in range(len(means)))
    return 1 - ran / (runs * len(means) * replicates), kept / runs


if __name__ == "__main__":
    for block in (1, 4):
        looks = LOOKS if block == 1 else [8, 12, 16, 20]
        print(f"blocks of {block}:")
        for candidate, decision in sorted(race(*table(), looks=looks, block=block).items()):
            print(f"  {candidate}: {json.dumps(decision)}")
    scores, _ = table()
    for c in (0, 4):
        for n in (5, 12):
            row = scores[c, :n]
            half = stats.t.ppf(0.975, n - 1) * row.std(ddof=1) / np.sqrt(n)
            print(f"half width of candidate {c} after {n}: {half!r}")
    rng = np.random.default_rng(4)
    even = np.linspace(0.60, 0.78, 24)
    some = np.where(np.isin(np.arange(24), [2, 8, 14, 20]), 0.5, 0.0)
    scenarios = {
        "original-like K=7": ([0.702, 0.678, 0.666, 0.614, 0.608, 0.572, 0.09], np.zeros(7)),
        "K=24, .60-.78": (even, np.zeros(24)),
        "K=24, 4 of them collapse in half of their runs": (even, some),
        "null, 12 equal": (np.full(12, 0.7), np.zeros(12)),
    }
    for name, (means, collapse) in scenarios.items():
        for residual in (0.02, 0.03):
            saved, kept = simulate(means, collapse, residual, 400, rng)
            print(f"{name:50} sd {residual}: saved {100 * saved:.0f} %, best kept {100 * kept:.1f} %")
