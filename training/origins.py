"""A target at several rolling origins: learned again as of earlier ends of the log, and judged on the weeks that then followed.

One split tells how well a model did in one season. An earlier origin is a whole training on a log that ends earlier: nothing of
its test weeks, nor of what came after, is in its rows, its vocabularies, its calibration or its baselines (rolling-origin
evaluation: Tashman 2000, Int. J. Forecasting 16). The model that answers is the newest origin's.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from features.errors import TooLittleDataError
from models.spec import Spec

from .learn import N_DRAWS, Learned, Shop
from .metrics import interval, losses
from .resample import draw

SHARE: Final = 3
"""An earlier origin learns from so many times fewer rows, which bounds the time that it takes."""


def rolling(shop: Shop, spec: Spec, newest: Learned, n: int, learn: Callable[[Shop, Spec], Learned]) -> dict[str, Any]:
    """The figures of `n` origins and of all together.

    Args:
        shop: What the newest origin was learned from.
        spec: How.
        newest: What was learned.
        n: Number of origins, the newest among them.
        learn: Learns a target of this kind.

    Returns:
        `each`, the newest first: `test` (from and until, of cutoffs), `n_train`, `n_test`, `log_loss`, `baseline` (the best by
        name), `baseline_log_loss`, `difference` to it; and `mean`: the same figures over all origins' rows, `difference` being
        to each origin's best baseline, its interval from whole users drawn over all origins. `notes` where the log has room for
        fewer origins.
    """
    found, notes = [newest], []
    for place in range(1, n):
        earlier = replace(
            shop, end=found[-1].split.test[0], answers=False
        )  # the last label window ends as the next test part begins
        fewer = replace(spec.split, max_rows=max(100, spec.split.max_rows // SHARE))
        try:
            found.append(learn(earlier, replace(spec, split=fewer)))
        except TooLittleDataError:
            notes.append(f"The log has room for {place} of {n} origins.")
            break
    each = [figures(one) for one in found]
    gaps = np.concatenate([gap for _, gap, _ in each])
    users = np.concatenate([one for _, _, one in each])
    total = sum(told["n_test"] for told, _, _ in each)
    mean = {
        "origins": len(each),
        "n_test": total,
        "log_loss": sum(told["log_loss"] * told["n_test"] for told, _, _ in each) / total,
        "baseline_log_loss": sum(told["baseline_log_loss"] * told["n_test"] for told, _, _ in each) / total,
        "difference": interval(float(gaps.mean()), draw(users, N_DRAWS, shop.seed).mean(gaps)),
    }
    return {"each": [told for told, _, _ in each], "mean": mean, "notes": notes}


def figures(one: Learned) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """An origin's figures; (r,) loss of each test row less the best baseline's; (r,) the rows' users."""
    test = one.test
    best = min(one.baselines, key=lambda name: one.baselines[name]["log_loss"]["value"])
    gap = losses(test.labels, test.model) - losses(test.labels, test.baselines[best])
    told = {
        "test": one.split.to_json()["test"],
        "n_train": one.rows["train"],
        "n_test": len(test.labels),
        "log_loss": one.metrics["log_loss"]["value"],
        "baseline": best,
        "baseline_log_loss": one.baselines[best]["log_loss"]["value"],
        "difference": one.differences[best],
    }
    return told, gap, test.resamples.users[test.resamples.person]


def remarks(found: dict[str, Any]) -> list[str]:
    """The origins in a line."""
    mean, each = found["mean"], found["each"]
    if mean["origins"] < 2:
        return list(found["notes"])
    gap = mean["difference"]
    within = "" if gap["low"] is None else f" ({gap['low']:+.4f} to {gap['high']:+.4f})"
    losses_of = ", ".join(f"{one['log_loss']:.4f} from {one['test']['first'][:10]}" for one in each)
    return [
        f"{mean['origins']} rolling origins: log loss {losses_of}; {gap['value']:+.4f}{within} against each one's best simple model.",
        *found["notes"],
    ]
