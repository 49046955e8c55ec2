"""Questions in words, English and Chinese, and as the TOML that asks them."""

import json
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, Final, Literal

from .algebra import ALL_BACK, LIFETIME, SESSION, Feature, Window
from .catalogue import OURS
from .definition import NAMED, QUESTIONS, feature_to_json
from .events import DAY, HOUR, SECOND
from .template import read_templates
from .traits import is_text

Language = Literal["en", "zh"]
UNITS: Final = (
    (DAY, "d", "day", "天"),
    (HOUR, "h", "hour", "小时"),
    (60 * SECOND, "min", "minute", "分钟"),
    (SECOND, "s", "second", "秒"),
)

ASKED: Final[dict[str, tuple[str, str]]] = {
    "count": ("number of events{kinds} in {window}", "{window}{kinds}的行为次数"),
    "sum": ("sum of {field} over events{kinds} in {window}", "{window}{kinds}的{field}合计"),
    "mean": ("mean {field} of events{kinds} in {window}", "{window}{kinds}的{field}均值"),
    "max": ("largest {field} of events{kinds} in {window}", "{window}{kinds}的{field}最大值"),
    "min": ("smallest {field} of events{kinds} in {window}", "{window}{kinds}的{field}最小值"),
    "distinct": (
        "number of different values of {field} among events{kinds} in {window}",
        "{window}{kinds}涉及的不同{field}数",
    ),
    "top_share": (
        "largest share that one {field} has of the events{kinds} in {window}",
        "{window}{kinds}中占比最高的{field}的占比",
    ),
    "entropy": (
        "Shannon entropy, in nats, of {field} over events{kinds} in {window}",
        "{window}{kinds}的{field}分布的香农熵（纳特）",
    ),
    "repeat": ("most events{kinds} on one {field} in {window}", "{window}{kinds}在同一{field}上的最多次数"),
    "share": (
        "share of the events{kinds} in {window} whose {field} is at least {start} and below {stop}",
        "{window}{kinds}中{field}在[{start}, {stop})的占比",
    ),
    "favorite": ("the {field} with most events{kinds} in {window}", "{window}{kinds}次数最多的{field}"),
    "first": (
        "the {field} of the earliest event{kinds} in {window} that has one",
        "{window}最早一次有{field}的{kinds}的{field}",
    ),
    "last": (
        "the {field} of the latest event{kinds} in {window} that has one{n}",
        "{window}{n}有{field}的{kinds}的{field}",
    ),
    "age": ("days from the latest event{kinds}{lifetime} to the cutoff", "距{lifetime}最近一次{kinds}的天数"),
    "tenure": ("days from the earliest event{kinds}{lifetime} to the cutoff", "距{lifetime}最早一次{kinds}的天数"),
    "length": (
        "seconds from the earliest to the latest event{kinds} in {window}",
        "{window}从最早到最近一次{kinds}的秒数",
    ),
    "until": (
        "days from the cutoff to the earliest event{kinds} in {window}",
        "截止时刻到{window}最早一次{kinds}的天数",
    ),
    "gaps": (
        "{statistic} of the days between neighbouring events{kinds} in {window}{distinct_days}",
        "{window}相邻两次{kinds}间隔天数的{statistic}{distinct_days}",
    ),
    "sessions": (
        "{statistic} of sessions{kinds} that start in {window} (a session ends with {gap} of silence)",
        "{window}开始的{kinds}会话的{statistic}（静默{gap}为界）",
    ),
    "abandoned": (
        "number of items put into the cart in {window} and not bought at or after the last time",
        "{window}加购后未购买的商品数",
    ),
    "transition": (
        "number of times that {after} directly follows {before} in a session, in {window}",
        "{window}同一会话中{before}之后紧接{after}的次数",
    ),
    "moves": (
        "number of times that {field} changes{before}{after} between neighbouring events{kinds} in {window}, less than {gap} apart",
        "{window}相邻{kinds}（间隔小于{gap}）之间{field}{before}{after}变化的次数",
    ),
    "streak": ("number of events{kinds} after the latest event of {since}", "最近一次{since}之后{kinds}的次数"),
    "attribute": ("{field}, as the table {table} gave it at the cutoff", "截止时刻{table}表中的{field}"),
    "function": ("the number that the workspace's Python function {name} gives", "工作区Python函数{name}给出的数"),
    "ratio": ("({numerator}) / ({denominator})", "（{numerator}）÷（{denominator}）"),
    "trend": ("({short}) a day / ({long}) a day", "（{short}）日均 ÷（{long}）日均"),
}
"""By the word that asks: English and Chinese, a question's parts in braces."""

STATISTICS: Final = {
    "count": ("number", "次数"),
    "mean_events": ("mean number of events", "平均行为数"),
    "mean_seconds": ("mean length in seconds", "平均秒数"),
    "max_events": ("largest number of events", "最多行为数"),
    "mean": ("mean", "均值"),
    "deviation": ("standard deviation", "标准差"),
    "median": ("median", "中位数"),
    "max": ("maximum", "最大值"),
}
FIELDS: Final = {
    "value": "金额", "quantity": "数量", "discount": "优惠", "rating": "评分", "dwell": "停留时长", "item": "商品", "category": "品类",
    "channel": "渠道", "campaign": "活动", "page": "页面", "referrer": "来源页", "day": "日", "hour": "小时", "weekday": "星期",
    "kind": "行为类型",
}  # fmt: skip
"""Chinese of an event's fields."""

ZEROS: Final = frozenset({"count", "sum", "distinct", "repeat", "abandoned", "transition", "moves", "streak"})


def question(feature: Feature, language: Language) -> str:
    """A question in words.

    >>> from .algebra import Count, back
    >>> question(Count(("purchase",), back(30)), "en")
    'number of events of kind purchase in the last 30 days'
    """
    ask = word(feature)
    place = ("en", "zh").index(language)
    return ASKED[ask][place].format(
        **{f.name: _part(f.name, getattr(feature, f.name), language) for f in fields(feature)}
    )


def word(feature: Feature) -> str:
    """The word that asks it."""
    return next(ask for ask, cls in QUESTIONS.items() if cls is type(feature))


def nothing(feature: Feature) -> str:
    """The answer to a question of nobody's events: `0`, `NaN`, or `null` where the answer is a text; a function's is its own."""
    ask = word(feature)
    if ask == "function":
        return "what the function gives"
    return (
        "null" if is_text(feature) else "0" if ask in ZEROS or getattr(feature, "statistic", None) == "count" else "NaN"
    )


def toml(feature: Feature) -> str:
    """The inline table that asks it, what is so by default left out.

    >>> from .algebra import Age
    >>> toml(Age(("view",)))
    '{ ask = "age", kinds = ["view"] }'
    """
    parts = [f'ask = "{word(feature)}"']
    plain = feature_to_json(feature)
    for field in fields(feature):
        value = getattr(feature, field.name)
        if value == () or (field.default is not MISSING and value == field.default):
            continue
        if type(value) in QUESTIONS.values():
            parts.append(f"{field.name} = {toml(value)}")
        elif isinstance(value, Window):
            parts.append(f"{field.name} = {json.dumps(window(value))}")
        else:
            given = span(value) if field.name == "gap" else plain[field.name]
            parts.append(f"{field.name} = {json.dumps(given, ensure_ascii=False)}")
    return f"{{ {', '.join(parts)} }}"


def window(asked: Window) -> str | list[int]:
    """A window as TOML writes it; in microseconds where no text says it exactly.

    >>> window(Window(-90 * DAY, -30 * DAY))
    '90d..30d'
    """
    name = next((name for name, known in NAMED.items() if known == asked), None)
    if name is not None:
        return name
    edges = [abs(edge) for edge in (asked.start, asked.stop) if edge]
    if any(edge % SECOND for edge in edges):
        return [asked.start, asked.stop]
    return ("+" if asked.forward else "") + "..".join(str(span(edge)) for edge in edges)


def span(length: int) -> str | int:
    """Microseconds as TOML writes a length of time; a number where no text says it exactly."""
    for size, short, _, _ in UNITS:
        if length % size == 0:
            return f"{length // size}{short}"
    return length


def _length(length: int, language: Language) -> str:
    for size, _, en, zh in UNITS:
        if length % size == 0:
            n = length // size
            return f"{n}{zh}" if language == "zh" else f"{n} {en}{'' if n == 1 else 's'}"
    return f"{length} µs" if language == "en" else f"{length}微秒"


def _window(asked: Window, language: Language) -> str:
    named = {
        ALL_BACK: ("all that is seen", "可见范围内"),
        LIFETIME: ("the whole life", "有史以来"),
        SESSION: ("the session so far", "当前会话中"),
    }
    if asked in named:
        return named[asked][language == "zh"]
    near, far = sorted((abs(asked.start), abs(asked.stop)))
    if near == 0:
        if language == "zh":
            return f"{'未来' if asked.forward else '近'}{_length(far, language)}"
        return f"the {'next' if asked.forward else 'last'} {_length(far, language).removeprefix('1 ')}"
    if language == "zh":
        return f"截止{'后' if asked.forward else '前'}{_length(near, language)}到{_length(far, language)}"
    return f"the time from {_length(near, language)} to {_length(far, language)} {'ahead' if asked.forward else 'ago'}"


@cache
def zh_kinds() -> dict[str, str]:
    """Chinese of our kinds, as the catalogue's titles write it."""
    return {kind: forms[2] for kind, forms in read_templates(OURS)[0].words.items()}


def _kinds(kinds: tuple[str, ...], language: Language) -> str:
    if language == "en":
        return " or ".join(kinds)
    return "/".join(zh_kinds().get(kind, kind) for kind in kinds) or "任何行为"


def _part(key: str, value: Any, language: Language) -> str:
    """A part of a question in words."""
    zh = language == "zh"
    if isinstance(value, Window):
        return _window(value, language)
    if key == "kinds":
        return _kinds(value, language) if zh else f" of kind {_kinds(value, language)}" if value else ""
    if key == "since":
        return _kinds(value, language)
    if key in ("before", "after") and isinstance(value, str):
        return _kinds((value,), language)
    if key == "field":
        return FIELDS.get(value, value) if zh else str(value)
    if key == "n":
        return (
            ("最近一次" if value == 1 else f"倒数第{value}次")
            if zh
            else ""
            if value == 1
            else f" (number {value} from the end)"
        )
    if key in ("before", "after") and isinstance(value, tuple):
        preposition = {"before": ("from", "从"), "after": ("to", "到")}[key][zh]
        listed = "/".join(value) if zh else " or ".join(value)
        return "" if not value else f"{preposition}{listed}" if zh else f" {preposition} {listed}"
    if key == "lifetime":
        return ("有史以来" if zh else " ever") if value else ""
    if key == "distinct_days":
        return ("（同日合并）" if zh else ", events of one day merged") if value else ""
    if key == "statistic":
        return STATISTICS[value][zh]
    if key == "gap":
        return _length(value, language)
    if type(value) in QUESTIONS.values():
        return question(value, language)
    return str(value)
