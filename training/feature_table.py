"""The feature report's table of all features, and what is told of each one by one."""

import math
from html import escape

from features.profile import COMMONEST, LEVELS, Numbers, Texts

from .feature_pictures import bar, figure, histogram, pairs, percent, spark
from .feature_told import FLAGS, Report, Told, share
from .feature_wording import Wording

Cell = tuple[str, object, str]
"""Class, what it is sorted by, what is shown."""


def table(report: Report, words: Wording) -> str:
    """A row a feature, to be sorted and filtered."""
    keys = ["feature", "answered", "something", "typical", "range", "distribution", "PSI", "KS"]
    keys += [*(["gain"] if report.importances else []), "group", "flags"]
    head = "".join(
        f'<th class="{"left" if key in {"feature", "flags"} else ""}">{words.word(key)}</th>' for key in keys
    )
    rows = "".join(_row(one, words) for one in report.told)
    return (
        f'<div class="tools">{_tools(report, words)}</div><div class="scroll">'
        f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def ones(report: Report, words: Wording) -> str:
    """All of every feature, folded."""
    return f'<div id="ones">{"".join(_one(one, report, words) for one in report.told)}</div>'


def commonest(one: Told, words: Wording, most: int = COMMONEST) -> str:
    """The commonest texts, now and then, as shares of all people; at most so many by name."""
    now, then = one.now, one.then
    if not isinstance(now, Texts) or not isinstance(then, Texts) or not (now.answered or then.answered):
        return f'<p class="soft">{words.t("no_answers")}</p>'
    first = list(now.counts or then.counts)[:most]
    rows = [(escape(value), now.counts.get(value, 0), then.counts.get(value, 0)) for value in first]
    rest = [side.answered - sum(side.counts.get(value, 0) for value in first) for side in (now, then)]
    rows += [(words.t("others"), rest[0], rest[1])] if any(rest) else []
    rows.append((words.t("nothing"), now.n - now.answered, then.n - then.answered))
    shares = [(name, share(a, now.n) or 0.0, share(b, then.n)) for name, a, b in rows]
    return pairs([(name, a, b or 0.0, percent(b)) for name, a, b in shares], together=True)


def _tools(report: Report, words: Wording) -> str:
    families = dict.fromkeys(one.entry.family for one in report.told)
    flags = [flag for flag in FLAGS if report.flagged(flag)]
    family = "".join(f"<option>{escape(name)}</option>" for name in families)
    flag = "".join(f'<option value="{name}">{words.t(f"flag_{name}")}</option>' for name in flags)
    said = words.t("filter")
    return (
        f'<input data-by="text" type="search" placeholder="{said}" aria-label="{said}">'
        f'<select data-by="family" aria-label="{words.t("family")}">'
        f'<option value="">{words.t("every_family")}</option>{family}</select>'
        f'<select data-by="flag" aria-label="{words.t("flags")}"><option value="">{words.t("every_flag")}</option>{flag}</select>'
        f'<span class="soft"><span id="count">{len(report.told)}</span> {words.t("shown")}</span>'
    )


def _row(one: Told, words: Wording) -> str:
    entry, now = one.entry, one.now
    tags = "".join(f'<span class="tag {flag}">{words.t(f"flag_{flag}")}</span>' for flag in one.flags)
    name = f'<a href="#f-{entry.name}">{entry.name}</a><small>{escape(entry.family)} · {words.title(one)}</small>'
    answered = now.answered / now.n
    cells: list[Cell] = [("left wide", entry.name, name), ("", answered, f"{bar(answered)}{percent(answered)}")]
    if isinstance(now, Numbers):
        low, middle, high = (float(now.quantiles[LEVELS.index(level)]) for level in (0.05, 0.5, 0.95))
        something = now.something / now.n
        cells += [
            ("", something, percent(something)),
            ("", middle, figure(middle)),
            ("", high, f"{figure(low)} – {figure(high)}" if now.answered else "—"),
            ("", now.distinct, spark(one.bars[0])),
        ]
    else:
        most = next(iter(now.counts), "—")
        cells += [
            ("", answered, percent(answered)),
            ("wide", most, escape(most)),
            ("", math.nan, ""),
            ("", now.distinct, f"{now.distinct:,}"),
        ]
    cells += [("", one.psi, figure(round(one.psi, 3))), ("", one.ks, figure(round(one.ks, 3)))]
    cells += [("", one.gain, percent(one.gain))] if one.gain is not None else []
    group = math.nan if one.group is None else one.group + 1
    cells += [("", group, "" if one.group is None else f"{group}"), ("left wide", len(one.flags), tags)]
    text = escape(f"{entry.name} {entry.en} {entry.zh}".lower())
    return (
        f'<tr data-text="{text}" data-family="{escape(entry.family.lower())}" data-flags="{" ".join(one.flags)}">'
        + "".join(f'<td class="{kind}" data-v="{_sorted_by(value)}">{shown}</td>' for kind, value, shown in cells)
        + "</tr>"
    )


def _sorted_by(value: object) -> str:
    """What the script sorts by; empty, which comes last, for nothing."""
    return "" if isinstance(value, float) and math.isnan(value) else escape(str(value))


def _one(one: Told, report: Report, words: Wording) -> str:
    name = one.entry.name
    facts = [
        ("question", words.question(one)),
        ("unit", words.unit(one)),
        ("family", escape(one.entry.family)),
        ("PSI", figure(round(one.psi, 3))),
    ]
    facts += [("KS", figure(round(one.ks, 3)))] if not math.isnan(one.ks) else []
    facts += [("gain", percent(one.gain))] if one.gain is not None else []
    if one.group is not None:
        others = (other for other in report.groups[one.group].names if other != name)
        facts.append(("group", ", ".join(f'<a href="#f-{other}">{other}</a>' for other in others)))
    listed = "".join(f"<dt>{words.word(key)}</dt><dd>{value}</dd>" for key, value in facts)
    picture = histogram(one.bars, one.edges, name) or commonest(one, words)
    return (
        f'<details id="f-{name}"><summary>{name}<span>{words.title(one)}</span></summary>'
        f'<div class="one"><div><dl>{listed}</dl>{picture}</div><div>{_compared(one, words)}</div></div></details>'
    )


def _compared(one: Told, words: Wording) -> str:
    """Figures now and then, side by side."""
    sides = (one.now, one.then)
    rows = [("answered", [percent(share(side.answered, side.n)) for side in sides])]
    if isinstance(one.now, Numbers) and isinstance(one.then, Numbers):
        numbers = (one.now, one.then)
        rows.append(("something", [percent(share(side.something, side.n)) for side in numbers]))
        rows.append(("distinct", [f"{side.distinct:,}" for side in numbers]))
        rows.append(("mean", [figure(side.mean) for side in numbers]))
        rows.append(("deviation", [figure(side.deviation) for side in numbers]))
        for place, level in enumerate(LEVELS):
            said = words.t("quantile", n=f"{100 * level:g}")
            rows.append((said, [figure(float(side.quantiles[place])) for side in numbers]))
    else:
        rows.append(("distinct", [f"{side.distinct:,}" for side in sides]))
    head = f'<tr><th></th><th><span class="key"></span>{words.now}</th><th><span class="key line"></span>{words.then}</th></tr>'
    body = "".join(
        f'<tr><td class="left soft">{words.word(key)}</td>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for key, cells in rows
    )
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"
