"""The scorer: one target's booster and calibrator, from a feature matrix to calibrated probabilities and their reasons.

LightGBM takes columns by position and says nothing when they are swapped, so the input is built by name and the names that
the booster's own text holds must be the same. The booster is made from the text that was hashed, with one thread and all
its trees; reasons come from a booster of their own behind a lock, for `pred_contrib` is not safe to share (LightGBM #5482).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Final

import numpy as np

from features.errors import DamagedError, InternalError
from features.matrix import Matrix

from .calibration import Calibrator, probabilities
from .targets import Target

NAMES: Final = re.compile(r"^feature_names=(.*)$", re.MULTILINE)
OUTPUTS: Final = re.compile(r"^num_tree_per_iteration=(\d+)$", re.MULTILINE)


__all__ = ["TargetModel", "probabilities"]


@dataclass(frozen=True, eq=False)
class TargetModel:
    """A trained target.

    Attributes:
        target: What is foreseen, as it was trained: stages that the log could not show are left out of its rules.
        trained: Places, in `target.classes`, of the classes that training saw; the others have probability 0. Two make
            the booster's objective `binary`, more `multiclass`, whose classes are these in order.
        names: (k,) names of the booster's features, in its order.
        vocabularies: Categorical feature to its codes by text.
        booster_text: LightGBM's model text, cut to the best iteration.
        calibrator: Of the trained classes.
        base_rates: (c,) float64 share of every class among training's rows.

    Raises:
        DamagedError: The parts do not belong together.
    """

    target: Target
    trained: tuple[int, ...]
    names: tuple[str, ...]
    vocabularies: Mapping[str, Mapping[str, int]]
    booster_text: str = field(repr=False)
    calibrator: Calibrator
    base_rates: np.ndarray
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        places = range(len(self.target.classes))
        if (
            len(self.trained) < 2
            or sorted(set(self.trained)) != list(self.trained)
            or not set(self.trained) <= set(places)
        ):
            raise self._damaged(f"its trained classes {self.trained} are not two or more of {list(places)}")
        names, outputs = NAMES.search(self.booster_text), OUTPUTS.search(self.booster_text)
        if names is None or tuple(names[1].split()) != self.names:
            raise self._damaged("the booster was trained with other features, or in another order")
        if outputs is None or int(outputs[1]) != self.n_scores:
            raise self._damaged(f"the booster does not give {self.n_scores} scores a row")
        if not self.calibrator.fits(len(self.trained)):
            raise self._damaged(f"its calibrator is not one of {len(self.trained)} classes")
        if np.shape(self.base_rates) != (len(places),) or not np.isfinite(self.base_rates).all():
            raise self._damaged(f"its base rates are not {len(places)} numbers")
        if not set(self.vocabularies) <= set(self.names):
            raise self._damaged("it has a vocabulary of a feature that it does not use")

    @property
    def n_scores(self) -> int:
        """Raw scores a row: 1 for two trained classes, else one each."""
        return 1 if len(self.trained) == 2 else len(self.trained)

    def ready(self) -> "TargetModel":
        """The same, its booster loaded; the first use would load it else."""
        self._booster  # noqa: B018 - loading is the effect
        return self

    def predict(self, matrix: Matrix) -> np.ndarray:
        """Calibrated probabilities; a row's do not depend on the other rows, to the bit.

        Args:
            matrix: Has every feature of `names` and the column `target.cohort_column`.

        Returns:
            (r, c) float64; rows in the cohort sum to 1, the others are NaN; a class that training never saw is 0.

        Raises:
            SpecError: The matrix lacks a feature.
        """
        out = np.full((len(matrix.person), len(self.target.classes)), np.nan)
        inside = np.flatnonzero(self.target.eligible(matrix))
        if len(inside):
            raw = self.raw(matrix, None if len(inside) == len(out) else inside)
            found = np.zeros((len(inside), out.shape[1]))
            found[:, self.trained] = self.calibrator.apply(probabilities(raw))
            out[inside] = found
        return out

    def raw(self, matrix: Matrix, rows: np.ndarray | None = None) -> np.ndarray:
        """(r, n_scores) float64 raw scores of `rows`, all where None, in the cohort or not."""
        found = np.asarray(self._booster.predict(self._input(matrix, rows), raw_score=True, num_threads=1), np.float64)
        return found.reshape(len(found), self.n_scores)

    def contributions(self, matrix: Matrix, rows: np.ndarray, class_index: int) -> np.ndarray:
        """What each feature adds to the raw score of a class (TreeSHAP, Lundberg et al. 2018): exact and signed.

        Args:
            matrix: As for `predict`.
            rows: (r,) places of its rows.
            class_index: Place in `target.classes`. Of two trained classes the first's score is minus the second's; a class
                never trained has no score, and zeros here.

        Returns:
            (r, k) float64 in the order of `names`. With `expected(class_index)` a row sums to the class's raw score.
        """
        return self._explained(matrix, rows, class_index)[:, :-1]

    def expected(self, class_index: int) -> float:
        """The class's raw score before any feature is known: the mean over training's rows."""
        return float(self._oriented(self._unknown, class_index)[0, -1])

    def _explained(self, matrix: Matrix, rows: np.ndarray, class_index: int) -> np.ndarray:
        return self._oriented(self._contrib(self._input(matrix, rows)), class_index)

    def _oriented(self, contrib: np.ndarray, class_index: int) -> np.ndarray:
        """(r, k + 1) contributions and bias of one class, out of (r, n_scores, k + 1)."""
        if class_index not in self.trained:
            return np.zeros((len(contrib), contrib.shape[2]))
        place = self.trained.index(class_index)
        of_class: np.ndarray = contrib[:, 0 if self.n_scores == 1 else place]
        return -of_class if self.n_scores == 1 and place == 0 else of_class

    def _contrib(self, values: np.ndarray) -> np.ndarray:
        with self._lock:
            found = np.asarray(self._explainer.predict(values, pred_contrib=True, num_threads=1), np.float64)
        return found.reshape(len(values), self.n_scores, len(self.names) + 1)

    def _input(self, matrix: Matrix, rows: np.ndarray | None) -> np.ndarray:
        """(r, k) float32 by name."""
        return (matrix if rows is None else matrix.take(rows)).model_input(self.names, self.vocabularies)

    @cached_property
    def _unknown(self) -> np.ndarray:
        """Contributions of a row of which nothing is known; the bias, last, is every row's."""
        return self._contrib(np.full((1, len(self.names)), np.nan, np.float32))

    @cached_property
    def _booster(self) -> Any:
        return self._load()

    @cached_property
    def _explainer(self) -> Any:
        return self._load()

    def _load(self) -> Any:
        import lightgbm  # 2.5 s, and only scoring needs it

        booster = lightgbm.Booster(model_str=self.booster_text)
        if booster.num_feature() != len(self.names) or booster.num_model_per_iteration() != self.n_scores:
            raise InternalError(f"LightGBM read another model than the text of {self.target.name} says.")
        return booster

    def _damaged(self, what: str) -> DamagedError:
        return DamagedError(f"The model of {self.target.name} cannot be used: {what}. Train again, or roll back.")
