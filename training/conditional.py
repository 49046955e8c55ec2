"""Grow trees for a conditional logit: rows come in sets of c candidates of which one was chosen, and compete in a softmax.

LightGBM is given the gradient and the diagonal of the Hessian of the log likelihood (McFadden 1974, in Zarembka, Frontiers in
Econometrics, equation 12; the diagonal as in Chen & Guestrin 2016, section 2.2):

    p = softmax_c(score),    gradient = p - chosen,    hessian = p (1 - p)
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax

from .fit import OURS, Fitted, boost


def grow(
    values: np.ndarray,
    start: np.ndarray,
    chosen: np.ndarray,
    fits: np.ndarray,
    stop: np.ndarray,
    names: Sequence[str],
    params: Mapping[str, Any],
    *,
    rounds: int,
    patience: int,
    seed: int,
    label: str,
) -> Fitted:
    """Find how many rounds later sets gain from, then boost so many on all.

    Args:
        values: (r · c, k) float32, candidate after candidate, in a fixed order.
        start: (r, c) float64 scores that the trees begin from, which are no part of the model's text.
        chosen: (r,) int64 which candidate it was.
        fits: (r,) bool, the sets that trees are grown on while the number of rounds is found.
        stop: (r,) bool, the sets that end it.
        names: (k,) columns.
        params: LightGBM's, of the spec.
        rounds: At most.
        patience: Rounds without a lower log loss on `stop`.
        seed: Of all that LightGBM draws.
        label: For the progress bars.
    """
    import lightgbm

    c = start.shape[1]
    whole = values.reshape(len(start), c, -1)
    binned = {**params, **OURS, "seed": seed}

    def dataset(rows: np.ndarray | slice, reference: Any = None) -> Any:
        taken = whole[rows].reshape(-1, whole.shape[2])
        truth = (np.arange(c) == chosen[rows][:, None]).ravel().astype(np.float32)
        return lightgbm.Dataset(
            taken,
            truth,
            init_score=start[rows].ravel(),
            reference=reference,
            feature_name=list(names),
            params=binned,
        )

    def objective(scores: np.ndarray, data: Any) -> tuple[np.ndarray, np.ndarray]:
        p = softmax(scores.reshape(-1, c), axis=1).ravel()
        return p - data.get_label(), np.maximum(p * (1 - p), 1e-6)

    def loss(scores: np.ndarray, data: Any) -> tuple[str, float, bool]:
        logs = log_softmax(scores.reshape(-1, c), axis=1).ravel()
        return "log_loss", float(-(logs * data.get_label()).sum() / (len(logs) / c)), False

    full = {**binned, "objective": objective, "metric": "none"}
    fitted = boost(full, dataset, fits, stop, rounds=rounds, patience=patience, label=label, loss=loss)
    return replace(fitted, params={**binned, "objective": "conditional logit"})
