"""What may be asked over HTTP: strict models of the bodies.

Money, quantity and rating come in units (12.5 of the shop's currency), dwell in milliseconds, times as ISO 8601 with an
offset; `events_table` turns them into the canonical columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

import orjson
import pyarrow as pa
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic.json_schema import WithJsonSchema

from features.arrivals import ROWS, keyed
from features.errors import InputError, did_you_mean
from features.events import ACTS, CODED_FIELDS, FIXED_POINT, NUMBER_FIELDS
from features.instants import parse_instant, to_iso
from features.numbers import LARGEST
from features.schema import EVENTS
from features.validate import FIRST_TIME, LONGEST

MAX_USERS: Final = 1_000
MAX_WHAT_IF: Final = 10
MAX_EVENTS: Final = 10_000
MAX_ID: Final = LONGEST["user_id"]
MAX_PROPERTIES: Final = LONGEST["properties"]
MAX_DWELL: Final = 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class Frame:
    """What a request is read against.

    Attributes:
        timezone: The shop's; a bare date is midnight there.
        kinds: The workspace's event kinds.
        latest: Microseconds UTC; no time of an event, and no `as_of`, may be later.
    """

    timezone: str
    kinds: tuple[str, ...]
    latest: int


def _frame(info: ValidationInfo) -> Frame:
    assert isinstance(info.context, Frame)
    return info.context


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("It holds a NUL character; leave it out.")
    return text


def _instant(value: object, info: ValidationInfo) -> int:
    if not isinstance(value, str):
        raise ValueError("A time is a string: ISO 8601 with an offset, such as 2025-06-15T08:00:00+08:00.")
    frame = _frame(info)
    try:
        instant = parse_instant(value, frame.timezone)
    except InputError as error:
        raise ValueError(error.message) from None
    if instant < FIRST_TIME:
        raise ValueError(f"{value!r} lies before {to_iso(FIRST_TIME)}, the first time that is accepted.")
    if instant > frame.latest:
        raise ValueError(f"{value!r} lies in the future: nothing after {to_iso(frame.latest)} is accepted.")
    return instant


def _kind(value: str, info: ValidationInfo) -> str:
    frame = _frame(info)
    if value not in frame.kinds:
        raise ValueError(f"Unknown event kind {value[:60]!r}. {did_you_mean(value, frame.kinds)}")
    return value


def _properties(value: dict[str, Any]) -> str:
    try:
        text = orjson.dumps(value).decode()
    except TypeError as error:
        raise ValueError(f"They cannot be kept: {error}.") from None
    if len(text) > MAX_PROPERTIES or "\\u0000" in text:
        raise ValueError(f"They must have at most {MAX_PROPERTIES:,} characters as JSON, and no NUL.")
    return text


Id = Annotated[str, Field(min_length=1, max_length=MAX_ID), AfterValidator(_no_nul)]
Text = Annotated[str, AfterValidator(_no_nul)]
Amount = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
Rating = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2025-06-15T08:00:00+08:00"]}),
]
Properties = Annotated[dict[str, Any], AfterValidator(_properties)]


class Strict(BaseModel):
    """No conversions, no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StatelessEvent(Strict):
    """Something that a user did; an `event_id` is needed only to tell a repetition from a second event."""

    event_id: Id | None = None
    user_id: Id
    ts: Instant
    kind: Annotated[
        str,
        AfterValidator(_kind),
        Field(
            description="One of the workspace's, or an act: `consent` and `withdraw` (`item`: the purpose, by default profiling), "
            "`alias` and `unalias` (`item`: the other id of the same person)."
        ),
    ]
    item: Text | None = Field(None, max_length=LONGEST["item"])
    category: Text | None = Field(None, max_length=LONGEST["category"], description="Path, '/' between levels.")
    channel: Text | None = Field(None, max_length=LONGEST["channel"])
    campaign: Text | None = Field(None, max_length=LONGEST["campaign"])
    page: Text | None = Field(None, max_length=LONGEST["page"])
    referrer: Text | None = Field(None, max_length=LONGEST["referrer"])
    value: Amount | None = Field(None, description="The line's total after discount, in the shop's currency.")
    quantity: Amount | None = None
    discount: Amount | None = Field(None, description="In the shop's currency.")
    rating: Rating | None = None
    dwell: Annotated[int, Field(ge=0, le=MAX_DWELL)] | None = Field(None, description="Milliseconds.")
    text: Text | None = Field(
        None, max_length=LONGEST["text"], description="What was searched for, written, complained of."
    )
    properties: Properties | None = None

    @model_validator(mode="after")
    def _names_another(self) -> Self:
        if self.kind in ACTS[2:] and not self.item:
            raise ValueError(f"An event of kind {self.kind!r} names the other user id in `item`.")
        return self


class Event(StatelessEvent):
    """Something that a user did; posted again with the same `event_id`, it is still one event."""

    event_id: Id


class TagsRequest(Strict):
    """Whose tags, as of when."""

    user_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_USERS)]
    as_of: Instant | None = Field(None, description="Default: the service's clock.")
    only: Annotated[list[str], Field(min_length=1, max_length=200)] | None = Field(None, description="Names of tags.")
    explain: bool = Field(False, description="With the strongest reasons of predicted tags.")
    what_if: bool = Field(
        False, description=f"With what would change predicted tags: a search, for at most {MAX_WHAT_IF} users."
    )

    @model_validator(mode="after")
    def _few_searches(self) -> Self:
        if self.what_if and len(self.user_ids) > MAX_WHAT_IF:
            raise ValueError(
                f"what_if is answered for at most {MAX_WHAT_IF} users at a time, not {len(self.user_ids)}."
            )
        return self


class ScoreRequest(Strict):
    """A history that is scored and not kept."""

    events: Annotated[list[StatelessEvent], Field(min_length=1, max_length=MAX_EVENTS)]
    as_of: Instant | None = Field(None, description="Default: the service's clock.")
    explain: bool = False


class EventsRequest(Strict):
    """Events to keep: all of them, or none where one is wrong."""

    events: Annotated[list[Event], Field(min_length=1, max_length=MAX_EVENTS)]


def events_table(events: Sequence[StatelessEvent], kinds: tuple[str, ...]) -> pa.Table:
    """The events as rows of `EVENTS` without `bucket`, source "", keys made, `arrived_at` null.

    An event without an id gets one that no other has in the same request.
    """
    columns: dict[str, list[Any]] = {
        "user_id": [event.user_id for event in events],
        "ts": [event.ts for event in events],
        "kind": [event.kind for event in events],
        "event_id": [f"\0{place}" if event.event_id is None else event.event_id for place, event in enumerate(events)],
        "source": [""] * len(events),
    }
    for name in (*CODED_FIELDS, "text", "properties"):
        columns[name] = [getattr(event, name) or None for event in events]  # an empty text says nothing
    columns["dwell"] = [event.dwell for event in events]
    for name in NUMBER_FIELDS:
        if name != "dwell":
            columns[name] = [fixed(getattr(event, name)) for event in events]
    schema = pa.schema([EVENTS.field(name) for name in ROWS.names if name in columns])
    return keyed(pa.table(columns, schema=schema), kinds, None)


def fixed(value: float | None) -> int | None:
    """Units as fixed point."""
    return None if value is None else round(value * FIXED_POINT)
