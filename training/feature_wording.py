"""The words of the feature report, in one language, about one report."""

import tomllib
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final, Literal, cast
from zoneinfo import ZoneInfo

from features import words
from features.events import SECOND

from .feature_told import Report, Told

ZH_UNITS: Final = {
    "days": "天", "events": "次", "sessions": "次", "steps": "次", "seconds": "秒", "pieces": "件", "items": "件商品",
    "categories": "个品类", "channels": "个渠道", "campaigns": "个活动", "pages": "个页面", "kinds": "种行为", "referrers": "个来源",
    "points": "分",
}  # fmt: skip
"""Units as they stand alone."""
WORDS: Final = Path(__file__).with_name("feature_report.toml")


class Wording:
    """Words about a report, in English or Chinese (`en`, `zh`); all of them are HTML."""

    def __init__(self, report: Report, language: str) -> None:
        self.language = cast("Literal['en', 'zh']", language)
        self.zh = language == "zh"
        self.texts: dict[str, str] = {
            key: pair[self.zh] for key, pair in tomllib.loads(WORDS.read_text(encoding="utf-8")).items()
        }
        self._timezone = ZoneInfo(report.facts.timezone)
        as_of, against = report.people.cutoffs
        self.now, self.then = self.instant(as_of), self.instant(against)

    def t(self, key: str, **parts: object) -> str:
        """The words for a key, their parts filled in."""
        known = {"as_of": self.now, "against": self.then, **{name: escape(str(part)) for name, part in parts.items()}}
        return self.texts[key].format(**known)

    def word(self, key: str) -> str:
        """As `t` where the key is known, else the key."""
        return self.t(key) if key in self.texts else key

    def instant(self, us: int) -> str:
        """An instant as the shop's people read it; a midnight as its date."""
        moment = datetime.fromtimestamp(us // SECOND, UTC).astimezone(self._timezone)
        if us % SECOND == 0 and (moment.hour, moment.minute, moment.second) == (0, 0, 0):
            return f"{moment:%Y-%m-%d}"
        return f"{moment:%Y-%m-%d %H:%M}"

    def title(self, one: Told) -> str:
        """A feature's title."""
        return escape(one.entry.zh if self.zh else one.entry.en)

    def unit(self, one: Told) -> str:
        """A feature's unit."""
        return escape(ZH_UNITS.get(one.entry.unit, one.entry.unit) if self.zh else one.entry.unit)

    def question(self, one: Told) -> str:
        """What a feature asks."""
        return escape(words.question(one.entry.feature, self.language))

    def chip(self, one: Told, beside: str = "") -> str:
        """A feature's name, linked to its details."""
        tail = f"<i>{beside}</i>" if beside else ""
        return f'<a class="chip" href="#f-{one.entry.name}" title="{self.title(one)}">{one.entry.name}{tail}</a>'

    @property
    def key(self) -> str:
        """Which colour is when."""
        return f'<span class="key"></span>{self.now}<span class="key line"></span>{self.then}'
