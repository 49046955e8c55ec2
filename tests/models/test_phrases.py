"""Features said with a person's own value, in both languages."""

import re

import pytest

from features.catalogue import load
from features.traits import is_text
from models.phrases import FAMILIES, OUTCOMES, amount, family, outcome, phrase, written

CATALOGUE = load()


@pytest.mark.parametrize(
    ("name", "value", "en", "zh"),
    [
        ("cart_count_7d", 5.0, "5 cart additions in the last 7 days", "近7天加购5次"),
        ("cart_count_1d", 1.0, "1 cart addition in the last day", "近1天加购1次"),
        ("event_count_30d", 0.0, "0 events in the last 30 days", "近30天行为0次"),
        ("purchase_age", 3.0, "3 days since the last purchase", "距上次购买3天"),
        ("purchase_age", 0.25, "6 hours since the last purchase", "距上次购买6小时"),
        ("purchase_age", None, "no purchase seen", "未见购买"),
        ("activity_age", None, "days since the user last did anything: none", "未见主动行为"),
        ("signup_tenure", None, "no sign-up seen", "未见注册"),
        ("purchase_value_30d", 1234.5, "CNY 1,234 bought in the last 30 days", "近30天购买金额1,234元"),
        ("purchase_value_30d", 12.5, "CNY 12.50 bought in the last 30 days", "近30天购买金额12.50元"),
        ("discount_90d", 5.0, "CNY 5 of discounts received in the last 90 days", "近90天优惠金额5元"),
        ("purchase_value_mean_90d", None, "mean amount of a purchase in the last 90 days: none", "近90天平均每笔购买金额：无"),
        ("active_days_30d", 12.0, "12 days with any event in the last 30 days", "近30天活跃12天"),
        ("active_days_1d", 1.0, "1 day with any event in the last day", "近1天活跃1天"),
        ("items_7d", 1.0, "1 different item in the last 7 days", "近7天接触商品1个"),
        ("categories_7d", 1.0, "1 different category in the last 7 days", "近7天接触品类1个"),
        ("sessions_7d", 4.0, "4 sessions in the last 7 days", "近7天会话4次"),
        ("weekend_share_90d", 0.256, "26% of the last 90 days' events on Saturdays and Sundays", "近90天周末行为占比26%"),
        ("open_rate_90d", 0.4, "messages opened over messages sent in the last 90 days: 40%", "近90天消息打开率40%"),
        ("purchase_overdue", 1.52, "days since the last purchase over the own mean time between purchases: 1.52",
         "距上次购买天数与自身平均购买间隔之比为1.52"),
        ("purchase_gap_median", 14.2, "median of the times between purchase days: 14 days", "购买间隔中位数为14天"),
        ("dwell_7d", 200.0, "time spent on pages in the last 7 days: 3.3 minutes", "近7天页面停留时长3.3分钟"),
        ("lifetime_orders", 3.0, "3 purchases ever", "累计购买3次"),
        ("first_order_age", 90.0, "90 days since the first purchase ever", "距首次购买90天（历史）"),
        ("messages_ignored", 4.0, "4 messages from us in a row since the last one opened", "连续未打开的触达消息4条"),
        ("view_category_entropy_7d", 1.046, "spread of the views of the last 7 days over categories (entropy): 1.05",
         "近7天浏览品类分散度为1.05（熵）"),
        ("last_kind", "cart", "the last thing done: cart addition", "最近一次行为是加购"),
        ("last_channel", "小程序", "channel of the latest event that has one: 小程序", "最近来源渠道为小程序"),
        ("cart_age_per_purchase_age", None, "days since the last cart addition over days since the last purchase: none",
         "距上次加购与距上次购买天数之比：无"),
        ("user_age", 34.0, "age as the users table gives it: 34 years", "用户档案中的年龄为34岁"),
        ("rating_mean_365d", 4.5, "mean of the ratings given in the last 365 days: 4.5 points", "近365天评分均值为4.5分"),
    ],
)  # fmt: skip
def test_as_people_say_it(name, value, en, zh):
    entry = CATALOGUE.entries[name]
    assert (phrase(entry, value, "en", "CNY"), phrase(entry, value, "zh", "CNY")) == (en, zh)


@pytest.mark.parametrize("name", CATALOGUE.names)
def test_every_feature_reads_well(name):
    entry = CATALOGUE.entries[name]
    whole = entry.unit in {"events", "items", "categories", "sessions", "steps"}
    numbers = (0.0, 1.0, 2.0, 1234.0) if whole else (0.0, 1.0, 2.0, 0.37, 1234.5)
    values = ("cart" if entry.unit == "kind" else "42",) if is_text(entry.feature) else numbers
    for value in (*values, None):
        en, zh = phrase(entry, value, "en", "CNY"), phrase(entry, value, "zh", "CNY")
        for text, language in ((en, "en"), (zh, "zh")):
            assert text == text.strip()
            assert not re.search(r"  |None|nan|\b1 \w+s (in|of|since)\b|\(\)|（）", text), text
            assert value is None or written(entry, value, language, "CNY").split(" ")[0].rstrip("个次") in text
        assert re.search(r"[一-鿿]", zh)
        assert not re.search(r"[a-z]", zh), zh
        assert not re.search(r"[一-鿿]", en), en
        assert value is None or not en.startswith("number of")
        assert not re.search(r"\d次数|数\d|(?<!行为)为为|是是", zh), zh


def test_every_family_and_class_has_its_words():
    assert {entry.family for entry in CATALOGUE.entries.values()} == set(FAMILIES)
    assert family("own", "zh") == "own"
    for name in (*OUTCOMES, "buy_7d", "no_buy_30d", "0-1d"):
        assert "“" not in outcome(name, "en") + outcome(name, "zh")
    assert outcome("gold", "en") == outcome("gold", "zh") == "“gold”"


@pytest.mark.parametrize(
    ("value", "unit", "currency", "en", "zh"),
    [
        (12.5, "currency", "EUR", "EUR 12.50", "12.50 EUR"),
        (12.5, "currency", "", "12.50", "12.50"),
        (0.0, "days", "", "0 days", "0天"),
        (0.0003, "days", "", "0 days", "0天"),
        (0.01, "days", "", "14 minutes", "14分钟"),
        (45.4, "days", "", "45 days", "45天"),
        (0.0, "seconds", "", "0 seconds", "0秒"),
        (7200.0, "seconds", "", "2 hours", "2小时"),
        (1.0, "pieces", "", "1 piece", "1件"),
        (2.5, "nats", "", "2.5", "2.5"),
    ],
)
def test_amounts(value, unit, currency, en, zh):
    assert (amount(value, unit, "en", currency), amount(value, unit, "zh", currency)) == (en, zh)
