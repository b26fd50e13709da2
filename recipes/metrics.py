"""Metrics as the field reports them: functions of gold and predicted, giving shares from 0 to 1.

The libraries are scikit-learn, SciPy and seqeval; SQuAD's two are zoo.tasks.answer_metrics, since
the packages that have them bring a training framework or a data library along. A constant
prediction, or no entity at all, gives 0.0.
"""

import re
import warnings

import numpy as np

MAIN = {
    "classification": "accuracy",
    "pair": "accuracy",
    "multilabel": "micro_f1",
    "regression": "pearson",
    "entities": "f1",
    "words": "accuracy",
    "qa": "f1",
}
"""What a model is chosen by; tagging is `entities` where `is_iob2(names)`, else `words`."""

LESS_IS_BETTER = ("mean_squared_error",)


def classification(gold, predicted, positive=None):
    """Accuracy, Matthews correlation and F1 of classes.

    Args:
        gold, predicted: N labels each (str or int).
        positive: the label whose F1 is given as `f1` (two labels, such as MRPC's "1"); None: none.

    Returns: dict of float: accuracy, matthews (-1 to 1), macro_f1, micro_f1 and maybe f1.
    Raises: ValueError for unequal numbers or none.
    """
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    gold, predicted = _checked(gold, predicted)
    one_label = len(np.unique(np.concatenate([gold, predicted]))) < 2
    scores = {
        "accuracy": accuracy_score(gold, predicted),
        "matthews": 0.0 if one_label else matthews_corrcoef(gold, predicted),
        "macro_f1": f1_score(gold, predicted, average="macro", zero_division=0),
        "micro_f1": f1_score(gold, predicted, average="micro", zero_division=0),
    }
    if positive is not None:
        only = {"labels": [positive], "average": "micro", "zero_division": 0}
        scores["f1"] = f1_score(gold, predicted, **only)
    return _floats(scores)


def multilabel(gold, predicted):
    """F1 over all decisions and over labels, and the share of rows that are wholly right.

    Args:
        gold, predicted: (N, K) of 0 and 1 each, as `label_ids` gives them.

    Returns: dict of float: micro_f1, macro_f1, exact_match.
    Raises: ValueError for unequal shapes or no rows.
    """
    from sklearn.metrics import f1_score

    gold, predicted = _checked(gold, predicted)
    if gold.ndim != 2 or gold.shape != predicted.shape:
        raise ValueError(
            f"gold and predicted must be (rows, labels) alike, got {gold.shape}, {predicted.shape}"
        )
    # One column would be read as a single class, of which 0 counts too.
    columns = range(gold.shape[1])
    flat = {"labels": [1], "average": "micro", "zero_division": 0}
    each = [f1_score(gold[:, column], predicted[:, column], **flat) for column in columns]
    return _floats(
        {
            "micro_f1": f1_score(gold.ravel(), predicted.ravel(), **flat),
            "macro_f1": np.mean(each),
            "exact_match": np.mean(np.all(gold == predicted, axis=1)),
        }
    )


def regression(gold, predicted):
    """Correlations, and the mean squared error.

    Args:
        gold, predicted: N numbers each.

    Returns: dict of float: pearson, spearman (-1 to 1), pearson_spearman (their mean, as GLUE
        reports STS-B) and mean_squared_error, in squared units of the score.
    Raises: ValueError for unequal numbers, none, or one that is not finite.
    """
    from scipy.stats import pearsonr, spearmanr

    gold, predicted = (np.asarray(values, "float64") for values in _checked(gold, predicted))
    if not (np.isfinite(gold).all() and np.isfinite(predicted).all()):
        raise ValueError("gold and predicted must be finite: the model may have diverged")
    with warnings.catch_warnings():
        # Of values that are equal, or nearly so, these say that the result is not defined.
        warnings.simplefilter("ignore")
        few = len(gold) < 2
        pearson, spearman = (
            0.0 if few else np.nan_to_num(correlation(gold, predicted).statistic)
            for correlation in (pearsonr, spearmanr)
        )
    error = np.mean((gold - predicted) ** 2)
    mean = (pearson + spearman) / 2
    return _floats(
        {
            "pearson": pearson,
            "spearman": spearman,
            "pearson_spearman": mean,
            "mean_squared_error": error,
        }
    )


def is_iob2(names):
    """Whether tags name entities: all are O, B-type or I-type, and there is a B-type."""
    entities = [name for name in names if name != "O"]
    return all(re.fullmatch("[BI]-.+", name) for name in entities) and any(
        name.startswith("B-") for name in entities
    )


def entities(gold, predicted):
    """Precision, recall and F1 of whole entities by seqeval in strict mode with scheme IOB2.

    An entity is right if its type and both its ends are; an I that no B opens is no entity.

    Args:
        gold, predicted: lists of lists of IOB2 tags, one a word.

    Returns: dict of float: precision, recall, f1, token_accuracy (all tags, O too).
    Raises: ValueError for unequal numbers of sentences or words, or tags that are not IOB2.
    """
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    _check_words(gold, predicted)
    names = {tag for sentences in (gold, predicted) for tags in sentences for tag in tags}
    wrong = sorted(name for name in names if not re.fullmatch("O|[BI]-.+", name))
    if wrong:
        raise ValueError(f"tags must be O, B-type or I-type, got {', '.join(wrong)}")
    strict = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    return _floats(
        {
            "precision": precision_score(gold, predicted, **strict),
            "recall": recall_score(gold, predicted, **strict),
            "f1": f1_score(gold, predicted, **strict),
            "token_accuracy": words(gold, predicted)["accuracy"],
        }
    )


def words(gold, predicted):
    """The share of words whose tag is right, and the mean F1 of the tags.

    Args:
        gold, predicted: lists of lists of tags, one a word.

    Returns: dict of float: accuracy, macro_f1.
    Raises: ValueError for unequal numbers of sentences or words.
    """
    _check_words(gold, predicted)
    flat = ([tag for tags in sentences for tag in tags] for sentences in (gold, predicted))
    scores = classification(*flat)
    return {name: scores[name] for name in ("accuracy", "macro_f1")}


def qa(gold, predicted):
    """Exact match and F1 of answers, as SQuAD 2.0 counts them (Rajpurkar et al. 2018).

    A question's score is the best over its gold answers; one without answers wants "".

    Args:
        gold: list of lists of str, the right answers; an empty list: the context has none.
        predicted: list of str; "" says that there is none.

    Returns: dict of float: exact_match, f1; with questions of both sorts also answerable_ and
        unanswerable_exact_match and _f1.
    Raises: ValueError for unequal numbers or none.
    """
    from zoo.tasks.answer_metrics import answer_exact, answer_f1, normalize_answer

    _check_numbers(gold, predicted)
    rows = []
    for answers, answer in zip(gold, predicted, strict=True):
        answers = [text for text in answers if normalize_answer(text)] or [""]
        rows.append(
            [max(score(text, answer) for text in answers) for score in (answer_exact, answer_f1)]
        )
    rows, answerable = np.array(rows), np.array([len(answers) > 0 for answers in gold])
    parts = {"": np.ones(len(rows), bool)}
    if answerable.any() and not answerable.all():
        parts |= {"answerable_": answerable, "unanswerable_": ~answerable}
    scores = {}
    for part, chosen in parts.items():
        means = rows[chosen].mean(0)
        scores |= {f"{part}exact_match": means[0], f"{part}f1": means[1]}
    return _floats(scores)


def _checked(gold, predicted):
    _check_numbers(gold, predicted)
    return np.asarray(gold), np.asarray(predicted)


def _check_numbers(gold, predicted):
    if len(gold) != len(predicted) or len(gold) == 0:
        raise ValueError(
            f"gold and predicted must be equally many, got {len(gold)} and {len(predicted)}"
        )


def _check_words(gold, predicted):
    _check_numbers(gold, predicted)
    for row, (tags, others) in enumerate(zip(gold, predicted, strict=True)):
        if len(tags) != len(others):
            raise ValueError(
                f"sentence {row} has {len(tags)} gold tags, but {len(others)} predicted ones"
            )


def _floats(scores):
    return {name: float(score) for name, score in scores.items()}
