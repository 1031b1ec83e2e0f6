"""The numbers of the test in coordinator/src/stats/prediction.rs, by simulation with numpy and scipy alone.

    python tests/reference/prediction.py

n differences of mean `effect` and deviation 1 were seen. Their true variance and mean are drawn from the posterior under the prior
1 / variance, `further` differences are drawn from these, and all together pass Nadeau and Bengio's corrected t test at a level, or not.
"""

import numpy as np
from scipy import stats

DRAWS = 1_000_000
CASES = [
    (4, 2.0, 0.5, 0.05, 4),
    (8, 1.7, 0.5, 0.05, 4),
    (8, 2.1, 0.5, 0.05, 1),
    (5, 4.0, 0.5, 0.05 / 6, 10),
    (12, 1.0, 1 / 3, 0.05, 30),
    (12, 0.4, 1 / 3, 0.05, 500),
    (20, 0.5, 0.0, 0.05, 15),
    (6, 3.0, 0.5, 0.05 / 36, 1000),
]


def probability(n, effect, ratio, level, further, random):
    variance = (n - 1) / random.chisquare(n - 1, DRAWS)
    mean = random.normal(effect, np.sqrt(variance / n))
    own_mean = random.normal(mean, np.sqrt(variance / further))
    own_squares = variance * random.chisquare(further - 1, DRAWS) if further > 1 else 0.0
    total = n + further
    whole_mean = (n * effect + further * own_mean) / total
    squares = (n - 1) + own_squares + n * further / total * (own_mean - effect) ** 2
    t = np.abs(whole_mean) / np.sqrt(squares / (total - 1) * (1 / total + ratio))
    return (t >= stats.t.ppf(1 - level / 2, total - 1)).mean()


if __name__ == "__main__":
    generator = np.random.default_rng(1)
    for case in CASES:
        print(*case, round(probability(*case, generator), 4), sep=", ")
