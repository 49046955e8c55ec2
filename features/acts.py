"""Acts: events by which people say who they are and what they allow, told apart from what they did.

`consent` and `withdraw` (`item`: the purpose; none is profiling), `alias` and `unalias` (`item`: the other id) come, arrive, repeat
and are kept like any event, and no question counts them. From the moment they are known, linked ids are one person, under the
smallest of them; while consent is withdrawn nothing is seen of the person, and never what was done without it.
`[consent] profiling = "required"` in `intently.toml` asks for consent before anything is seen; the default is `"assumed"`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .errors import SpecError
from .events import ACTS, NULL

if TYPE_CHECKING:
    from .histories import Histories
    from .workspace import Workspace

CONSENT, WITHDRAW, ALIAS, UNALIAS, NOTHING = range(len(ACTS) + 1)
PROFILING: Final = "profiling"
"""The purpose that features, tags and models serve."""
COLUMNS: Final = ("user_id", "ts", "arrived_at", "kind", "item", "key_hi", "key_lo")
"""What `said` reads of events."""
SAID: Final = pa.schema(
    [
        pa.field("user_id", pa.string()),
        pa.field(
            "what", pa.int8()
        ),  # place in ACTS; NOTHING for another purpose, and for a link with nobody or oneself
        pa.field("other", pa.string()),  # the other id; null for consent
        pa.field("ts", pa.int64()),
        pa.field("known", pa.int64()),  # when it had happened and arrived
        pa.field("key_hi", pa.int64()),
        pa.field("key_lo", pa.int64()),
    ]
)
"""Acts, one a row."""


@dataclass(frozen=True, slots=True)
class Acts:
    """What was said by or of the persons of some histories.

    Attributes:
        said: (a,) rows of `SAID`, in any order.
        sources: Everyone whom they concern who has events: whole histories without the acts, with keys and texts, nobody twice.
        required: Is nothing seen of somebody who never consented?
    """

    said: pa.Table
    sources: "Histories"
    required: bool


def required(workspace: "Workspace") -> bool:
    """Does `[consent] profiling` in `intently.toml` say `required`? Default: `assumed`.

    Raises:
        SpecError: It says something else.
    """
    found = workspace.setting("consent.profiling", default="assumed")
    if found not in ("assumed", "required"):
        raise SpecError(f"`[consent]` `profiling` is {found!r} in intently.toml; it is `assumed` or `required`.")
    return bool(found == "required")


def codes(kinds: Sequence[str]) -> list[int]:
    """The acts' codes among a workspace's kinds; none where no act was ever met."""
    return [place for place, kind in enumerate(kinds) if kind in ACTS]


def said(events: pa.Table) -> pa.Table:
    """The acts among rows with `COLUMNS`, of `SAID`."""
    what = pc.index_in(events["kind"].cast(pa.string()), value_set=pa.array(ACTS)).cast(pa.int8())
    events, what = events.filter(what.is_valid()), what.drop_null()
    arrived = pc.fill_null(events["arrived_at"], NULL)
    return _told(
        pa.table(
            [
                events["user_id"].cast(pa.string()),
                what,
                events["item"].cast(pa.string()),
                events["ts"],
                pc.max_element_wise(arrived, events["ts"]),
                events["key_hi"],
                events["key_lo"],
            ],
            schema=SAID,
        )
    )


def said_in(histories: "Histories", kinds: Sequence[str]) -> pa.Table:
    """The same of histories that have keys, and texts of `item`."""
    of = np.full(128, -1, np.int8)
    for place in codes(kinds):
        of[place] = ACTS.index(kinds[place])
    rows = np.flatnonzero(of[histories.kind] >= 0)
    person = np.searchsorted(histories.offsets, rows, side="right") - 1
    item = histories.coded["item"]
    places = item.places(person, item.codes[rows])
    known = histories.ts if histories.arrived is None else histories.arrived
    return _told(
        pa.table(
            [
                histories.users.take(pa.array(person)),
                of[histories.kind[rows]],
                item.values.take(pa.array(places, mask=places < 0)),
                *(column[rows] for column in (histories.ts, known, histories.key_hi, histories.key_lo)),
            ],
            schema=SAID,
        )
    )


def _told(rows: pa.Table) -> pa.Table:
    """Rows with the item in `other`: those that change nothing here are `NOTHING`, and a purpose is no other id."""
    consents = pc.less(rows["what"], ALIAS)
    about = pc.equal(pc.fill_null(rows["other"], PROFILING), PROFILING)
    another = pc.fill_null(pc.not_equal(rows["other"], rows["user_id"]), False)
    counts = pc.if_else(consents, about, another)
    what = pc.if_else(counts, rows["what"], pa.scalar(NOTHING, pa.int8()))
    other = pc.if_else(pc.and_(counts, pc.invert(consents)), rows["other"], pa.scalar(None, pa.string()))
    return rows.set_column(1, SAID.field("what"), what).set_column(2, SAID.field("other"), other)


def together(parts: Sequence[pa.Table]) -> pa.Table:
    """Rows of `SAID`, each (person, key) once: the first to arrive."""
    rows = pa.concat_tables([SAID.empty_table(), *parts]).combine_chunks()
    if len(parts) < 2 or not len(rows):
        return rows
    user = rows["user_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    known, hi, lo = (rows[name].to_numpy() for name in ("known", "key_hi", "key_lo"))
    order = np.lexsort((known, lo, hi, user))
    u, h, k = user[order], hi[order], lo[order]
    first = np.append(True, (u[1:] != u[:-1]) | (h[1:] != h[:-1]) | (k[1:] != k[:-1]))
    return rows.take(pa.array(order[first]))


def linked(n: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) int64: the smallest place that each of n places is linked with, directly or through others, by links a to b."""
    label = np.arange(n)
    while True:
        low, lower = np.minimum(label[a], label[b]), label.copy()
        for place in (a, b, label[a], label[b]):
            np.minimum.at(lower, place, low)
        lower = lower[lower]
        if (lower == label).all():
            return label
        label = lower


def ids_of(rows: pa.Table) -> pa.Array:
    """All ids that act or are named, sorted, each once."""
    names = pa.chunked_array([*rows["user_id"].chunks, *rows["other"].chunks], pa.string())
    return pc.unique(names.drop_null()).sort()


def places_of(ids: pa.Array, among: pa.Array) -> np.ndarray:
    """(n,) int64 place of every id among others, -1 for null and where it is none of them."""
    found: np.ndarray = pc.fill_null(pc.index_in(ids, value_set=among), -1).to_numpy().astype(np.int64)
    return found
