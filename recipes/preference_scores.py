"""How well rewards tell which answer is preferred, and whether better than simple rules.

A comparison is a pair of texts, the preferred one first. Tests are paired: both methods judge the
same comparisons.
"""

import math
import os

import numpy as np


def comparisons_of(ranking):
    """Index pairs (preferred, other) of a `recipes.data.chat_files.Ranking`."""
    ranks = ranking.ranks
    count = range(len(ranks))
    return [(i, j) for i in count for j in count if ranks[i] < ranks[j]]


def is_right(margins):
    """1 where the margin is above 0, one half where it is 0, else 0: float (n,)."""
    return 0.5 * (1.0 + np.sign(margins))


def accuracy(right):
    """{"accuracy", "low", "high", "comparisons"}: with Wilson's 95 % interval (Wilson 1927)."""
    count, share, z = len(right), float(np.mean(right)), 1.959964
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    spread = z / (1 + z * z / count)
    spread *= math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return {
        "accuracy": share,
        "low": centre - spread,
        "high": centre + spread,
        "comparisons": count,
    }


def paired_test(right, other):
    """McNemar's exact test (1947) of two methods on the same comparisons.

    Args:
        right, other: float (n,) of `is_right`; ties, one half, count for neither.

    Returns:
        {"only_first", "only_second", "p"}: how often one alone is right, and the two-sided
        probability of a difference as great where both are as good.
    """
    from scipy.stats import binomtest

    first = int(np.sum(right - other == 1))
    second = int(np.sum(right - other == -1))
    p = 1.0 if first + second == 0 else binomtest(first, first + second, 0.5).pvalue
    return {"only_first": first, "only_second": second, "p": float(p)}


def longer(pairs):
    """Margins of the rule that the longer text is preferred: float (n,), in characters."""
    return np.array([len(chosen) - len(rejected) for chosen, rejected in pairs], "float64")


def words_and_regression(train_pairs, pairs):
    """Margins by logistic regression on differences of TF-IDF of words and pairs of words.

    Args:
        train_pairs, pairs: lists of (preferred text, other text).

    Returns:
        float (n,), log-odds that the first text of each of `pairs` is preferred.
    """
    import scipy.sparse
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    vectorizer.fit([text for pair in train_pairs for text in pair])

    def differences(some):
        first, second = zip(*some, strict=True)
        return vectorizer.transform(first) - vectorizer.transform(second)

    seen = differences(train_pairs)
    labels = np.repeat([1, 0], seen.shape[0])
    # Both orders, so that the order says nothing.
    model = LogisticRegression(fit_intercept=False, max_iter=1000)
    model.fit(scipy.sparse.vstack([seen, -seen]), labels)
    return model.decision_function(differences(pairs))


def matched_in_length(pairs, ratio=1.1):
    """Which pairs have texts of nearly the same length, at most `ratio` apart: bool (n,)."""
    lengths = np.array([[len(text) for text in pair] for pair in pairs], "float64")
    return lengths.max(axis=1) <= ratio * np.maximum(lengths.min(axis=1), 1.0)


def calibration(margins, bins=10):
    """Predicted against observed: is what is preferred with 70 % so in 70 of 100 cases?

    Each comparison counts in both orders, as either answer could have been named first.

    Args:
        margins: float (n,), reward of the preferred minus that of the other answer.

    Returns:
        {"predicted", "observed", "count": lists over the bins that have any, "error": the mean
        absolute difference, weighed by count}.
    """
    margins = np.concatenate([margins, -margins])
    outcome = np.repeat([1.0, 0.0], len(margins) // 2)
    predicted = 1 / (1 + np.exp(-np.clip(margins, -700, 700)))
    place = np.minimum((predicted * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    some = count > 0
    mean = np.bincount(place, predicted, bins)[some] / count[some]
    seen = np.bincount(place, outcome, bins)[some] / count[some]
    error = float(np.sum(count[some] * np.abs(mean - seen)) / count.sum())
    return {
        "predicted": mean.tolist(),
        "observed": seen.tolist(),
        "count": count[some].tolist(),
        "error": error,
    }


def draw_calibration(found, picture):
    """Draw what `calibration` gives into a PNG, whole or not at all.

    Raises:
        ImportError: matplotlib is missing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="gray", linestyle="--", label="perfect")
    axis.plot(found["predicted"], found["observed"], marker="o", label="reward model")
    axis.set(
        title=f"calibration (error {found['error']:.3f})",
        xlabel="predicted probability of being preferred",
        ylabel="share that is preferred",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axis.grid(alpha=0.3)
    axis.legend()
    temporary = picture.with_name(f".{picture.name}.writing")
    figure.savefig(temporary, format="png", dpi=120)
    os.replace(temporary, picture)
