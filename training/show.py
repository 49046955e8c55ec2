"""A training as people read it: a table a target, the model beside its baselines and, where known, the best possible."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

METRICS = {
    "log_loss": "log loss ↓",
    "brier": "Brier ↓",
    "auc": "AUC ↑",
    "average_precision": "avg. precision ↑",
    "ece": "calibration error ↓",
    "lift_10": "lift at 10 % ↑",
}


def show_training(result: dict[str, Any], console: Console | None = None) -> None:
    """Version, then every target; a target that failed says why."""
    console = console or Console(highlight=False)
    for name, target in result["targets"].items():
        console.print(target_table(name, target))
        for line in remarks(target):
            console.print(f"· {line}", style="dim", markup=False, soft_wrap=True)
        console.print()
    for note in result.get("notes", ()):
        console.print(f"· {note}", style="dim", markup=False, soft_wrap=True)
    console.print(
        f"Version [bold]{result['version']}[/] is registered. Let it answer: [bold]intently promote {result['version']}[/]"
    )


def target_table(name: str, target: dict[str, Any]) -> Table:
    """One target's metrics: the model, each baseline, and the best possible where the truth is known."""
    if "error" in target:
        table = Table(title=f"[bold]{name}[/] was not trained", show_header=False, title_justify="left")
        table.add_row(escape(target["error"]["message"]))
        return table
    head = f"{target['n_train']:,} rows to train on, {target['n_test']:,} to test on"
    table = Table(title=f"[bold]{name}[/]  {head}", title_justify="left")
    table.add_column("")
    for label in METRICS.values():
        table.add_column(label, justify="right")
    table.add_row("[bold]model[/]", *(cell(target["metrics"].get(metric), bold=True) for metric in METRICS))
    for baseline, metrics in target["baselines"].items():
        table.add_row(baseline.replace("_", " "), *(cell(metrics.get(metric)) for metric in METRICS))
    if "truth" in target:
        best = {"log_loss": {"value": target["truth"]["best_log_loss"]}}
        table.add_row("best possible", *(cell(best.get(metric)) for metric in METRICS))
    return table


def remarks(target: dict[str, Any]) -> list[str]:
    """What a reader should know beside the table."""
    lines = []
    if "truth" in target:
        lines.append(
            f"{target['truth']['share']:.0%} of the attainable gain, from the base rate's log loss to the exact filter's"
        )
    if target.get("memory"):
        lines.append(memory(target["memory"]))
    return lines + list(target.get("notes", ()))


def memory(found: dict[str, Any]) -> str:
    """How large the matrices are, and of how many rows those to train on are a sample."""
    train = found["train"]
    sampled = "" if train["rows"] == train["of"] else f" (a sample of {train['of']:,})"
    sizes = ", ".join(f"{part['mib']:g} MiB {name}" for name, part in found.items() if isinstance(part, dict))
    return f"{train['rows']:,} rows{sampled} × {found['features']} features; matrices: {sizes}"


def cell(metric: dict[str, Any] | None, *, bold: bool = False) -> str:
    """A value with its interval below it; a dash where undefined."""
    if metric is None or metric.get("value") is None:
        return "—"
    value = f"[bold]{metric['value']:.4f}[/]" if bold else f"{metric['value']:.4f}"
    if metric.get("low") is None:
        return value
    return f"{value}\n[dim]{metric['low']:.4f}–{metric['high']:.4f}[/]"


def show_entities(result: dict[str, Any]) -> None:
    """What was written, and a row a target on what came next."""
    from features.show import show_facts

    show_facts({name: value for name, value in result.items() if name not in {"targets", "notes"}})
    console = Console(highlight=False)
    if result["targets"]:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("target", "label known", "in the cohort", "of both, by class"):
            table.add_column(name, justify="left" if name in {"target", "of both, by class"} else "right")
        for name, found in result["targets"].items():
            classes = ", ".join(f"{label} {n:,}" for label, n in found["classes"].items())
            table.add_row(f"[bold]{name}[/]", f"{found['labelled']:,}", f"{found['cohort']:,}", classes)
        console.print(table)
    for note in result["notes"]:
        console.print(f"· {note}", style="dim", markup=False, soft_wrap=True)


def show_feature_report(result: dict[str, Any]) -> None:
    """What was looked at, what deserves a look, and where the page is."""
    console = Console(highlight=False)
    people = result["people"]
    sampled = "" if people["sampled"] == people["of"] else f" (a sample of {people['sampled']:,})"
    console.print(
        f"{len(result['features']):,} features of {people['of']:,} people{sampled}, as of {result['as_of']}, "
        f"against {result['against']}",
        soft_wrap=True,
    )
    for flag, names in result["summary"].items():
        if names:
            more = f" + {len(names) - 5:,}" if len(names) > 5 else ""
            console.print(f"  [bold]{flag:<9}[/] {len(names):>4}  [dim]{', '.join(names[:5])}{more}[/]", soft_wrap=True)
    console.print(f"Open [bold]{result['path']}[/] in a browser.", soft_wrap=True)
