"""The feature report as one HTML file: styles, script and pictures in it, for use without a network, on screen or paper."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import Final

import numpy as np

from features.events import DAY
from features.profile import Texts

from .feature_pictures import bar, figure, histogram, pairs, percent
from .feature_table import commonest, ones, table
from .feature_told import FLAGS, Report, Told
from .feature_wording import Wording
from .importance import Importance

TEMPLATE: Final = Path(__file__).with_name("feature_report.html")
MOST_CHIPS: Final = 10
MOST_CARDS: Final = 12
MOST_WEIGHTS: Final = 20
FEW: Final = 3
"""Members of groups that stand side by side, and texts named in a card."""
GRAVITY: Final = {
    "empty": "grave", "constant": "grave", "shifted": "grave", "sparse": "warn", "dominated": "warn", "moved": "warn",
}  # fmt: skip


def page(report: Report, language: str) -> str:
    """The report as HTML, in English or Chinese (`en`, `zh`)."""
    words = Wording(report, language)
    sections = {
        "overview": overview(report, words),
        "drift": section("drift", words, drift(report, words)),
        "redundancy": section("redundancy", words, redundancy(report, words)),
        "importance": section("importance", words, importance(report, words)),
        "all": section("all", words, table(report, words)),
        "one_by_one": section("one_by_one", words, ones(report, words)),
        "method": section("method", words, method(report, words)),
    }
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        lang="zh-CN" if words.zh else "en",
        title=words.t("title"),
        nav="".join(f'<a href="#s-{key}">{words.t(key)}</a>' for key in sections),
        body="\n".join([header(report, words), *sections.values()]),
    )


def section(key: str, words: Wording, inner: str) -> str:
    """A part of the page, under its title."""
    return f'<section id="s-{key}"><h2>{words.t(key)}</h2>{inner}</section>'


def header(report: Report, words: Wording) -> str:
    """What is looked at."""
    n, m = report.sampled[0], report.people.people[0]
    about = [
        words.t("compared"),
        words.t("people_all", n=f"{n:,}") if n == m else words.t("people_some", n=f"{n:,}", m=f"{m:,}"),
        words.t("n_features", n=f"{len(report.told):,}"),
        words.t("timezone", timezone=report.facts.timezone),
        *([words.t("model", version=report.version)] if report.version is not None else []),
    ]
    head = f"<small>{words.t('overline')}</small><h1>{words.t('title')}</h1>"
    return f'<header>{head}<div class="soft">{" · ".join(about)}</div></header>'


def overview(report: Report, words: Wording) -> str:
    """Tiles, what deserves a look, and a row a family."""
    n = {flag: len(report.flagged(flag)) for flag in FLAGS}
    families = len({one.entry.family for one in report.told})
    tiles = [
        (f"{len(report.told):,}", "features", families),
        (percent(float(np.median([one.now.answered / one.now.n for one in report.told]))), "answered", ""),
        (f"{n['empty'] + n['constant']:,}", "useless", ""),
        (f"{n['shifted']:,}", "shifted", n["moved"]),
        (f"{n['redundant']:,}", "redundant", len(report.groups)),
    ]
    shown = "".join(
        f'<div class="tile"><b>{value}</b>{words.t(f"tile_{key}")}<small>{words.t(f"tile_{key}_note", n=beside)}</small></div>'
        for value, key, beside in tiles
    )
    notes = "".join(f'<p class="soft">{note}</p>' for note in _notes(report, words))
    found = "".join(_finding(report, words, flag) for flag in FLAGS if n[flag]) or f"<p>{words.t('fine')}</p>"
    return (
        f'<div class="tiles" id="s-overview">{shown}</div><section><h2>{words.t("look")}</h2>{notes}{found}</section>'
        f"<section>{_families(report, words)}</section>"
    )


def _notes(report: Report, words: Wording) -> Iterator[str]:
    """What to know before reading a figure."""
    (as_of, against), n, m = report.people.cutoffs, report.sampled[0], report.people.people[0]
    if n < m:
        yield words.t("note_sample", n=f"{n:,}", m=f"{m:,}")
    if 0 < against - report.first < report.facts.retention_days * DAY:
        yield words.t("note_young", days=f"{(against - report.first) / DAY:.0f}")
    if as_of - report.last > DAY:
        yield words.t("note_stale", end=words.instant(report.last), days=f"{(as_of - report.last) / DAY:.0f}")
    if not report.people.people[1]:
        yield words.t("no_against")


def _finding(report: Report, words: Wording, flag: str) -> str:
    """One thing that deserves a look: how many, why, which."""
    members, by_psi = report.flagged(flag), flag in ("shifted", "moved")
    if by_psi:
        members.sort(key=lambda one: -one.psi)
    chips = "".join(words.chip(one, figure(round(one.psi, 2)) if by_psi else "") for one in members[:MOST_CHIPS])
    more = f'<span class="soft">+ {len(members) - MOST_CHIPS:,}</span>' if len(members) > MOST_CHIPS else ""
    return (
        f'<div class="finding {GRAVITY.get(flag, "calm")}"><b>{len(members):,}</b><div>{words.t(flag)}'
        f"<p>{words.t(f'{flag}_why')}</p>{chips}{more}</div></div>"
    )


def _families(report: Report, words: Wording) -> str:
    """A row a family."""
    members: dict[str, list[Told]] = {}
    for one in report.told:
        members.setdefault(one.entry.family, []).append(one)
    gains = {one.target: report.families(one) for one in report.importances}
    columns = (("empty", "constant"), ("shifted",), ("moved",), ("redundant",))
    heads = ["family", "features", "answered", *(f"flag_{flags[0]}" for flags in columns)]
    head = "".join(f'<th class="{"" if n else "left"}">{words.t(key)}</th>' for n, key in enumerate(heads))
    head += "".join(f"<th>{words.t('gain')} {escape(target)}</th>" for target in gains)
    rows = ""
    for family, own in members.items():
        answered = float(np.median([one.now.answered / one.now.n for one in own]))
        rows += f'<tr><td class="left">{escape(family)}</td><td>{len(own):,}</td><td>{bar(answered)}{percent(answered)}</td>'
        for flags in columns:
            rows += f"<td>{sum(bool(set(flags) & set(one.flags)) for one in own) or '·'}</td>"
        for found in gains.values():
            gain = found.get(family, (0.0, 0.0))[0]
            rows += f"<td>{bar(gain)}{percent(gain)}</td>"
        rows += "</tr>"
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def drift(report: Report, words: Wording) -> str:
    """The features that moved most, as pictures."""
    if not report.people.people[1]:
        return f'<p class="soft">{words.t("no_against")}</p>'
    moved = sorted((one for one in report.told if {"shifted", "moved"} & set(one.flags)), key=lambda one: -one.psi)
    if not moved:
        return f'<p class="soft">{words.t("no_drift")}</p>'
    cards = ""
    for one in moved[:MOST_CARDS]:
        figures = f"PSI {figure(round(one.psi, 3))}"
        figures += "" if np.isnan(one.ks) else f" · KS {figure(round(one.ks, 3))}"
        cards += (
            f'<div class="card"><a href="#f-{one.entry.name}"><b>{one.entry.name}</b></a>'
            f"<p>{words.title(one)} · {words.unit(one)}<br>{figures}</p>"
            f"{histogram(one.bars, one.edges, one.entry.name) or commonest(one, words, FEW)}</div>"
        )
    return f'<p class="soft">{words.t("drift_intro")}</p><p>{words.key}</p><div class="cards">{cards}</div>'


def redundancy(report: Report, words: Wording) -> str:
    """Groups of features that say the same."""
    told = {one.entry.name: one for one in report.told}
    large = small = ""
    for group in report.groups:
        first, *others = (told[name] for name in group.names)
        alike = words.t("alike_texts" if isinstance(first.now, Texts) else "alike", least=f"{group.least:.3f}")
        chips = words.chip(first)
        chips += "".join(words.chip(o, f"{like:.3f}") for o, like in zip(others, group.likeness[1:], strict=True))
        shown = f'<div class="finding calm"><b>{len(group.names)}</b><div>{alike}<br>{chips}</div></div>'
        large, small = (large + shown, small) if len(group.names) > FEW else (large, small + shown)
    intro = words.t("redundancy_intro" if report.groups else "no_groups")
    return f'<p class="soft">{intro}</p>{large}<div class="small">{small}</div>'


def importance(report: Report, words: Wording) -> str:
    """What each target's model rests on."""
    if not report.importances:
        return f'<p class="soft">{words.t("no_model")}</p>'
    return "".join(_weights(report, one, words) for one in report.importances)


def _weights(report: Report, one: Importance, words: Wording) -> str:
    """Bars of gain and contribution, by family and by feature."""
    known = {told.entry.name: told for told in report.told}
    families = [(escape(name), gain, share, percent(share)) for name, (gain, share) in report.families(one).items()]
    features = [
        (
            f'<a href="#f-{name}" title="{words.title(known[name])}">{name}</a>' if name in known else escape(name),
            gain,
            contribution,
            f"{contribution:.3f}",
        )
        for name, gain, contribution in sorted(
            zip(one.names, one.gain.tolist(), one.contribution.tolist(), strict=True), key=lambda row: (-row[1], row[0])
        )[:MOST_WEIGHTS]
    ]
    key = f'<span class="key"></span>{words.t("gain")}<span class="key line"></span>{words.t("contribution")}'
    return (
        f'<h3>{escape(one.target)}</h3><p class="soft">{words.t("importance_intro", n=f"{one.people:,}")}</p><p>{key}</p>'
        f'<div class="two"><div><h3>{words.t("by_family")}</h3>{pairs(families)}</div>'
        f"<div><h3>{words.t('by_feature', n=len(features))}</h3>{pairs(features)}</div></div>"
    )


def method(report: Report, words: Wording) -> str:
    """How the figures are made."""
    keys = ["people", "answered", "bins", "psi", "ks", "rho", *(["shap"] if report.importances else [])]
    retention = report.facts.retention_days
    return "".join(f'<p class="soft">{words.t(f"method_{key}", retention=retention)}</p>' for key in keys)
