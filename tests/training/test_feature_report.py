"""The feature report: its figures against pandas on what `features compute` writes, its page, and what it refuses."""

import json
import re
import tomllib
from html.parser import HTMLParser

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import ks_2samp

from features import catalogue
from features.compute import compute_file
from features.errors import InputError, NotFoundError, NotReadyError, SpecError
from features.events import DAY
from features.log import EventLog
from features.workspace import Facts, Workspace
from training import feature_report
from training.feature_page import page
from training.feature_report import looked, report
from training.feature_told import FLAGS
from training.feature_wording import WORDS
from training.importance import importances, loaded
from training.show import show_feature_report

CHOSEN = ["purchase_*", "view_*", "event_*", "*channel*"]


@pytest.fixture(scope="module")
def home(trained):
    """The small shop, with version 1."""
    return trained[0].workspace


@pytest.fixture(scope="module")
def told(home, tmp_path_factory):
    """What the report answers, the answers now and then as frames, and the page."""
    folder = tmp_path_factory.mktemp("report")
    answer = report(home, folder / "r.html", names=CHOSEN, model="1")
    now = EventLog(home).last_ts + 1
    compute_file(home, [now, now - 28 * DAY], CHOSEN, folder / "f.parquet")
    frame = pq.ParquetFile(folder / "f.parquet").read().to_pandas()
    frame = frame[frame.event_age.notna()]
    then = frame.cutoff.min()
    return answer, frame[frame.cutoff > then], frame[frame.cutoff == then], (folder / "r.html").read_text("utf-8")


def test_shape(told):
    answer, now, then, _ = told
    assert set(answer) == {"as_of", "against", "people", "model", "summary", "groups", "importance", "features", "path"}
    assert answer["people"] == {"sampled": len(now), "of": len(now), "sampled_then": len(then), "of_then": len(then)}
    assert answer["model"] == "1"
    assert list(answer["summary"]) == list(FLAGS)
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert set(answer["importance"]) == {"stage_7d", "churn_30d"}


def test_every_figure_is_pandas(told):
    answer, now, then, _ = told
    assert len(answer["features"]) > 40
    for row in answer["features"]:
        a, b = now[row["name"]], then[row["name"]]
        assert row["answered"] == pytest.approx(a.notna().mean())
        assert row["answered_then"] == pytest.approx(b.notna().mean())
        assert row["distinct"] == a.nunique()
        if row["type"] == "text":
            assert row["values"] == a.value_counts().loc[list(row["values"])].to_dict()
            assert row["ks"] is None
            continue
        assert row["something"] == pytest.approx((a.notna() & (a != 0)).mean())
        if a.notna().any():
            assert row["mean"] == pytest.approx(a.mean())
            found = [row["quantiles"][level] for level in ("0.05", "0.5", "0.99")]
            assert found == pytest.approx(a.quantile([0.05, 0.5, 0.99]).tolist())
            assert row["ks"] == pytest.approx(ks_2samp(b.dropna(), a.dropna()).statistic)


def test_psi_by_another_way(told):
    answer, now, then, _ = told
    for row in answer["features"]:
        if row["type"] == "number" and then[row["name"]].notna().any():
            a, b = now[row["name"]], then[row["name"]]
            known = sorted(b.dropna())
            edges = sorted({known[-(-k * len(known) // 10) - 1] for k in range(1, 10)})
            bins = [-np.inf, *edges, np.inf]
            earlier, later = (
                np.append(pd.cut(x.dropna(), bins).value_counts(sort=False).to_numpy(), x.isna().sum()) for x in (b, a)
            )
            held = earlier + later > 0
            q, p = ((c[held] + 0.5) / (c.sum() + held.sum() / 2) for c in (earlier, later))
            assert row["psi"] == pytest.approx(float(((p - q) * np.log(p / q)).sum())), row["name"]


def test_groups_are_alike_by_pandas(told):
    answer, now, _, _ = told
    assert answer["groups"]
    types = {row["name"]: row["type"] for row in answer["features"]}
    gain = {row["name"]: row["gain"] for row in answer["features"]}
    for group in answer["groups"]:
        if types[group["names"][0]] == "number":
            rho = now[group["names"]].corr("spearman").abs().to_numpy()
            assert rho.min() >= 0.95 - 1e-9, group["names"]
            assert group["least"] <= rho.min() + 1e-9
        assert gain[group["names"][0]] == max(gain[name] for name in group["names"])
    spare = {name for group in answer["groups"] for name in group["names"][1:]}
    assert set(answer["summary"]["redundant"]) == spare


def test_gain_is_the_boosters(home, told):
    for name, found in told[0]["importance"].items():
        booster = lightgbm.Booster(model_file=str(home.bundles / "1" / f"{name}.booster.txt"))
        gain = pd.Series(booster.feature_importance("gain"), booster.feature_name())
        shown = pd.Series({row["name"]: row["gain"] for row in found["features"]})
        np.testing.assert_allclose(shown.sort_index(), (gain / gain.sum()).sort_index())
        assert found["features"][0]["gain"] == max(shown)
        assert sum(family["contribution"] for family in found["families"].values()) == pytest.approx(1)
        assert sum(family["gain"] for family in found["families"].values()) == pytest.approx(1)
        assert found["people"] > 100


def test_contributions_are_the_mean_of_every_persons(home):
    bundle, log = loaded(home, "1"), EventLog(home)
    now = log.last_ts - 10 * DAY
    users = [user for bucket in log.buckets() for user in log.read(bucket, (), ()).users.to_pylist()]
    histories = log.read_users(users, bundle.program.fields, bundle.program.texts)
    matrix = bundle.answers(log.informed(histories, bundle.program.attributes), now)
    for found in importances(bundle, log, now):
        model = bundle.models[found.target]
        rows = np.flatnonzero(model.target.eligible(matrix))
        places = [1] if model.target.binary else range(len(model.target.classes))
        each = [np.abs(model.explained(matrix, rows, place)[0]).mean(axis=0) for place in places]
        assert found.people == len(rows)
        np.testing.assert_allclose(found.contribution, np.mean([one for one in each if one.any()], axis=0), rtol=1e-9)


class Reading(HTMLParser):
    """Elements that are opened and closed, and what they refer to."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.problems = [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "input", "br"}:
            self.open.append(tag)
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values[name] for name in ("href", "src") if name in values]

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append((tag, self.getpos()))


def test_the_page_stands_alone_and_is_whole(told):
    text = told[3]
    reading = Reading()
    reading.feed(text)
    assert not reading.problems
    assert reading.open == []
    assert len(set(reading.ids)) == len(reading.ids)
    assert reading.links
    assert all(link.startswith("#") for link in reading.links)
    assert {link[1:] for link in reading.links} <= set(reading.ids)
    assert not re.search(r"https?://|@import|url\(", text)
    outside = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r">\s*nan|NaN|None|\$|\{\w+\}", outside)


def test_the_page_names_every_feature_and_what_deserves_a_look(told):
    answer, _, _, text = told
    for row in answer["features"]:
        assert f'<details id="f-{row["name"]}">' in text
        assert f'<a href="#f-{row["name"]}">{row["name"]}</a>' in text
    for flag, names in answer["summary"].items():
        assert (f'<option value="{flag}">' in text) == bool(names)


def test_in_chinese(home):
    text = page(looked(home, names=["purchase_count_*", "last_channel"]), "zh")
    assert 'lang="zh-CN"' in text
    for words in ("值得留意", "近30天购买次数", "近30天购买的行为次数", "漂移", "方法"):
        assert words in text
    outside = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    assert "median" not in outside
    assert "answered" not in outside


def test_every_word_is_there_twice_and_takes_the_same_parts():
    for key, pair in tomllib.loads(WORDS.read_text(encoding="utf-8")).items():
        assert len(pair) == 2
        assert all(pair), key
        en, zh = (set(re.findall(r"\{(\w+)\}", text)) for text in pair)
        assert en == zh, key


def test_texts_of_a_log_cannot_write_the_page(tmp_path):
    home = Workspace.at(tmp_path / "home", {})
    home.fix(Facts(buckets=2))
    evil = '<script>alert("x")</script>'
    ts = [1_750_000_000_000_000 + n * DAY for n in range(60)]
    events = {"user_id": [f"u{n % 20}" for n in range(60)], "ts": ts, "kind": ["view"] * 60, "channel": [evil] * 60,
              "event_id": [str(t) for t in ts], "source": [""] * 60}  # fmt: skip
    with home.writing("test"):
        EventLog(home).append([pa.table(events)], arrived_at=None)
    answer = report(home, tmp_path / "r.html", names=["last_channel", "view_*", "purchase_age"])
    text = (tmp_path / "r.html").read_text("utf-8")
    assert evil not in text
    assert "&lt;script&gt;alert" in text
    assert "purchase_age" in answer["summary"]["empty"]
    assert "last_channel" in answer["summary"]["constant"]
    assert (answer["importance"], answer["model"]) == ({}, None)


def test_a_log_that_is_younger_than_the_comparison(home, tmp_path):
    first = EventLog(home).first_ts
    answer = report(home, tmp_path / "r.html", as_of=first + 5 * DAY, names=["view_*"])
    assert answer["people"]["of_then"] == 0
    assert {row["psi"] for row in answer["features"]} == {None}
    assert "there is nothing to compare with" in (tmp_path / "r.html").read_text("utf-8")


def test_a_sample_says_so(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(feature_report, "PEOPLE", 200)
    answer = report(home, tmp_path / "r.html", names=["view_*"])
    people = answer["people"]
    assert people["sampled"] < people["of"]
    assert f"a sample of {people['sampled']:,} of {people['of']:,} people" in (tmp_path / "r.html").read_text("utf-8")
    show_feature_report(answer)
    said = capsys.readouterr().out
    assert f"features of {people['of']:,} people (a sample of {people['sampled']:,})" in said
    assert "r.html" in said


def test_what_cannot_be_done_is_refused_and_leaves_nothing(home, tmp_path):
    out = tmp_path / "r.html"
    with pytest.raises(SpecError, match="purchase_count_30d"):
        report(home, out, names=["purchase_cuont_30d"])
    with pytest.raises(InputError, match="no folder"):
        report(home, tmp_path / "none" / "r.html")
    with pytest.raises(InputError, match="not before"):
        report(home, out, as_of=1_750_000_000_000_000, against=1_750_000_000_000_000)
    with pytest.raises(NotReadyError, match="Nobody has an event"):
        report(home, out, as_of=1_000_000_000_000_000)
    with pytest.raises(NotFoundError, match="no version '7'"):
        report(home, out, names=["view_age"], model="7")
    empty = Workspace.at(tmp_path / "empty", {})
    empty.fix(Facts())
    with pytest.raises(NotReadyError, match="no events"):
        report(empty, out)
    assert not list(tmp_path.glob("*r.html*"))


def test_the_whole_catalogue_has_a_page(home):
    made = looked(home)
    assert len(made.told) == len(catalogue.of(home).entries)
    assert page(made, "en").count("<details") == len(made.told)
