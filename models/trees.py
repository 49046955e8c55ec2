"""LightGBM's trees, held as the text that was hashed: raw scores and contributions, one thread, all trees.

LightGBM takes columns by position and says nothing when they are swapped, so the names that the text holds must be those
that the caller fills. Contributions come from a booster of their own behind a lock, for `pred_contrib` is not safe to share
(LightGBM #5482).
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Final

import numpy as np

from features.errors import InternalError

NAMES: Final = re.compile(r"^feature_names=(.*)$", re.MULTILINE)
OUTPUTS: Final = re.compile(r"^num_tree_per_iteration=(\d+)$", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Trees:
    """A booster.

    Attributes:
        text: LightGBM's model text.
        names: (k,) its columns, in order.
        n_scores: Raw scores a row.
    """

    text: str = field(repr=False)
    names: tuple[str, ...]
    n_scores: int
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def problem(self) -> str:
        """Why text and names do not belong together; empty where they do."""
        names, outputs = NAMES.search(self.text), OUTPUTS.search(self.text)
        if names is None or tuple(names[1].split()) != self.names:
            return "the booster was trained with other features, or in another order"
        if outputs is None or int(outputs[1]) != self.n_scores:
            return f"the booster does not give {self.n_scores} scores a row"
        return ""

    def raw(self, values: np.ndarray) -> np.ndarray:
        """(r, n_scores) float64 raw scores of (r, k) float32 rows."""
        found = np.asarray(self.booster.predict(values, raw_score=True, num_threads=1), np.float64)
        return found.reshape(len(found), self.n_scores)

    def contributions(self, values: np.ndarray) -> np.ndarray:
        """(r, n_scores, k + 1) float64: what each feature adds, and last the bias (TreeSHAP, Lundberg et al. 2018)."""
        with self._lock:
            found = np.asarray(self._explainer.predict(values, pred_contrib=True, num_threads=1), np.float64)
        return found.reshape(len(values), self.n_scores, len(self.names) + 1)

    @cached_property
    def booster(self) -> Any:
        """The booster that predicts."""
        return self._load()

    @cached_property
    def _explainer(self) -> Any:
        return self._load()

    def _load(self) -> Any:
        import lightgbm  # 2.5 s, and only scoring needs it

        booster = lightgbm.Booster(model_str=self.text)
        if booster.num_feature() != len(self.names) or booster.num_model_per_iteration() != self.n_scores:
            raise InternalError("LightGBM read another model than the text says. Train again, or roll back.")
        return booster
