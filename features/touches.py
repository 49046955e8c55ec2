"""What a person did with each value of a coded field: the one count of touches by category, behind training, batch and service.

An answer is a text, a JSON list with one item a value, in the order in which the window first meets them:

    [value, count of group 0 in window 0, in window 1, …, count of group 1 in window 0, …,
     for each group: days since its first and its last event, null for none]

It is seen as every other answer is: `[t - RETENTION, t)`, arrived before `t`; or, of a question that looks ahead, `[t, t + ahead)`,
whenever it arrived. Events whose kind is in no group, or whose value is null, do not count. A text crosses a matrix, a bundle's
golden rows and a request as any other text does, so that nothing else need know of it.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
import pyarrow as pa
from numba import njit

from .events import DAY, NULL
from .histories import Histories
from .places import place
from .reader import brought_texts
from .runs import bounds_of
from .sources import Touches

if TYPE_CHECKING:
    from .program import Program


@njit(cache=True)
def _count(  # type: ignore[no-untyped-def]
    offsets, ts, arrived, kind, codes, group_of, windows, back, ahead, person, cutoff, rank, met, counts, ends, bounds,
):  # fmt: skip
    """Fill `met`, `counts` and `ends`, value after value, `bounds` saying where each row's begin; `rank` is -1 throughout."""
    filled = 0
    n_windows = len(windows)
    for r in range(len(person)):
        u, t = person[r], cutoff[r]
        first = filled
        if ahead > 0:
            low = place(ts, offsets[u], offsets[u + 1], t)
            high = place(ts, low, offsets[u + 1], t + ahead)
        else:
            low = place(ts, offsets[u], offsets[u + 1], t - back)
            high = place(ts, low, offsets[u + 1], t)
        for e in range(low, high):
            group, code = group_of[kind[e]], codes[e]
            if group < 0 or code < 0 or (ahead == 0 and len(arrived) > 0 and arrived[e] >= t):
                continue
            if rank[code] < 0:
                rank[code] = filled
                met[filled] = code
                counts[filled] = 0
                ends[filled] = NULL
                filled += 1
            at = rank[code]
            for w in range(n_windows):
                if ahead > 0 or ts[e] >= t - windows[w]:
                    counts[at, group * n_windows + w] += 1
            if ends[at, 2 * group] == NULL:
                ends[at, 2 * group] = ts[e]
            ends[at, 2 * group + 1] = ts[e]
        for at in range(first, filled):
            rank[met[at]] = -1
        bounds[r + 1] = filled


BLOCK: Final = 1024
"""Rows whose answers are written at a time, which bounds memory."""


def answer(
    program: "Program", asked: Touches, histories: Histories, person: np.ndarray, cutoff: np.ndarray
) -> pa.Array:
    """(r,) texts, as this module says; `[]` where nothing is seen.

    Args:
        program: Its kinds and RETENTION.
        asked: The question.
        histories: n persons' events, with `asked.field` and its texts.
        person: (r,) int64 places in `histories`.
        cutoff: (r,) int64 microseconds UTC.
    """
    blocks = [slice(first, first + BLOCK) for first in range(0, max(1, len(person)), BLOCK)]
    return pa.concat_arrays([_answer(program, asked, histories, person[rows], cutoff[rows]) for rows in blocks])


def _answer(
    program: "Program", asked: Touches, histories: Histories, person: np.ndarray, cutoff: np.ndarray
) -> pa.Array:
    """The same of a block."""
    own = brought_texts(histories.coded, asked.field)
    n_kinds = 1 + max(len(program.kinds), int(histories.kind.max(initial=0)))
    group_of = np.full(n_kinds, -1, np.int64)
    for group, kinds in enumerate(asked.groups):
        group_of[[program.kinds.index(kind) for kind in kinds if kind in program.kinds]] = group
    room = int(np.diff(own.offsets)[person].sum())
    n_groups, n_windows = len(asked.groups), len(asked.windows)
    met, counts = np.empty(room, np.int64), np.empty((room, n_groups * n_windows), np.int64)
    ends, bounds = np.empty((room, 2 * n_groups), np.int64), np.zeros(len(person) + 1, np.int64)
    arrived = np.empty(0, np.int64) if histories.arrived is None else histories.arrived
    rank = np.full(int(np.diff(own.offsets).max(initial=0)) + 1, -1, np.int64)
    windows = np.array([days * DAY for days in asked.windows], np.int64)
    _count(
        histories.offsets, histories.ts, arrived, histories.kind, own.codes, group_of, windows, program.retention,
        asked.ahead, person, cutoff, rank, met, counts, ends, bounds,
    )  # fmt: skip
    filled, sizes = int(bounds[-1]), np.diff(bounds)
    words = own.values.take(pa.array(np.repeat(own.offsets[person], sizes) + met[:filled])).to_pylist()
    since = (np.repeat(cutoff, sizes)[:, None] - ends[:filled]) / DAY
    days = np.where(ends[:filled] == NULL, np.nan, since).tolist()  # NaN is null in JSON
    each = [[word, *n, *ago] for word, n, ago in zip(words, counts[:filled].tolist(), days, strict=True)]
    edges = bounds.tolist()
    return pa.array([orjson.dumps(each[a:b]).decode() for a, b in pairwise(edges)], pa.string())


def read(texts: pa.Array, asked: Touches) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
    """The answers of r rows, laid flat.

    Returns:
        (r + 1,) int64, where each row's values begin; the m values; (m, groups · windows) float64 counts; (m, 2 · groups) float64
        days since the first and the last event of each group, NaN for none.
    """
    rows = [[] if text is None else orjson.loads(text) for text in texts.to_pylist()]
    flat = [item for row in rows for item in row]
    numbers = np.array([item[1:] for item in flat], np.float64).reshape(len(flat), asked.width)
    n_counts = len(asked.groups) * len(asked.windows)
    bounds = bounds_of(np.array([len(row) for row in rows], np.int64))
    return bounds, [item[0] for item in flat], numbers[:, :n_counts], numbers[:, n_counts:]
