"""The words that fill the simulated events' coded columns, a word's place being its code; and who users are on paper."""

import json
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from .sim_goods import BRANDS, CATEGORIES
from .sim_random import uniforms

CHANNELS: Final = ("app", "web", "miniprogram", "store", "sms", "push", "email")
"""The first three carry visits, the fourth is the till, the last three carry messages."""
PAGES: Final = ("home", "list", "item", "cart", "pay", "activity")
REFERRERS: Final = ("direct", "search_engine", "social", "ad", "message")
ENTRY_CODES: Final = ("henan", "henan-english", "shelf-qr", "friend", "livestream")
AUTOMATIC: Final = ("welcome", "cart-reminder", "newsletter")

SEARCH_FORMS: Final = ("{leaf}", "{leaf} 推荐", "{leaf} 便宜", "新款{leaf}", "{brand} {leaf}")
SEARCHES: Final = tuple(
    form.format(leaf=path.rsplit("/", 1)[1], brand=BRANDS[place % len(BRANDS)])
    for place, path in enumerate(CATEGORIES)
    for form in SEARCH_FORMS
)
REVIEWS: Final = (
    "很失望，质量差", "和描述不符", "用了两天就坏了",
    "一般，不太满意", "尺寸不合适", "包装破了",
    "还可以", "中规中矩", "物流有点慢",
    "不错，会再来", "挺好用的", "性价比高",
    "非常满意", "质量很好，推荐", "回购多次了",
)  # fmt: skip
"""Three for each rating, 1 to 5."""
COMPLAINTS: Final = ("快递太慢，要投诉", "客服不回复", "商品有瑕疵，要求退款")
SURVEYS: Final = ("希望多一些优惠", "整体满意", "页面加载慢")
NOTICES: Final = ("欢迎加入，新人礼包已到账", "购物车里的商品还在等您", "本周上新", "活动开始，优惠券已到账")
"""Texts of a welcome, a reminder, a newsletter, a campaign."""
TEXTS: Final = (*SEARCHES, *REVIEWS, *COMPLAINTS, *SURVEYS, *NOTICES)
AT_REVIEWS: Final = len(SEARCHES)
AT_COMPLAINTS: Final = AT_REVIEWS + len(REVIEWS)
AT_SURVEYS: Final = AT_COMPLAINTS + len(COMPLAINTS)
AT_NOTICES: Final = AT_SURVEYS + len(SURVEYS)

PROPERTIES: Final = (
    *(json.dumps({"results": n}) for n in (0, 3, 8, 15, 24, 48, 72, 96)),
    *(json.dumps({"to": to}) for to in ("wechat", "weibo", "link")),
    *(json.dumps({"reason": why}) for why in ("size", "quality", "changed_mind")),
    *(json.dumps({"topic": topic}) for topic in ("delivery", "service", "product")),
    json.dumps({"question": "order"}),
    json.dumps({"reward": 20}),
    *(json.dumps({"template": name}) for name in AUTOMATIC),
    json.dumps({"template": "campaign", "arm": "message"}),
)
AT_RESULTS: Final = 0
AT_SHARED: Final = 8
AT_REASON: Final = 11
AT_TOPIC: Final = 14
AT_QUESTION: Final = 17
AT_REWARD: Final = 18
AT_TEMPLATE: Final = 19

GENDERS: Final = ("female", "male")
CITIES: Final = ("上海", "北京", "广州", "深圳", "杭州", "成都", "武汉", "郑州", "西安", "洛阳")
AGES: Final = ("18-24", "25-34", "35-44", "45-54", "55+")


@dataclass(frozen=True, slots=True)
class Papers:
    """What the users' sheet says of n people, as codes (int64, -1 for null); independent of type, state and taste."""

    gender: np.ndarray
    city: np.ndarray
    age: np.ndarray
    channel: np.ndarray
    code: np.ndarray


def papers(seed: int, users: np.ndarray) -> Papers:
    """Draw the sheet of the users with these numbers."""

    def draw(purpose: int, *weights: float) -> np.ndarray:
        bounds = np.cumsum(weights)[:-1] / sum(weights)
        return np.searchsorted(bounds, uniforms(seed, purpose, users), side="right").astype(np.int64)

    return Papers(
        gender=draw(10, 0.08, 0.52, 0.40) - 1,
        city=draw(11, *(1 / (2 + place) for place in range(len(CITIES)))),
        age=draw(12, 0.22, 0.36, 0.22, 0.13, 0.07),
        channel=draw(13, 0.42, 0.22, 0.26, 0.10),
        code=draw(14, 0.55, 0.12, 0.06, 0.10, 0.11, 0.06) - 1,
    )


def coded(codes: np.ndarray, words: tuple[str, ...]) -> pa.DictionaryArray:
    """Words by code, null for -1; the words must differ, or Parquet writes them in no fixed way."""
    assert len(set(words)) == len(words)
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=codes < 0), pa.array(words, pa.string()))
