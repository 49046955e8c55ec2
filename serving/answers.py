"""What the service answers, without HTTP: bodies that were read in, JSON objects out."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.events import ACTS, DAY
from features.histories import Histories, from_events
from features.instants import to_iso
from features.views import attach
from features.workspace import Facts, Workspace

from .answer import answer
from .clock import Clock
from .fill import follow, open_journal, open_store
from .live import Holder, Live
from .past import from_journal_and_log, from_log, is_within
from .requests import EventsRequest, Frame, ScoreRequest, TagsRequest, events_table
from .score import score

FEW_USERS: Final = 8


class Answers:
    """One process's hold on a workspace: store, journal, and the pair of bundle and tags that answers.

    Attributes:
        workspace: Which.
        clock: What "now" is.
        store: The profile store.
        journal: Where posted events go first.
        holder: Bundle and tags.
        facts: The workspace's, renewed by `follow_files`.
    """

    def __init__(self, workspace: Workspace, clock: Clock) -> None:
        self.workspace = workspace
        self.clock = clock
        self.facts: Facts = workspace.facts
        self.holder = Holder(workspace)
        self.store = open_store(workspace)
        self.journal = open_journal(workspace)
        follow(workspace, self.store, self.journal, clock)
        self.warm()

    def frame(self) -> Frame:
        """What requests are read against at this moment."""
        latest = self.clock.latest(self.store.standing().last_ts)
        return Frame(self.facts.timezone, self._kinds, latest)

    @property
    def _kinds(self) -> tuple[str, ...]:
        """The workspace's kinds; the acts' are known before the first one is met."""
        return tuple(dict.fromkeys((*self.facts.kinds, *ACTS)))

    def tags(self, request: TagsRequest) -> dict[str, Any]:
        """The tags of known and unknown users, in the order in which they were asked for."""
        live = self.holder.live
        users = list(dict.fromkeys(request.user_ids))
        program = live.bundle.program
        histories, standing = self.store.read(users, program.fields, program.attributes)
        now = self.clock.now(standing.last_ts) if request.as_of is None else request.as_of
        if now - live.bundle.facts.retention_days * DAY < standing.floor:  # longer ago than the store goes back
            histories, _ = from_log(self.workspace, users, program.fields, program.attributes)
        found = self._answer(live, histories, now, request.explain, request.only, request.what_if)
        if len(users) < len(request.user_ids):
            by_id = dict(zip(users, found["users"], strict=True))
            found["users"] = [by_id[user] for user in request.user_ids]
        return found

    def is_quick(self, request: TagsRequest) -> bool:
        """Is it answered in a few milliseconds: few users, from the store, nothing explained?"""
        retention = self.holder.live.bundle.facts.retention_days * DAY
        return (
            len(request.user_ids) <= FEW_USERS
            and not request.explain
            and not request.what_if
            and (request.as_of is None or request.as_of - retention >= self.store.standing().floor)
        )

    def score(self, request: ScoreRequest) -> dict[str, Any]:
        """The tags of the users of these events, as if they were all that ever happened; nothing is kept."""
        live = self.holder.live
        events = events_table(request.events, self._kinds)
        last = int(np.max(events["ts"].to_numpy()))
        now = request.as_of
        if now is None:
            now = self.clock.now(max(last, self.store.standing().last_ts))
        histories = from_events(events, self._kinds, live.bundle.program.fields | {"item"})
        order = pa.array(list(dict.fromkeys(event.user_id for event in request.events)))
        places = pc.index_in(order, value_set=histories.users).to_numpy().astype(np.int64)
        histories = attach(histories.take(places), len(places), self._kinds, self.store.required)
        return self._answer(live, histories, now, request.explain, None)

    def post(self, requests: Sequence[EventsRequest]) -> list[dict[str, int]]:
        """Keep events: on the disk, and seen by the next `tags`, when this returns.

        Args:
            requests: Several callers', in the order in which they came; an event that several post is the first one's.

        Returns:
            What became of each request's events: how many were accepted, how many duplicates.
        """
        posted = [event for request in requests for event in request.events]
        if not {event.kind for event in posted}.isdisjoint(ACTS) and not set(ACTS) <= set(self.facts.kinds):
            self.facts = self.workspace.add_acts()
        events = events_table(posted, self.facts.kinds)
        users = [event.user_id for event in posted]
        histories, standing = self.store.read(list(dict.fromkeys(users)), ())
        new = ~self._have(histories, users, events)
        arrived = self.clock.arrival(events["ts"].to_numpy(), standing.last_ts)
        place = events.column_names.index("arrived_at")
        events = events.set_column(place, events.schema.field(place), pa.array(arrived))
        if new.any():
            new[new] = self.journal.append(events.filter(pa.array(new)))
        follow(self.workspace, self.store, self.journal, self.clock)
        bounds = np.cumsum([len(request.events) for request in requests])[:-1]
        return [
            {"accepted": int(part.sum()), "duplicate": int(len(part) - part.sum())} for part in np.split(new, bounds)
        ]

    def _have(self, histories: Histories, users: list[str], events: pa.Table) -> np.ndarray:
        """(n,) bool: which of the users' events are kept already? Those that a carry may hold are looked up in the log."""
        hi, lo, ts = (events[name].to_numpy() for name in ("key_hi", "key_lo", "ts"))
        found = is_within(histories, users, hi, lo)
        if histories.carry is not None:
            place = pc.index_in(pa.array(users), value_set=histories.users).to_numpy()
            doubtful = np.flatnonzero(~found & (ts <= histories.carry.ends()[place]))
            if len(doubtful):
                whose = [users[n] for n in doubtful]
                whole = from_journal_and_log(self.workspace, list(dict.fromkeys(whose)), ())
                found[doubtful] = is_within(whole, whose, hi[doubtful], lo[doubtful])
        return found

    def model(self) -> dict[str, Any]:
        """What answers, by which clock, from which log."""
        live, standing = self.holder.live, self.store.standing()
        refused = self.holder.refused
        return {
            "version": live.bundle.version,
            "digest": live.bundle.digest,
            "tag_set": live.tagset.digest,
            "tags": list(live.tagset.names),
            "targets": {
                name: {"classes": list(model.target.classes), "base_rates": model.base_rates.tolist()}
                for name, model in live.bundle.models.items()
            },
            "loaded_at": to_iso(live.loaded_at),
            "clock": self.clock.name,
            "now": to_iso(self.clock.now(standing.last_ts)),
            "timezone": self.facts.timezone,
            "kinds": list(self.facts.kinds),
            "log_version": standing.log_version,
            "journal_backlog": self.journal.backlog,
            "refused": None if refused is None else {"code": refused.code, "message": refused.message},
        }

    def reload(self) -> dict[str, Any]:
        """Let the champion answer, verified."""
        before = self.holder.live.bundle.version
        self.facts = self.workspace.facts
        live = self.holder.reload()
        return {"version": live.bundle.version, "previous": before, "tag_set": live.tagset.digest}

    def follow_files(self) -> bool:
        """Let what was promoted meanwhile answer; was there something new?"""
        if not self.holder.follow():
            return False
        self.facts = self.workspace.facts
        return True

    def warm(self) -> None:
        """Answer once, so that the first request does not wait for what is compiled or loaded at first use."""
        self.tags(TagsRequest.model_construct(user_ids=["\0"], as_of=None, only=None, explain=True, what_if=False))

    def close(self) -> None:
        """Let go of store and journal."""
        self.store.close()
        self.journal.close()

    def _answer(
        self,
        live: Live,
        histories: Histories,
        now: int,
        explain: bool,
        only: Sequence[str] | None,
        what_if: bool = False,
    ) -> dict[str, Any]:
        scored = score(live.bundle, live.tagset, histories, now, explain=explain, what_if=what_if, only=only)
        return answer(scored, live.bundle.version, self.clock.name)
