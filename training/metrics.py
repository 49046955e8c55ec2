"""How good probabilities are: six measures, each with a 95 % interval from a bootstrap over users.

log_loss            mean of -ln p(what happened)
brier               two classes: mean of (p - y)²; more: mean over rows of the sum over classes of (p_k - y_k)² (Brier 1950)
auc                 area under the ROC curve; more than two classes: each against the rest, unweighted mean over classes
average_precision   area under the precision-recall steps; more than two classes: likewise
ece                 expected calibration error, class by class in bins of equal mass, unweighted mean over classes
lift_10             of the tenth with the largest P(last class), buying or churned: its rate over the rate of all
"""

from typing import Any, Final

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from .resample import N_BINS, TOP, Resamples, bins_of, measure

NAMES: Final = ("log_loss", "brier", "auc", "average_precision", "ece", "lift_10")
Measure = dict[str, Any]
"""`{"value", "low", "high"}`; all null, with a `reason`, where the measure is not defined."""


def evaluate(labels: np.ndarray, probabilities: np.ndarray, resamples: Resamples) -> dict[str, Measure]:
    """All measures of one model on one set of rows.

    Args:
        labels: (r,) int64 class.
        probabilities: (r, c), rows sum to 1.
        resamples: Draws of the rows' users.

    Returns:
        Name to measure, in the order of `NAMES`.
    """
    n_classes = probabilities.shape[1]
    # A class that no row shows cannot be ranked; with two classes, the second one stands for both.
    ranked = [k for k in (range(n_classes) if n_classes > 2 else [1]) if 0 < np.sum(labels == k) < len(labels)]
    draws = {k: measure(probabilities[:, k], labels == k, resamples) for k in (ranked or [n_classes - 1])}
    over_classes = np.mean([draws[k] for k in draws], axis=0)
    chances = [(labels == k, probabilities[:, k]) for k in ranked]
    out = {
        "log_loss": interval(
            log_loss(labels, probabilities, labels=range(n_classes)), resamples.mean(losses(labels, probabilities))
        ),
        "brier": interval(brier(labels, probabilities), resamples.mean(squares(labels, probabilities))),
    }
    if not ranked:
        missing = undefined(f"all {len(labels)} test rows are of one class")
        calibration = interval(calibration_error(labels, probabilities), over_classes[:, 2])
        return out | {"auc": missing, "average_precision": missing, "ece": calibration, "lift_10": missing}
    out["auc"] = interval(np.mean([roc_auc_score(y, p) for y, p in chances]), over_classes[:, 0])
    out["average_precision"] = interval(
        np.mean([average_precision_score(y, p) for y, p in chances]), over_classes[:, 1]
    )
    out["ece"] = interval(calibration_error(labels, probabilities), over_classes[:, 2])
    last = n_classes - 1
    if last in draws:
        out["lift_10"] = interval(lift(labels == last, probabilities[:, last]), draws[last][:, 3])
    else:
        out["lift_10"] = undefined("no test row is of the last class")
    return out


def difference(labels: np.ndarray, ours: np.ndarray, theirs: np.ndarray, resamples: Resamples) -> Measure:
    """Log loss of `ours` minus that of `theirs`, paired: both on the same rows under the same draws; below 0, ours is better."""
    gap = losses(labels, ours) - losses(labels, theirs)
    return interval(float(gap.mean()), resamples.mean(gap))


def interval(value: float, draws: np.ndarray) -> Measure:
    """A value with its 95 % interval: the draws' percentiles, less the draws' own bias.

    A resample is noisier than the sample, which pushes the calibration error up and would leave its value outside; the
    bias of the draws, their mean minus the value, is therefore taken off (Efron & Tibshirani 1993, section 10.6).
    """
    known = draws[np.isfinite(draws)]
    if 2 * len(known) < len(draws) or not np.isfinite(value):
        return {"value": float(value), "low": None, "high": None, "reason": "too few users for an interval"}
    low, high = np.quantile(known, [0.025, 0.975]) - known.mean() + value
    return {"value": float(value), "low": float(min(low, value)), "high": float(max(high, value))}


def undefined(reason: str) -> Measure:
    """A measure that does not exist here, and why."""
    return {"value": None, "low": None, "high": None, "reason": reason}


def losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(r,) -ln of the probability given to what happened."""
    eps = np.finfo(np.float64).eps
    out: np.ndarray = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], eps, 1 - eps))
    return out


def squares(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(r,) squared errors, as `brier` averages them."""
    truth = np.arange(probabilities.shape[1]) == labels[:, None]
    out: np.ndarray = np.sum((probabilities - truth) ** 2, axis=1) / (2 if probabilities.shape[1] == 2 else 1)
    return out


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Brier score; for more than two classes the sum over classes, between 0 and 2."""
    n_classes = probabilities.shape[1]
    if n_classes == 2:
        return float(brier_score_loss(labels, probabilities[:, 1], labels=[0, 1]))
    return float(brier_score_loss(labels, probabilities, labels=list(range(n_classes))))


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, n_bins: int = N_BINS) -> float:
    """Expected calibration error, class-wise, in bins of equal mass.

    For a class k whose scores fall into bins B: sum over B of |B|/r · |mean of p_k in B - share of class k in B|; the mean
    over classes (Nixon et al. 2019, "Measuring calibration in deep learning", equations 4 and 6). With two classes, one
    stands for both. A perfect model's is above 0: about 0.8·sqrt(p(1-p)·bins/r).
    """
    n_classes = probabilities.shape[1]
    errors = []
    for k in range(n_classes) if n_classes > 2 else [1]:
        gap = probabilities[:, k] - (labels == k)
        errors.append(np.abs(np.bincount(bins_of(probabilities[:, k], n_bins), gap)).sum() / len(labels))
    return float(np.mean(errors))


def lift(positive: np.ndarray, scores: np.ndarray) -> float:
    """Rate among the top tenth by score over the rate of all; of a tie at the border, the share that fits counts."""
    limit = TOP * len(scores)
    values, place, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    before = np.cumsum(sizes) - sizes
    taken = np.clip((limit - before) / sizes, 0, 1)
    hits = np.bincount(place, positive, len(values))
    return float((hits * taken).sum() / TOP / positive.sum())
