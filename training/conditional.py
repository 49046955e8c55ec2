"""Grow trees for a conditional logit: rows come in sets of c candidates of which one was chosen, and compete in a softmax.

LightGBM is given the gradient and the diagonal of the Hessian of the log likelihood (McFadden 1974, in Zarembka, Frontiers in
Econometrics, equation 12; the diagonal as in Chen & Guestrin 2016, section 2.2):

    p = softmax_c(score),    gradient = p - chosen,    hessian = p (1 - p)
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax

from features.progress import progress

from .fit import OURS, Fitted, _step


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

    found: dict[str, dict[str, list[float]]] = {}
    full = {**binned, "objective": objective, "metric": "none"}
    data = dataset(fits)
    with progress(f"{label}: how long", rounds) as advance:
        trial = lightgbm.train(
            full,
            data,
            num_boost_round=rounds,
            valid_sets=[dataset(stop, data)],
            valid_names=["stop"],
            feval=loss,
            callbacks=[
                lightgbm.early_stopping(patience, verbose=False),
                lightgbm.record_evaluation(found),
                _step(advance),
            ],
        )
    best = min(rounds, math.ceil(max(1, trial.best_iteration) * math.sqrt(len(start) / fits.sum())))
    with progress(label, best) as advance:
        booster = lightgbm.train(full, dataset(slice(None)), num_boost_round=best, callbacks=[_step(advance)])
    return Fitted(
        text=booster.model_to_string(),
        rounds=best,
        params={**binned, "objective": "conditional logit"},
        gain=booster.feature_importance("gain"),
        splits=booster.feature_importance("split"),
        curve=np.array(found["stop"]["log_loss"]),
    )
