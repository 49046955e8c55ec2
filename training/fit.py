"""Grow one target's trees: LightGBM, the same text out for the same rows in, ended early on later rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.progress import progress
from models.scorer import probabilities

THREADS: Final = 2

OURS: Final[dict[str, Any]] = {
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": THREADS,
    "verbosity": -1,
    "feature_pre_filter": False,
}
"""What no spec may set: equal rows give equal trees, at any load of the machine."""


FEWEST: Final = 10
"""Rows that a leaf has at least, however small the shop."""

SHARE: Final = 20
"""There must be so many times the rows of the spec's smallest leaf, or the leaves are made smaller."""

LEAVES: Final = 4
"""Of a small shop's trees."""


def fitting(params: Mapping[str, Any], n_rows: int) -> dict[str, Any]:
    """LightGBM's parameters for so many training rows.

    Leaves of hundreds of rows, which many rows want, leave a shop of fifty buyers without a single split, and LightGBM's own
    of 20 rows learn it by heart: small leaves, and few of them, gain most (docs/results.md, "Small shops").

    Args:
        params: Of the spec.
        n_rows: Rows to train on.

    Returns:
        The same from `SHARE` times the spec's `min_data_in_leaf` rows on; below, smaller leaves and at most `LEAVES` of them.
    """
    least, n = params.get("min_data_in_leaf", FEWEST), max(FEWEST, n_rows // SHARE)
    if n >= least:
        return dict(params)
    return {**params, "min_data_in_leaf": n, "num_leaves": min(LEAVES, params.get("num_leaves", LEAVES))}


@dataclass(frozen=True, slots=True)
class Rows:
    """Model input.

    Attributes:
        values: (r, k) float32; NaN is missing, a categorical column holds codes.
        labels: (r,) int64 class, from 0.
        weight: (r,) float64, how many rows each stands for; None for one.
        offset: (r,) float64 raw score that the trees begin from, and which is no part of the model's text; None for none.
    """

    values: np.ndarray
    labels: np.ndarray
    weight: np.ndarray | None = None
    offset: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A booster with all the rounds that it is to have.

    Attributes:
        text: LightGBM's model text.
        rounds: Boosting rounds.
        params: All parameters it was trained with.
        gain: (k,) float64 total gain of each feature's splits.
        splits: (k,) int64 number of each feature's splits.
        curve: (rounds tried,) log loss on the early stopping rows, by round.
    """

    text: str
    rounds: int
    params: dict[str, Any]
    gain: np.ndarray
    splits: np.ndarray
    curve: np.ndarray

    def raw(self, values: np.ndarray) -> np.ndarray:
        """Raw scores of (r, k) float32 rows."""
        from lightgbm import Booster

        found: np.ndarray = Booster(model_str=self.text).predict(values, raw_score=True, num_threads=THREADS)
        return found

    def predict(self, values: np.ndarray) -> np.ndarray:
        """(r, c) uncalibrated probabilities, as the scorer reads them."""
        return probabilities(self.raw(values))


def fit(
    train: Rows,
    grow: np.ndarray,
    stop: np.ndarray,
    names: Sequence[str],
    categorical: Sequence[str],
    n_classes: int,
    params: Mapping[str, Any],
    *,
    rounds: int,
    patience: int,
    seed: int,
    label: str,
) -> Fitted:
    """Find how many rounds later rows gain from, then boost so many on all.

    Args:
        train: All rows, in a fixed order: another order gives another model.
        grow: (r,) bool, the rows that trees are grown on while the number of rounds is found.
        stop: (r,) bool, the rows that end it: after `patience` rounds without a lower log loss on them.
        names: (k,) feature names.
        categorical: Those that hold codes.
        n_classes: Two or more.
        params: LightGBM's, of the spec.
        rounds: At most.
        patience: In rounds.
        seed: Of all that LightGBM draws.
        label: For the progress bars.
    """
    import lightgbm

    binary = n_classes == 2
    metric = "binary_logloss" if binary else "multi_logloss"
    task = {"objective": "binary"} if binary else {"objective": "multiclass", "num_class": n_classes}
    full = {**params, **task, **OURS, "metric": metric, "seed": seed}
    binned = {name: value for name, value in full.items() if name not in {"metric", *task}}

    def dataset(rows: np.ndarray | slice, reference: Any = None) -> Any:
        return lightgbm.Dataset(
            train.values[rows],
            train.labels[rows].astype(np.float32),
            weight=None if train.weight is None else train.weight[rows],
            init_score=None if train.offset is None else train.offset[rows],
            reference=reference,
            feature_name=list(names),
            categorical_feature=list(categorical),
            params=binned,
        )

    return boost(full, dataset, grow, stop, rounds=rounds, patience=patience, label=label)


def boost(
    params: dict[str, Any],
    dataset: Callable[..., Any],
    grow: np.ndarray,
    stop: np.ndarray,
    *,
    rounds: int,
    patience: int,
    label: str,
    loss: Callable[..., tuple[str, float, bool]] | None = None,
) -> Fitted:
    """`fit`, whatever a row is and whatever is lost on it.

    Args:
        params: All of LightGBM's.
        dataset: Makes LightGBM's of a mask or a slice of the rows, and of one whose bins it is to have.
        grow: See `fit`; likewise the rest.
        stop: …
        rounds: …
        patience: …
        label: …
        loss: LightGBM's `feval` that ends the growing; None for the metric in `params`.
    """
    import lightgbm

    found: dict[str, dict[str, list[float]]] = {}
    data = dataset(grow)
    with progress(f"{label}: how long", rounds) as advance:
        trial = lightgbm.train(
            params,
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
    # More rows carry more trees; the root is between none more (best on one data set) and in proportion (too many).
    best = min(rounds, math.ceil(max(1, trial.best_iteration) * math.sqrt(len(grow) / grow.sum())))
    with progress(label, best) as advance:
        booster = lightgbm.train(params, dataset(slice(None)), num_boost_round=best, callbacks=[_step(advance)])
    (curve,) = found["stop"].values()
    return Fitted(
        text=booster.model_to_string(),
        rounds=best,
        params=params,
        gain=booster.feature_importance("gain"),
        splits=booster.feature_importance("split"),
        curve=np.array(curve),
    )


def _step(advance: Callable[[int], None]) -> Callable[[Any], None]:
    def callback(env: Any) -> None:  # noqa: ARG001 - LightGBM hands it
        advance(1)

    return callback
