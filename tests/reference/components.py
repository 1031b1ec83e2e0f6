"""Intervals of components of variance: the numbers of coordinator/tests/golden/components.json, from numpy and scipy.

    python3 tests/reference/components.py > coordinator/tests/golden/components.json

`low` and `high` are the closed form of Ting et al. (1990), written out term by term. `drawn` are generalised confidence intervals
(Weerahandi 1993), another method altogether: each expected mean square is drawn as df x mean square / chi-squared. They
agree within a few percent, and within a third where there is one degree of freedom. `reml` is the estimate of a mixed model's likelihood, found by numerical search. How often the product's
own intervals cover is measured by the ignored test `intervals_of_components_cover` of coordinator/tests/comparison.
"""

import itertools
import json
import sys

import numpy as np
from scipy import optimize, stats

TAIL = 0.025


def lower(squares):
    """How far the lower end lies below the sum: squares are (coefficient, mean square, df)."""
    plus = [(c * m, d) for c, m, d in squares if c > 0]
    minus = [(-c * m, d) for c, m, d in squares if c < 0]
    G = lambda d: 1 - 1 / (stats.chi2.isf(TAIL, d) / d)
    H = lambda d: 1 / (stats.chi2.ppf(TAIL, d) / d) - 1
    total = sum((G(d) * x) ** 2 for x, d in plus) + sum((H(d) * x) ** 2 for x, d in minus)
    for (x, p), (y, q) in itertools.product(plus, minus):
        F = stats.f.isf(TAIL, p, q)
        total += ((F - 1) ** 2 - G(p) ** 2 * F**2 - H(q) ** 2) / F * x * y
    for (x, p), (y, q) in itertools.combinations(plus, 2):
        both = G(p + q) ** 2 * (p + q) ** 2 / (p * q)
        total += (both - G(p) ** 2 * p / q - G(q) ** 2 * q / p) / (len(plus) - 1) * x * y
    return np.sqrt(max(total, 0))


def interval(squares):
    estimate = sum(c * m for c, m, _ in squares)
    if len(squares) == 1:
        c, m, d = squares[0]
        low, high = c * m * d / stats.chi2.isf(TAIL, d), c * m * d / stats.chi2.ppf(TAIL, d)
    else:
        low, high = estimate - lower(squares), estimate + lower([(-c, m, d) for c, m, d in squares])
    drawn = sum(c * m * d / rng.chisquare(d, 1_000_000) for c, m, d in squares)
    ends = [max(end, 0) for end in np.quantile(drawn, [TAIL, 1 - TAIL])]
    return {"raw": estimate, "low": max(low, 0), "high": max(high, 0), "drawn": ends}


def effective_df(own, df):
    """Rows of effects that sum to zero: estimates without bias of tr(S)^2 and tr(S^2) from a Wishart matrix's."""
    if df < 2 or len(own) < 3:
        return (len(own) - 1) * df
    M = own @ own.T / df
    system = [[1, 2 / df], [1 / df, 1 + 1 / df]]
    trace2, square = np.linalg.solve(system, [np.trace(M) ** 2, np.trace(M @ M)])
    return float(np.clip(df * trace2 / square, df, (len(own) - 1) * df)) if square > 0 else (len(own) - 1) * df


def effect(Y, axes):
    """The effect of the factors `axes` of one table, in all its cells."""
    for axis in range(Y.ndim):
        mean = Y.mean(axis=axis, keepdims=True)
        Y = Y - mean if axis in axes else np.broadcast_to(mean, Y.shape)
    return Y


def two_way(Y):
    """Splits x candidates."""
    n, k = Y.shape
    rest = effect(Y, (0, 1))
    df = effective_df(rest.T, n - 1)
    residual, split = (rest**2).sum() / ((n - 1) * (k - 1)), k * Y.mean(axis=1).var(ddof=1)
    reml = optimize.minimize(lambda v: minus_log_likelihood(v, Y), np.log([1e-3, 1e-3]), method="Nelder-Mead",
                             options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 10_000})
    return {
        "effective_df": df,
        "split": interval([(1 / k, split, n - 1), (-1 / k, residual, df)]) | {"reml": np.exp(reml.x[0])},
        "residual": interval([(1, residual, df)]) | {"reml": np.exp(reml.x[1])},
    }


def minus_log_likelihood(log_variances, Y):
    """Of score = candidate (fixed) + split (random) + rest: restricted, so of all contrasts between the candidates' means."""
    (n, k), (split, rest) = Y.shape, np.exp(log_variances)
    V = np.kron(np.eye(n), split * np.ones((k, k)) + rest * np.eye(k))
    X = np.kron(np.ones((n, 1)), np.eye(k))
    inverse = np.linalg.inv(V)
    A = X.T @ inverse @ X
    r = Y.ravel() - X @ np.linalg.solve(A, X.T @ inverse @ Y.ravel())
    return (np.linalg.slogdet(V)[1] + np.linalg.slogdet(A)[1] + r @ inverse @ r) / 2


def crossed(Y):
    """Candidates x splits x seeds x ...: the mean over candidates of each component."""
    k, factors = len(Y), range(Y.ndim - 1)
    terms = [t for size in range(1, Y.ndim) for t in itertools.combinations(factors, size)]
    squares = {}
    for t in terms:
        df = int(np.prod([Y.shape[1 + axis] - 1 for axis in t]))
        effects = np.array([effect(y, t).ravel() for y in Y])
        own = effects - effects.mean(axis=0)
        squares[t] = [(1 / k, k * (effects.mean(axis=0) ** 2).sum() / df, df)]
        if k > 1:
            squares[t].append(((k - 1) / k, (own**2).sum() / df / (k - 1), effective_df(own, df)))
    found = {}
    for t in terms:
        cells = np.prod([Y.shape[1 + axis] for axis in factors if axis not in t])
        above = [u for u in terms if set(t) <= set(u)]
        found["".join("SIO"[axis] for axis in t)] = interval(
            [((-1) ** (len(u) - len(t)) / cells * c, m, d) for u in above for c, m, d in squares[u]]
        )
    return found


def made(k, splits, inits, orders):
    """Scores of candidates on the same splits, one of which varies more."""
    draw = lambda sd, *shape: sd * np.random.default_rng(sum(shape)).normal(size=shape)
    shape = (k, splits, inits, orders)
    Y = 0.7 + draw(0.04, splits, 1, 1) + draw(0.02, k, splits, 1, 1) + draw(0.01, k, 1, inits, 1) + draw(0.02, *shape)
    Y[0] = Y[0].mean() + 2 * (Y[0] - Y[0].mean())
    return np.round(Y, 4)


rng = np.random.default_rng(16)

if __name__ == "__main__":
    from stats import Y as TABLE

    tables = {"5x3": made(4, 5, 3, 1)[..., 0], "4x2x2": made(3, 4, 2, 2)}
    numbers = {"two_way": two_way(TABLE), "crossed": []}
    for table in tables.values():
        numbers["crossed"].append(
            {"Y": table.tolist(), "first": crossed(table[:1]), "mean": crossed(table)}
        )
    json.dump(numbers, sys.stdout, indent=1, default=float)
    print()
