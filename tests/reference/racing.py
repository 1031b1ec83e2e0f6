"""Racing over split seeds, written once more with numpy and scipy: the expected decisions of a fixed table of scores, and the
share of jobs saved and of runs that lose the best candidate over many made-up sweeps.

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
        seen, failed = scores[:, :n], collapsed[:, :n]
        ranked = sorted(alive, key=lambda c: -seen[c].mean())
        leader = ranked[0]
        unreliable = {c: int(failed[c, :5].sum()) for c in alive if failed[c, :5].sum() >= 3}
        collapse = min((seen[c][failed[c]].min() for c in alive if failed[c].any()), default=0.0)
        now = {}
        for c in ranked[1:]:
            if c in unreliable and (seen[c] - seen[leader])[~failed[c]].sum() <= 0:
                now[c] = (n, "unreliable", unreliable[c])
                continue
            for other in ranked[: ranked.index(c)]:
                if other in unreliable:
                    continue
                lead = seen[other] - seen[c]
                d = lead.reshape(-1, block).mean(axis=1)
                p = one_sided(d)
                # one more run, in which the other collapses, must not cost it the lead
                if p < threshold and np.append(lead, collapse - seen[c].mean()).mean() > 0:
                    now[c] = (n, "beaten", other, d.mean(), p)
                    break
        dropped |= now
        alive = [c for c in alive if c not in now]
    return dropped


def one_sided(d):
    if np.ptp(d) <= 1e-12 * abs(d.mean()):  # without any deviation: as sure as the signs
        return 0.5 ** len(d) if d.mean() > 0 else 1.0
    return stats.ttest_1samp(d, 0, alternative="greater").pvalue


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


def simulate(draw, runs, rng):
    """The shares of jobs saved and of runs that lose the best."""
    lost, ran, jobs = 0, 0, 0
    for _ in range(runs):
        scores, collapsed, best = draw(rng)
        candidates, replicates = scores.shape
        dropped = race(scores, collapsed)
        lost += best in dropped
        ran += sum(dropped.get(c, (replicates,))[0] for c in range(candidates))
        jobs += scores.size
    return 1 - ran / jobs, lost / runs


def grid(means, collapse, residual):
    """Candidates by their means, which collapse with a chance."""

    def draw(rng, replicates=20):
        shape = (len(means), replicates)
        scores = np.array(means)[:, None] + rng.normal(0, 0.04, replicates) + rng.normal(0, residual, shape)
        collapsed = rng.random(shape) < np.array(collapse)[:, None]
        return np.where(collapsed, 0.09, scores), collapsed, int(np.argmax(means))

    return draw


def world(name, k):
    """Twenty splits that add the same to all; the best is that of the highest mean over all runs, collapsed ones included."""

    def draw(rng, n=20):
        split, e = rng.normal(0, 0.04, n), rng.normal(0, 0.02, (k, n))
        means = 0.7 - np.minimum(np.arange(k), 9) * 0.004
        collapsed = np.zeros((k, n), bool)
        if name == "two tied bests":
            means = np.r_[0.7, 0.6999, np.full(k - 2, 0.6)]
        if name == "skewed":
            e = -0.02 * (rng.exponential(size=(k, n)) - 1)
        if name == "heavy tails":
            e = rng.standard_t(3, (k, n)) * 0.02 / np.sqrt(3)
        if name == "unequal":
            e = rng.normal(size=(k, n)) * np.geomspace(0.04, 0.004, k)[:, None]
        if name.startswith("rival"):  # better where it trains, worse on average
            rate, ahead = {"rival, 5 %": (0.05, 0.015), "rival, 10 %": (0.1, 0.015), "rival far ahead, 30 %": (0.3, 0.2)}[name]
            means = np.r_[0.65, 0.65 + ahead, np.full(k - 2, 0.63)]
            e, collapsed[1] = e / 5, rng.random(n) < rate
        if name == "best, 30 %":
            means = np.r_[0.9, np.full(k - 1, 0.6)]
            collapsed[0] = rng.random(n) < 0.3
        scores = np.where(collapsed, 0.1, means[:, None] + split + e)
        return np.round(scores * 20) / 20 if name == "steps of .05" else scores, collapsed, 0

    return draw


WORLDS = ["normal", "two tied bests", "skewed", "heavy tails", "unequal", "steps of .05", "rival, 5 %", "rival, 10 %",
          "rival far ahead, 30 %", "best, 30 %"]


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
    grids = {
        "original-like K=7": ([0.702, 0.678, 0.666, 0.614, 0.608, 0.572, 0.09], np.zeros(7)),
        "K=24, .60-.78": (even, np.zeros(24)),
        "K=24, 4 of them collapse in half of their runs": (even, some),
        "null, 12 equal": (np.full(12, 0.7), np.zeros(12)),
    }
    draws = {f"{name}, sd {sd}": grid(*of, sd) for name, of in grids.items() for sd in (0.02, 0.03)}
    draws |= {f"{name}, K={k}": world(name, k) for name in WORLDS for k in (4, 12)}
    for name, draw in draws.items():
        runs = 400 if "sd" in name or "12" in name else 1000
        saved, lost = simulate(draw, runs, rng)
        error = np.sqrt(max(lost * (1 - lost), 0.25 / runs) / runs)
        print(f"{name:56} saved {100 * saved:4.0f} %, best lost {lost:.3f} (se {error:.3f})", flush=True)
