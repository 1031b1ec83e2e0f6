"""How often the interval for new cases covers the true difference: the measurement behind two constants of
coordinator/src/stats/clustered.rs.

    python tests/reference/new_cases.py [POOLS [SETTING ...]]

Pools of N cases are drawn from a known distribution. In each pool, classifiers are trained and tested on R random splits, as a sweep
does; the truth is the mean over many independent training and test sets. The interval is the product's: clustered by case and split,
plus SHARE of the variance that one split's test cases leave, with Student's t of DF degrees of freedom. Printed is its coverage beside
that of the clusters alone (t with R - 1) and of Nadeau and Bengio's, each with its mean width, the share of the true differences of at
least LARGE that it shows, and the share of all differences that are not 0 whose sign it shows wrong.

The handwritten digits are real cases with scikit-learn's classifiers: a pool is 200 of the 1,797, the truth comes from all.
"""

import sys

import numpy as np
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

SHARE, DF = 0.02, 11
SPLITS = (5, 8, 12, 20, 60)
# name: cases of the pool, of a training set, of a test set
SETTINGS = {
    "twins": (200, 100, 50),
    "twins, no validation": (200, 160, 40),
    "mixture": (200, 100, 50),
    "digits": (200, 100, 50),
}
LARGE = 0.02
DIGITS = load_digits(return_X_y=True)
CENTRES = np.random.default_rng(5).normal(0, 1.1, (2, 3, 6))


def draw(kind, count, random):
    if kind == "digits":
        chosen = random.permutation(len(DIGITS[1]))[:count]
        return DIGITS[0][chosen], DIGITS[1][chosen]
    labels = random.integers(0, 2, count)
    if kind.startswith("twins"):
        features = random.normal(size=(count, 16))
        features[:, [0, 1, 2, 8, 9, 10]] += 0.55 * (2 * labels[:, None] - 1)
        return features, labels
    features = random.normal(size=(count, 12))
    features[:, :6] += CENTRES[labels, random.integers(0, 3, count)]
    return features, np.where(random.random(count) < 0.03, 1 - labels, labels)


def discriminant(shrinkage):
    def classify(train, labels, test):
        means = np.array([train[labels == label].mean(0) for label in (0, 1)])
        rest = train - means[labels]
        spread = rest.T @ rest / len(train)
        spread = (1 - shrinkage) * spread + shrinkage * np.diag(np.diag(spread)) + 1e-3 * np.eye(len(spread))
        weights = np.linalg.solve(spread, means.T)
        return (test @ weights - 0.5 * (means.T * weights).sum(0)).argmax(1)

    return classify


def neighbours(count):
    def classify(train, labels, test):
        distances = ((test[:, None] - train[None]) ** 2).sum(-1)
        nearest = np.argpartition(distances, count, axis=1)[:, :count]
        return (labels[nearest].mean(1) > 0.5).astype(int)

    return classify


def learned(make):
    return lambda train, labels, test: make().fit(train, labels).predict(test)


def classifiers(kind):
    """A pair of equal classifiers on exchangeable features, whose true difference is 0; or a pair of different ones."""
    if kind.startswith("twins"):
        return [(rule, half) for rule in (discriminant(0.1), neighbours(5)) for half in (slice(0, 8), slice(8, 16))]
    if kind == "digits":
        shrunk = lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
        makers = (lambda: GaussianNB(var_smoothing=1e-2), shrunk, lambda: KNeighborsClassifier(5), DecisionTreeClassifier, SVC)
        return [(learned(make), slice(None)) for make in makers]
    return [(rule, slice(None)) for rule in (discriminant(0.1), discriminant(1.0), neighbours(5), neighbours(1))]


def hits(kind, features, labels, train, test):
    return np.array(
        [rule(features[train][:, part], labels[train], features[test][:, part]) == labels[test] for rule, part in classifiers(kind)]
    ).astype(float)


def truth(kind, train, random):
    scores = []
    for _ in range(1500):
        features, labels = draw(kind, train + 600, random)
        scores.append(hits(kind, features, labels, np.arange(train), np.arange(train, train + 600)).mean(1))
    return np.mean(scores, axis=0)


def clustered(differences, tests, pool):
    """Mean, clustered variance, and the part of the cells, of differences[split, case]."""
    splits, count = differences.shape
    mean = differences.mean()
    rest = differences - mean
    sums, seen = np.zeros(pool), np.zeros(pool)
    np.add.at(sums, tests.ravel(), rest.ravel())
    np.add.at(seen, tests.ravel(), 1)
    cases, all_cells = (seen > 0).sum(), (splits * count) ** 2
    of_cases = cases / (cases - 1) * (sums**2).sum() / all_cells
    of_splits = splits / (splits - 1) * (rest.sum(1) ** 2).sum() / all_cells
    of_both = (rest**2).sum() / all_cells
    return mean, max(of_cases + of_splits - of_both, of_cases, of_splits), of_both


def main():
    pools = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for kind in sys.argv[2:] or SETTINGS:
        size, train, test = SETTINGS[kind]
        random = np.random.default_rng(7)
        exact = truth(kind, train, random)
        number = len(classifiers(kind))
        pairs = [(0, 1), (2, 3)] if number == 4 else [(first, second) for second in range(number) for first in range(second)]
        covered = {}
        for _ in range(pools):
            features, labels = draw(kind, size, random)
            orders = [random.permutation(size) for _ in range(max(SPLITS))]
            tests = np.array([order[size - test :] for order in orders])
            all_hits = [hits(kind, features, labels, order[:train], own) for order, own in zip(orders, tests)]
            for first, second in pairs:
                true = 0.0 if kind.startswith("twins") else exact[first] - exact[second]
                differences = np.array([hit[first] - hit[second] for hit in all_hits])
                for splits in SPLITS:
                    some = differences[:splits]
                    mean, variance, of_both = clustered(some, tests[:splits], size)
                    by_split = some.mean(1).var(ddof=1)
                    halves = {
                        "new cases": stats.t.ppf(0.975, DF) * np.sqrt(variance + SHARE * splits * of_both),
                        "clusters alone": stats.t.ppf(0.975, splits - 1) * np.sqrt(variance),
                        "Nadeau and Bengio": stats.t.ppf(0.975, splits - 1)
                        * np.sqrt(by_split * (1 / splits + test / (size - test))),
                    }
                    for name, half in halves.items():
                        shown = np.sign(mean) * (abs(mean) > half)
                        row = (
                            abs(mean - true) <= half,
                            2 * half,
                            shown == np.sign(true) if abs(true) >= LARGE else np.nan,
                            shown == -np.sign(true) if true else np.nan,
                        )
                        covered.setdefault((name, splits), []).append(row)
        for name in ("new cases", "clusters alone", "Nadeau and Bengio"):
            for splits in SPLITS:
                rows = np.array(covered[name, splits], dtype=float)
                covers, width, found, wrong = (column[~np.isnan(column)].mean() if (~np.isnan(column)).any() else np.nan for column in rows.T)
                print(
                    f"{kind:22s} {name:18s} {splits:3d} splits: covers {covers:.3f} (width {width:.3f})"
                    f"  found {found:.3f}  wrong sign {wrong:.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
