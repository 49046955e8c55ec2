"""LightGBM's trees, held as the text that was hashed: raw scores and contributions, one thread, all trees.

LightGBM takes columns by position and says nothing when they are swapped, so the names that the text holds must be those
that the caller fills. Contributions come from boosters of their own behind a lock, for `pred_contrib` is not safe to share
(LightGBM #5482): one a score, made of that score's trees, as LightGBM would explain all of them where one is asked for.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Final

import numpy as np

from features.errors import InternalError

ANOTHER: Final = "LightGBM read another model than the text says. Train again, or roll back."
NAMES: Final = re.compile(r"^feature_names=(.*)$", re.MULTILINE)
OUTPUTS: Final = re.compile(r"^num_tree_per_iteration=(\d+)$", re.MULTILINE)
SPLITS: Final = re.compile(
    r"^split_feature=(?P<columns>.*)\n(?:.*\n)*?threshold=(?P<values>.*)\ndecision_type=(?P<types>.*)$", re.MULTILINE
)
CATEGORICAL: Final = 1
"""The bit of a split's type that says so."""
HEAD: Final = {"num_class": "1", "num_tree_per_iteration": "1", "objective": "regression"}
"""What the text of one score's trees says otherwise; the sizes of trees, which only let them be read side by side, are left out."""


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
    _explainers: dict[int, Any] = field(default_factory=dict, repr=False)

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

    def contributions(self, values: np.ndarray, score: int = 0) -> np.ndarray:
        """What each feature adds to one of the raw scores (TreeSHAP, Lundberg et al. 2018).

        Args:
            values: (r, k) float32.
            score: Its place.

        Returns:
            (r, k + 1) float64, the bias last; a row sums to its raw score.
        """
        with self._lock:
            if score not in self._explainers:
                self._explainers[score] = self._load(self.text if self.n_scores == 1 else of_score(self.text, score))
            found = self._explainers[score].predict(values, pred_contrib=True, num_threads=1)
        return np.asarray(found, np.float64).reshape(len(values), len(self.names) + 1)

    @cached_property
    def booster(self) -> Any:
        """The booster that predicts."""
        booster = self._load(self.text)
        if booster.num_model_per_iteration() != self.n_scores:
            raise InternalError(ANOTHER)
        return booster

    @cached_property
    def thresholds(self) -> dict[str, np.ndarray]:
        """Column to the ascending values at which it is split: up to one goes left, above it right; none of categories."""
        found: dict[int, set[float]] = {}
        for kinds in SPLITS.finditer(self.text):
            columns, values, types = (kinds[name].split() for name in ("columns", "values", "types"))
            for column, value, kind in zip(columns, values, types, strict=True):
                if not int(kind) & CATEGORICAL:
                    found.setdefault(int(column), set()).add(float(value))
        return {self.names[column]: np.array(sorted(values)) for column, values in sorted(found.items())}

    def _load(self, text: str) -> Any:
        import lightgbm  # 2.5 s, and only scoring needs it

        booster = lightgbm.Booster(model_str=text)
        if booster.num_feature() != len(self.names):
            raise InternalError(ANOTHER)
        return booster


def of_score(text: str, score: int) -> str:
    """The model text of one score's trees, of which a text holds every `num_tree_per_iteration`-th."""
    outputs = OUTPUTS.search(text)
    assert outputs is not None
    body, end, tail = text.partition("\nend of trees")
    head, *trees = re.split(r"^Tree=\d+$", body, flags=re.MULTILINE)
    lines = []
    for line in head.splitlines():
        key = line.split("=", 1)[0]
        if key != "tree_sizes":
            lines.append(f"{key}={HEAD[key]}" if key in HEAD else line)
    own = (f"Tree={n}{tree.rstrip()}\n\n\n" for n, tree in enumerate(trees[score :: int(outputs[1])]))
    return "\n".join([*lines, "", *own]) + end + tail
