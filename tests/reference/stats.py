"""The numbers of coordinator/tests/golden/statistics.json, from numpy and scipy alone.

    python tests/reference/stats.py > coordinator/tests/golden/statistics.json

`Y` is a made-up sweep of 12 splits x 5 candidates, one of which collapsed once. Everything is computed here by formulas and by
library functions, in another way than the product does where there is one: permutations are enumerated, mixed models solved by
expected mean squares, quantiles taken from scipy.
"""

import itertools
import json
import math
import sys

import numpy as np
from scipy import integrate, optimize, stats

RATIO = 0.5
NAMES = "ABCDE"
Y = np.array(
    [
        [0.702, 0.678, 0.671, 0.655, 0.612],
        [0.731, 0.690, 0.702, 0.668, 0.640],
        [0.688, 0.671, 0.655, 0.649, 0.601],
        [0.745, 0.722, 0.709, 0.701, 0.655],
        [0.694, 0.668, 0.690, 0.640, 0.588],
        [0.718, 0.709, 0.684, 0.676, 0.633],
        [0.669, 0.650, 0.661, 0.622, 0.090],
        [0.752, 0.731, 0.718, 0.690, 0.664],
        [0.707, 0.712, 0.676, 0.661, 0.619],
        [0.683, 0.659, 0.640, 0.651, 0.594],
        [0.736, 0.715, 0.722, 0.683, 0.647],
        [0.699, 0.681, 0.669, 0.644, 0.606],
    ]
)
N, K = Y.shape
PAIRS = list(itertools.combinations(range(K), 2))


def marginal(scores):
    n, mean, sd = len(scores), scores.mean(), scores.std(ddof=1)
    t = stats.t.ppf(0.975, n - 1)
    naive, corrected = sd / math.sqrt(n), sd * math.sqrt(1 / n + RATIO)
    return {
        "mean": mean,
        "sd": sd,
        "median": np.median(scores),
        "iqm": stats.trim_mean(scores, 0.25),
        "ci_naive": [mean - t * naive, mean + t * naive],
        "ci_nb": [mean - t * corrected, mean + t * corrected],
    }


def correlated(d, rope):
    """Posterior of the mean difference d = first - second: P(first worse), P(within), P(first better)."""
    scale = d.std(ddof=1) * math.sqrt(1 / len(d) + RATIO)
    posterior = stats.t(len(d) - 1, d.mean(), scale)
    return [posterior.cdf(-rope), posterior.cdf(rope) - posterior.cdf(-rope), posterior.sf(rope)]


def wilcoxon(d):
    """Exact unless |d| has ties or zeros; then the normal approximation without correction for continuity."""
    ties = len(np.unique(np.abs(d))) < len(d) or (d == 0).any()
    result = stats.wilcoxon(d, method="asymptotic" if ties else "exact", correction=False)
    return [result.statistic, result.pvalue]


def pairs():
    numbers = {}
    for a, b in PAIRS:
        d = Y[:, a] - Y[:, b]
        t_nb = d.mean() / (d.std(ddof=1) * math.sqrt(1 / N + RATIO))
        naive = stats.ttest_rel(Y[:, a], Y[:, b])
        positive = int((d > 0).sum())
        numbers[NAMES[a] + NAMES[b]] = {
            "mean": d.mean(),
            "sd": d.std(ddof=1),
            "t_naive": naive.statistic,
            "p_naive": naive.pvalue,
            "t_nb": t_nb,
            "p_nb": 2 * stats.t.sf(abs(t_nb), N - 1),
            "wilcoxon": wilcoxon(d),
            "baycomp_rope0": [correlated(d, 0)[0], correlated(d, 0)[2]],
            "baycomp_rope01": correlated(d, 0.01),
            "sign": [positive, N - positive, stats.binomtest(positive, N).pvalue],
            "poi_paired": (d > 0).mean() + (d == 0).mean() / 2,
            "poi_unpaired_mw": stats.mannwhitneyu(Y[:, a], Y[:, b]).statistic / N**2,
        }
    raw = np.array([pair["p_nb"] for pair in numbers.values()])
    order = np.argsort(raw)
    holm = np.empty(len(raw))
    holm[order] = np.minimum(1, np.maximum.accumulate(raw[order] * (len(raw) - np.arange(len(raw)))))
    for pair, h, bh in zip(numbers.values(), holm, stats.false_discovery_control(raw)):
        pair["p_nb_holm"], pair["p_nb_bh"] = h, bh
    return numbers


def sign_flips():
    """All 2^12 flips, all pairs together, with the t statistic written out."""
    D = np.array([Y[:, a] - Y[:, b] for a, b in PAIRS])
    signs = np.array(list(itertools.product([1, -1], repeat=N)))

    def t(mean, square):
        return np.abs(mean) / np.sqrt((square - mean**2) / (N - 1))

    square = (D**2).mean(axis=1)
    flipped = t(signs @ D.T / N, square)
    observed = t(D.mean(axis=1), square)
    greatest = flipped.max(axis=1)
    return {
        NAMES[a] + NAMES[b]: {
            "signflip_p": (flipped[:, i] >= observed[i] - 1e-9).mean(),
            "maxT_p": (greatest >= observed[i] - 1e-9).mean(),
        }
        for i, (a, b) in enumerate(PAIRS)
    }


def ranks():
    R = stats.rankdata(-Y, axis=1)
    friedman = stats.friedmanchisquare(*Y.T)
    f = (N - 1) * friedman.statistic / (N * (K - 1) - friedman.statistic)
    df = [K - 1, (K - 1) * (N - 1)]
    mean = R.mean(axis=0)
    z = np.abs(mean[:, None] - mean) / math.sqrt(K * (K + 1) / (6 * N))
    # Conover, Practical Nonparametric Statistics, 5.8
    sums = R.sum(axis=0)
    deviation = math.sqrt(2 * (N * (R**2).sum() - (sums**2).sum()) / df[1])
    conover = 2 * stats.t.sf(np.abs(sums[:, None] - sums) / deviation, df[1])
    q = stats.studentized_range.ppf(0.95, K, np.inf)
    return {
        "avg_rank": dict(zip(NAMES, mean)),
        "friedman": {
            "chi2": friedman.statistic,
            "p": friedman.pvalue,
            "iman_davenport_F": f,
            "df": df,
            "p_F": stats.f.sf(f, *df),
            "kendall_W": friedman.statistic / (N * (K - 1)),
        },
        "nemenyi": {
            "CD05": q / math.sqrt(2) * math.sqrt(K * (K + 1) / (6 * N)),
            "p": stats.studentized_range.sf(z * math.sqrt(2), K, np.inf).tolist(),
        },
        "conover_friedman_p": conover.tolist(),
    }


def power(effect, n, ratio, alpha=0.05):
    critical, shift = stats.t.ppf(1 - alpha / 2, n - 1), effect / math.sqrt(1 / n + ratio)
    # the mean of the normal tail over the distribution of s, by adaptive quadrature
    def tail(shift):
        f = lambda s: stats.chi.pdf(s * math.sqrt(n - 1), n - 1) * math.sqrt(n - 1) * stats.norm.sf(critical * s - shift)
        return integrate.quad(f, 0, 12, epsabs=1e-13, epsrel=1e-12, limit=400, points=[0.5, 1, 2])[0]
    return tail(shift) + tail(-shift)


def detectable(ratios, numbers, alpha=0.05):
    least = lambda n, ratio: optimize.brentq(lambda e: power(e, n, ratio, alpha) - 0.8, 0.01, 60, xtol=1e-12)
    return {str(ratio): {str(n): least(n, ratio) for n in numbers} for ratio in ratios}


def paired_t_n(effect):
    n = next(n for n in itertools.count(2) if power(effect, n, 0) >= 0.8)
    return [n, power(effect, n, 0)]


def one_way():
    Z = np.array([[0.70, 0.72, 0.71], [0.66, 0.69, 0.65], [0.74, 0.73, 0.75], [0.68, 0.70, 0.69]])
    size = Z.shape[1]
    between, within = size * Z.mean(axis=1).var(ddof=1), Z.var(axis=1, ddof=1).mean()
    f = stats.f_oneway(*Z)
    component = (between - within) / size
    return {
        "Z": Z.tolist(),
        "MSB": between,
        "MSW": within,
        "var_split": component,
        "ICC": component / (component + within),
        "F": f.statistic,
        "p": f.pvalue,
    }


def two_way(Y):
    n, k = Y.shape
    rest = Y - Y.mean(axis=1, keepdims=True) - Y.mean(axis=0) + Y.mean()
    split, candidate = k * Y.mean(axis=1).var(ddof=1), n * Y.mean(axis=0).var(ddof=1)
    residual = (rest**2).sum() / ((n - 1) * (k - 1))
    return {
        "MS_split": split,
        "MS_config": candidate,
        "MS_resid": residual,
        "var_split": (split - residual) / k,
        "var_config": (candidate - residual) / n,
        "var_resid": residual,
    }


def three_way():
    """Expected mean squares of crossed random factors, solved as a linear system."""
    Z = np.array([[[0.70, 0.71], [0.73, 0.72]], [[0.65, 0.66], [0.66, 0.69]], [[0.75, 0.74], [0.74, 0.76]]])
    names = ["S", "I", "O", "SI", "SO", "IO", "SIO"]
    axis = {"S": 0, "I": 1, "O": 2}
    squares, ems = {}, np.zeros((7, 7))
    for row, name in enumerate(names):
        effect = Z.copy()
        for factor, index in axis.items():
            mean = effect.mean(axis=index, keepdims=True)
            effect = effect - mean if factor in name else np.broadcast_to(mean, effect.shape)
        df = math.prod(Z.shape[axis[factor]] - 1 for factor in name)
        squares[name] = (effect**2).sum() / df
        for column, other in enumerate(names):
            if set(name) <= set(other):
                ems[row, column] = math.prod(Z.shape[index] for factor, index in axis.items() if factor not in other)
    components = np.linalg.solve(ems, [squares[name] for name in names])
    return {"Z": Z.tolist(), "MS": squares, "V": dict(zip(names, components))}


def clustered():
    T = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1]])
    d = np.array([[0.1, 0.04, 0, 0], [0, 0.06, -0.02, 0], [0.08, 0, 0, 0.05]])
    n, mean = T.sum(), d.sum() / T.sum()
    r = T * (d - mean)
    splits, images = T.shape
    split = splits / (splits - 1) * (r.sum(axis=1) ** 2).sum() / n**2
    image = images / (images - 1) * (r.sum(axis=0) ** 2).sum() / n**2
    both = (r**2).sum() / n**2
    return {
        "T": T.tolist(),
        "d": d.tolist(),
        "mean": mean,
        "V_split": split,
        "V_image": image,
        "V_both": both,
        "V": max(split + image - both, split, image),
    }


def five_by_two():
    D = np.array([[0.02, 0.035], [0.01, 0.03], [0.028, 0.004], [0.015, 0.022], [0.031, 0.012]])
    variances = D.var(axis=1, ddof=1)
    t, f = D[0, 0] / math.sqrt(variances.mean()), (D**2).sum() / (2 * variances.sum())
    return {"D": D.tolist(), "t": t, "p_t": 2 * stats.t.sf(t, 5), "F": f, "p_F": stats.f.sf(f, 10, 5)}


def e_value(d, g=1):
    """The Bayes factor of a normal prior with variance g sd² against zero, with Jeffreys' prior of sd."""
    n, v = len(d), len(d) - 1
    t = d.mean() / d.std(ddof=1) * math.sqrt(n)
    null = stats.t.pdf(t, v)
    alternative = stats.t.pdf(t / math.sqrt(1 + n * g), v) / math.sqrt(1 + n * g)
    return alternative / null


def violation_ratio(a, b, dt=0.005):
    t = np.arange(dt, 1, dt)
    quantile = lambda scores: np.sort(scores)[np.clip(np.ceil(len(scores) * t).astype(int) - 1, 0, len(scores) - 1)]
    excess = quantile(b) - quantile(a)
    return (np.where(excess > 0, excess, 0)[1:] ** 2).sum() / (excess**2).sum()


def main():
    column = {name: Y[:, i] for i, name in enumerate(NAMES)}
    difference = lambda pair, n=N: (column[pair[0]] - column[pair[1]])[:n]
    noether = lambda p: (2 * stats.norm.ppf(0.95) / (math.sqrt(6) * (p - 0.5))) ** 2
    wilson = lambda k, n, method: list(stats.binomtest(k, n).proportion_ci(0.95, method=method))
    numbers = {
        "Y": Y.tolist(),
        "marginal": {name: marginal(scores) for name, scores in column.items()},
        "t_975_df11": stats.t.ppf(0.975, 11),
        "pairs": pairs(),
        "signflip": sign_flips(),
        **ranks(),
        "q_nemenyi_05": {
            str(k): stats.studentized_range.ppf(0.95, k, np.inf) / math.sqrt(2)
            for k in [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 24]
        },
        "noether_n": {str(p): noether(p) for p in [0.6, 0.65, 0.7, 0.75, 0.8, 0.9]},
        "paired_t_n80": {str(effect): paired_t_n(effect) for effect in [0.5, 0.75, 1.0, 1.5, 2.0]},
        "mde80_in_sd_units": detectable([0.0, 1 / 9, 0.25, 1 / 3, 0.5], [3, 5, 8, 10, 15, 20, 30, 50, 100]),
        "mde80_holm10pairs": detectable([0.0, 1 / 3, 0.5], [5, 8, 10, 15, 20, 30], 0.005),
        "varcomp_oneway": one_way(),
        "twoway_config_split": two_way(Y),
        "twoway_config_split_ABCD": two_way(Y[:, :4]),
        "evalue_t_AD": {str(n): e_value(difference("AD", n)) for n in [3, 5, 8, 12]},
        "evalue_t_AB": {str(n): e_value(difference("AB", n)) for n in [3, 5, 8, 12]},
        "fivextwo": five_by_two(),
        "aso_violation_ratio": {
            f"{a}{b}_dt005": violation_ratio(column[a], column[b]) for a, b in ["AB", "CB", "BC"]
        },
        "wilson": {f"{k}/{n}": wilson(k, n, "wilson") for k, n in [(1, 12), (0, 20), (20, 20), (7, 30)]},
        "clopper_pearson": {f"{k}/{n}": wilson(k, n, "exact") for k, n in [(1, 12), (0, 20), (20, 20), (7, 30)]},
        "threeway": three_way(),
        "twoway_cluster": clustered(),
    }
    json.dump(numbers, sys.stdout, indent=1, default=float)
    print()


if __name__ == "__main__":
    main()
