"""The numbers of coordinator/tests/golden/foresight.json, from scipy alone.

    python tests/reference/foresight.py > coordinator/tests/golden/foresight.json

The least true difference, in standard deviations of a pair's differences, that a two-sided test at level .05 shows with a power of .8:
Student's t for this pool, Nadeau and Bengio's corrected t for new data, each for one pair and for one of all pairs (Bonferroni). Fewer than
five splits show nothing.
"""

import json
import math
import sys

from scipy import integrate, optimize, stats

ALPHA, POWER, MIN_SPLITS = 0.05, 0.8, 5


def power(effect, n, ratio, alpha):
    """By integration over the sample's variance: the noncentral t from its definition, not from a library."""
    df, shift = n - 1, effect / math.sqrt(1 / n + ratio)
    critical = stats.t.ppf(1 - alpha / 2, df)

    def given(scale):
        bound = critical * scale
        return (stats.norm.sf(bound - shift) + stats.norm.cdf(-bound - shift)) * stats.chi(df).pdf(scale * math.sqrt(df)) * math.sqrt(df)

    return integrate.quad(given, 0, 1, epsabs=1e-13, epsrel=1e-12)[0] + integrate.quad(given, 1, 12, epsabs=1e-13, epsrel=1e-12)[0]


def least(n, ratio, alpha):
    high = 0.1
    while power(high, n, ratio, alpha) < POWER:
        high *= 1.5
    return optimize.brentq(lambda effect: power(effect, n, ratio, alpha) - POWER, 0, high, xtol=1e-12)


def row(n, candidates, ratio):
    pairs = candidates * (candidates - 1) // 2
    least_of = lambda ratio, alpha: least(n, ratio, alpha) if n >= MIN_SPLITS else None
    return {
        "splits": n,
        "candidates": candidates,
        "ratio": ratio,
        "this_pool": least_of(0, ALPHA),
        "this_pool_all_pairs": least_of(0, ALPHA / pairs),
        "new_data": least_of(ratio, ALPHA),
        "new_data_all_pairs": least_of(ratio, ALPHA / pairs),
    }


designs = [(3, 9, 1 / 3), (5, 2, 0.5), (6, 4, 1 / 9), (6, 2, 1 / 9), (7, 3, 1 / 3), (12, 9, 1 / 3), (20, 2, 0.5), (100, 40, 0.25)]
json.dump([row(*design) for design in designs], sys.stdout, indent=1)
print()
