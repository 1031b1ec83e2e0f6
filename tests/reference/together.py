"""How often the warning that candidates move together fires, and whether it fires where a claim for new data is false: the measurement
behind coordinator/src/analysis/comparison/together.rs.

    python tests/reference/together.py [SWEEPS]    # needs numpy and scipy

A sweep has K candidates on n random splits: score = mean + effect of the pool + effect of the split + its own. The effects of the pool have
the variance that Nadeau and Bengio's correction assumes (half of the own part's, as for 100 training and 50 test cases), and all candidates
are equal on new data, so that every claim is false. In `correlated` pairs of candidates share nine tenths of their own part over the splits,
but not the effect of the pool: the spread of their difference over splits says too little of what a new pool does to it.

Printed per world: the share of sweeps with a claim (corrected t, Holm); with the warning; of sweeps with a claim, those whose claims are all
named by it.
"""

import sys

import numpy as np
from scipy import stats

SPLIT, OWN, RATIO, LEVEL = 0.03, 0.02, 0.5, 0.05
CANDIDATES, SPLITS = (4, 9, 16), (5, 8, 12, 20)


def scores(world, sweeps, count, splits, random):
    own = np.full(count, OWN)
    shape = (sweeps, count, splits)
    noise = random.normal(size=shape)
    if world == "skewed":
        noise = 1 - random.exponential(size=shape)
    if world == "heavy":
        noise = random.standard_t(3, size=shape) / np.sqrt(3)
    if world == "unequal":
        own = np.geomspace(0.005, 0.06, count)
    if world == "correlated":
        common = np.repeat(random.normal(size=(sweeps, (count + 1) // 2, splits)), 2, axis=1)[:, :count]
        noise = np.sqrt(0.9) * common + np.sqrt(0.1) * noise
    pool = random.normal(size=(sweeps, count, 1)) * np.sqrt(RATIO) * own[:, None]
    made = 0.7 + pool + SPLIT * random.normal(size=(sweeps, 1, splits)) + own[:, None] * noise
    if world == "collapse":
        made[:, 0][random.random((sweeps, splits)) < 0.05] = 0.2
    return np.round(20 * made) / 20 if world == "ties" else made


def correlation(one, other):
    one, other = (x - x.mean(-1, keepdims=True) for x in (one, other))
    scale = np.sqrt((one**2).sum(-1) * (other**2).sum(-1))
    return np.divide((one * other).sum(-1), scale, out=np.zeros_like(scale), where=scale > 0).clip(-1, 1 - 1e-12)


def together(made, first, second):
    """p that two candidates do not rise and fall together: each is held against another half of the rest, so that the split cancels out."""
    rest = [k for k in range(made.shape[1]) if k not in (first, second)]
    even, odd = made[:, rest[0::2]].mean(1), made[:, rest[1::2]].mean(1)
    one = correlation(made[:, first] - even, made[:, second] - odd)
    r = np.minimum(one, correlation(made[:, first] - odd, made[:, second] - even))
    freedom = made.shape[2] - 2
    return stats.t.sf(r * np.sqrt(freedom / (1 - r**2)), freedom)


def holm(p):
    order = p.argsort(1)
    raised = np.maximum.accumulate(np.take_along_axis(p, order, 1) * (p.shape[1] - np.arange(p.shape[1])), 1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, raised, 1)
    return adjusted


def main():
    sweeps = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    print(f"{'':11s} candidates: splits   a claim  warned  all claims named")
    for world in ("normal", "skewed", "heavy", "unequal", "ties", "collapse", "correlated"):
        for count in CANDIDATES:
            for splits in SPLITS:
                made = scores(world, sweeps, count, splits, np.random.default_rng([count, splits]))
                pairs = [(a, b) for a in range(count) for b in range(a)]
                differences = np.stack([made[:, a] - made[:, b] for a, b in pairs], 1)
                spread = np.maximum(differences.std(-1, ddof=1), 1e-9) * np.sqrt(1 / splits + RATIO)
                claimed = holm(2 * stats.t.sf(abs(differences.mean(-1)) / spread, splits - 1)) <= LEVEL
                moved = np.stack([together(made, a, b) for a, b in pairs], 1) * len(pairs) <= LEVEL
                warned, named = (claimed & moved).any(1), (moved | ~claimed).all(1)
                false = claimed.any(1)
                share = named[false].mean() if false.any() else np.nan
                print(f"{world:11s} {count:10d}: {splits:6d}   {false.mean():7.3f}  {warned.mean():6.3f}  {share:6.3f}", flush=True)


if __name__ == "__main__":
    main()
