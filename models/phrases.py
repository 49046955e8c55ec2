"""A feature with a person's own value, as people say it: `5 cart additions in the last 7 days`, 近7天加购5次.

The catalogue's titles are read as they are written, so that a shop's own feature is spoken of like ours where its title is
formed like one of ours, and as `title: value` where it is not.
"""

import re
from functools import cache
from typing import Final

from features.catalogue import OURS, Entry
from features.template import read_templates
from features.words import Language

CLASSIFIERS: Final = {
    "days": "天", "events": "次", "sessions": "次", "steps": "次", "pieces": "件", "items": "个", "categories": "个", "channels": "个",
    "campaigns": "个", "pages": "个", "kinds": "种", "referrers": "个", "points": "分", "years": "岁",
}  # fmt: skip
"""Chinese behind a number of such a unit."""
PLAIN: Final = frozenset({"ratio", "nats"})
"""Units of which nothing stands behind a number."""
COUNTED: Final = frozenset(CLASSIFIERS) - {"days", "points", "years"}
SPENT: Final = re.compile(r"amount (?=(?:bought|put|refunded|paid)\b)|discounts (?=received\b)")
SINCE: Final = re.compile(r"days since (?:the )?(?:first |last |latest )?(.*?)(?: seen| ever)*")
ENDS: Final = (("次数", "次"), ("天数", "天"), ("件数", "件"), ("种数", "种"), ("种类数", "种"))
"""Chinese titles that end so say how many; the number takes the place of the last sign."""
ASIDE: Final = re.compile(r"(.*?)(（[^（）]*）)?")
DROPPED: Final = frozenset({"（秒）", "（天）", "（0为从未购买）"})
FAMILIES: Final = {
    "recency": ("how recently", "近期性"), "tenure": ("how long known", "相识时长"), "frequency": ("how often", "频次"),
    "spend": ("spending", "消费"), "breadth": ("breadth of interest", "兴趣广度"), "tempo": ("rhythm", "节奏"),
    "sessions": ("visits", "会话"), "funnel": ("steps to a purchase", "购买漏斗"), "search": ("searching", "搜索"),
    "path": ("paths", "路径"), "engagement": ("response to messages and activities", "触达与互动"),
    "feedback": ("feedback", "反馈"), "channels": ("channels", "渠道"), "lifetime": ("whole history", "历史累计"),
    "attributes": ("profile", "用户档案"),
}  # fmt: skip
OUTCOMES: Final = {
    "idle": ("no activity", "无动静"), "browsing": ("browsing", "浏览"), "considering": ("comparing or filling the cart", "比较加购"),
    "buying": ("a purchase", "购买"), "active": ("a further purchase or visit", "留存"), "churned": ("leaving", "流失"),
    "yes": ("the outcome asked about", "所问之事发生"), "no": ("the outcome asked about staying away", "所问之事不发生"),
    "later": ("a later purchase, or none", "更晚购买或不再购买"),
}  # fmt: skip
"""Classes and read-outs in words; one that is not here is named as it is."""


def outcome(readout: str, language: Language) -> str:
    """What a class or read-out is the probability of.

    >>> outcome("no_buy_30d", "en"), outcome("buy_30d", "zh")
    ('no purchase within 30 days', '30天内购买')
    """
    zh = language == "zh"
    within = re.fullmatch(r"(no_)?buy_(\d+)d", readout)
    if within:
        no, days = within[1], within[2]
        return f"{days}天内{'不' if no else ''}购买" if zh else f"{'no' if no else 'a'} purchase within {days} days"
    bucket = re.fullmatch(r"(\d+)-(\d+)d", readout)
    if bucket:
        return f"第{bucket[1]}至{bucket[2]}天购买" if zh else f"a purchase between day {bucket[1]} and day {bucket[2]}"
    return OUTCOMES[readout][zh] if readout in OUTCOMES else f"“{readout}”"


def family(name: str, language: Language) -> str:
    """A family's title; a shop's own is its name."""
    return FAMILIES[name][language == "zh"] if name in FAMILIES else name


def number(value: float) -> str:
    """With two digits below 10, one below 1,000 and none above, zeros at the end left out.

    >>> number(0.256), number(12.345), number(1234.5), number(2.5)
    ('0.26', '12.3', '1,234', '2.5')
    """
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:,.0f}"


def amount(value: float, unit: str, language: Language, currency: str = "") -> str:
    """A number with its unit: money, times, counts, shares as they are read.

    >>> amount(0.25, "days", "en"), amount(200, "seconds", "zh"), amount(12.5, "currency", "en", "EUR")
    ('6 hours', '3.3分钟', 'EUR 12.50')
    """
    zh = language == "zh"
    if unit == "share":
        return f"{value:.0%}"
    if unit == "currency":
        money = f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.2f}"
        if zh:
            return f"{money}元" if currency in {"CNY", "RMB"} else f"{money} {currency}".rstrip()
        return f"{currency} {money}".lstrip()
    if unit in {"days", "seconds"}:
        return _time(value * (86_400 if unit == "days" else 1), unit, language)
    if unit in PLAIN:
        return number(value)
    if zh:
        return number(value) + CLASSIFIERS.get(unit, "")
    return (
        number(value)
        if unit == "events"
        else f"{number(value)} {unit[:-1] if value == 1 and unit in COUNTED else unit}"
    )


def phrase(entry: Entry, value: float | str | None, language: Language, currency: str = "") -> str:
    """What is so of a person.

    Args:
        entry: The feature.
        value: Its answer; None for nothing.
        language: `en` or `zh`.
        currency: The shop's.
    """
    return _zh(entry, value, currency) if language == "zh" else _en(entry, value, currency)


def written(entry: Entry, value: float | str | None, language: Language, currency: str = "") -> str:
    """The value alone."""
    if value is None:
        return "无" if language == "zh" else "none"
    if isinstance(value, str):
        kinds = _kinds() if entry.unit == "kind" else {}
        return kinds[value][2 if language == "zh" else 0] if value in kinds else value
    unit = "share" if _is_share(entry) else entry.unit
    return amount(value, unit, language, currency)


def _en(entry: Entry, value: float | str | None, currency: str) -> str:
    title, told = entry.en.partition(";")[0], written(entry, value, "en", currency)
    if value is None:
        since = SINCE.fullmatch(title) if entry.unit == "days" else None
        return f"no {since[1]} seen" if since and not since[1].startswith("user ") else f"{title}: {told}"
    if isinstance(value, str):
        return f"{title}: {told}"
    if entry.unit == "days" and title.startswith(("days since ", "days with ")):
        return told + title.removeprefix("days")
    if title.startswith("share of "):
        return told + title.removeprefix("share")
    if entry.unit == "currency" and SPENT.match(title):
        of = " of discounts " if title.startswith("discounts") else " "
        return told + of + SPENT.sub("", title, count=1)
    counted = title.removeprefix("number of ")
    if entry.unit in COUNTED and (counted != title or _singular(title) != title):
        return f"{number(value)} {_singular(counted) if value == 1 else counted}"
    return f"{title}: {told}"


def _zh(entry: Entry, value: float | str | None, currency: str) -> str:
    parts = ASIDE.fullmatch(entry.zh)
    assert parts is not None
    stem, aside = parts[1], "" if parts[2] in DROPPED else parts[2] or ""
    if value is None:
        last = re.fullmatch(r"(?:距(?:上次|首次|最近|最早))?(.*?)(?:至今)?天数", stem)
        return f"未见{last[1]}{aside}" if last and entry.en.startswith("days since") else f"{stem}：无{aside}"
    told = written(entry, value, "zh", currency)
    if isinstance(value, str):
        return f"{stem}{'是' if stem.endswith('行为') else '为'}{told}{aside}"
    if stem.endswith("消息数"):
        return f"{stem.removesuffix('数')}{number(value)}条{aside}"
    for end, sign in ENDS:
        if stem.endswith(end):
            count = told if sign == "天" else number(value) + sign
            return stem.removesuffix(end) + count + aside
    if stem.endswith("数") and not stem.endswith("中位数") and entry.unit in CLASSIFIERS:
        return f"{stem.removesuffix('数')}{told}{aside}"
    joined = "" if stem.endswith(("金额", "占比", "率", "时长")) else "为"
    return f"{stem}{joined}{told}{aside}"


def _time(seconds: float, unit: str, language: Language) -> str:
    """A length of time in the largest unit that it is at least one of; days stay days from one on, nothing is `0`."""
    steps = ((86_400, "day", "天"), (3_600, "hour", "小时"), (60, "minute", "分钟"), (1, "second", "秒"))
    if unit == "days" and seconds < 60:
        return "0天" if language == "zh" else "0 days"
    size, en, zh = next((step for step in steps if seconds >= step[0]), steps[-1])
    value = seconds / size
    text = f"{value:,.0f}" if value == round(value) or value >= 10 else f"{value:.1f}".removesuffix(".0")
    return f"{text}{zh}" if language == "zh" else f"{text} {en}{'' if text == '1' else 's'}"


def _is_share(entry: Entry) -> bool:
    return entry.unit == "share" or entry.en.startswith("share of ") or entry.zh.endswith("率")


def _singular(plural: str) -> str:
    """`5 cart additions in …` said of one; as it is where its first noun is none that we know."""
    for many, one in _nouns():
        if plural == many or plural.startswith(f"{many} "):
            return one + plural.removeprefix(many)
    return plural


@cache
def _nouns() -> tuple[tuple[str, str], ...]:
    """Plural and singular, the longest first: our kinds, and the units."""
    found = {many: one for one, many, _ in _kinds().values()}
    found |= {unit: "category" if unit == "categories" else unit.removesuffix("s") for unit in COUNTED}
    found |= {f"different {many}": f"different {one}" for many, one in found.items()}
    found |= {
        "changes": "change", "messages from us": "message from us", "different activities": "different activity",
        "different kinds": "different kind", "messages": "message",
    }  # fmt: skip
    return tuple(sorted(found.items(), key=lambda pair: (-len(pair[0]), pair[0])))


@cache
def _kinds() -> dict[str, tuple[str, ...]]:
    """Our kinds and groups: one, many, Chinese."""
    return {kind: tuple(forms) for kind, forms in read_templates(OURS)[0].words.items()}
