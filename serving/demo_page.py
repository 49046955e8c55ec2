"""The page that the demo ends with: what was read, how good the models are, ten users, and how to go on."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from features.show import figure
from features.workspace import Workspace

from .show import reason_lines, title

DATA = {
    "simulated": "a simulated shop whose true probabilities are known",
    "complete-journey": "The Complete Journey (84.51°): baskets, campaigns and coupons of 2,469 households in 2017",
    "taobao": "the head of Taobao UserBehavior: nine days of browsing, carts and purchases",
    "online-retail": "UCI Online Retail: a year of a wholesaler's invoices",
}

LEFT_OUT = {"taobao": "No churn model: in nine days nobody can be seen to leave."}


def show_page(console: Console, workspace: Workspace, data: str, steps: dict[str, Any], seconds: float) -> None:
    """Print the page.

    Args:
        console: Where to.
        workspace: The demo's workspace.
        data: Name of the data set.
        steps: What the verbs answered: ingest, train, score, answer.
        seconds: How long the demo took.
    """
    console.print()
    console.rule(f"[bold]Intently[/] on {DATA[data]}")
    read_part(console, steps["ingest"])
    models_part(console, steps["train"])
    if data in LEFT_OUT:
        console.print(f"  [dim]· {LEFT_OUT[data]}[/]")
    users_part(console, steps["answer"])
    console.print(
        f"\n[bold]Everybody[/]  {figure(steps['score']['users'])} users scored as of {steps['score']['as_of']}"
    )
    for name in ("scores", "tags"):
        console.print(f"  {name:<7} {steps['score'][name]}", soft_wrap=True)
    console.print("\n[bold]Go on with[/]")
    home = workspace.home
    user = steps["answer"]["users"][0]["user_id"]
    for command, meaning in (
        (f".venv/bin/intently --home {home} lookup {user} --clock log --explain", "one user's tags, with reasons"),
        (f".venv/bin/intently --home {home} ui", "the models' runs, compared in MLflow"),
        (
            f".venv/bin/intently --home {home} serve --clock log",
            "the service; http://127.0.0.1:3000/docs lists what it answers",
        ),
    ):
        console.print(f"  [bold cyan]{command}[/]\n      {meaning}", soft_wrap=True)
    console.print(f"[dim]{seconds:.0f} s in all[/]")


def read_part(console: Console, ingest: dict[str, Any]) -> None:
    """What was read and what was rejected, and why."""
    console.print(
        f"\n[bold]Read[/]  {figure(ingest['read'])} rows: {figure(ingest['accepted'])} accepted, "
        f"{figure(ingest['duplicate'])} already there, {figure(sum(ingest['quarantined'].values()))} put aside"
    )
    for rule, n in sorted(ingest["quarantined"].items(), key=lambda pair: -pair[1]):
        console.print(f"  {figure(n):>9}  {rule.replace('_', ' ')}")
    for note in ingest.get("notes", ()):
        console.print(f"  · {note}", style="dim", markup=False, soft_wrap=True)


def models_part(console: Console, train: dict[str, Any]) -> None:
    """Every target: log loss beside its baselines, and beside the best possible where the truth is known."""
    table = Table(title="\n[bold]Models[/]  on weeks after those they were trained on", title_justify="left")
    for name in ("target", "", "log loss", "95 %", "AUC", "calibration error", "lift at 10 %"):
        table.add_column(name, justify="left" if name in {"target", ""} else "right")
    for name, target in train["targets"].items():
        if "error" in target:
            table.add_row(name, "not trained", escape(target["error"]["message"]))
            continue
        table.add_section()
        table.add_row(name, "[bold]model[/]", *cells(target["metrics"]))
        for baseline, metrics in target["baselines"].items():
            table.add_row("", baseline.replace("_", " "), *cells(metrics))
        if "truth" in target:
            table.add_row("", "best possible", f"{target['truth']['best_log_loss']:.4f}")
    console.print(table)
    for name, target in train["targets"].items():
        if "truth" in target:
            share = target["truth"]["share"]
            console.print(f"  {name}: [bold]{share:.0%}[/] of what can be gained over the base rate at all")
        for note in target.get("notes", ()):
            console.print(
                f"  · {note if note.startswith(name) else f'{name}: {note}'}", style="dim", markup=False, soft_wrap=True
            )


def cells(metrics: dict[str, Any]) -> list[str]:
    """A row of figures; a dash where undefined."""
    loss = metrics["log_loss"]
    interval = "" if loss.get("low") is None else f"{loss['low']:.4f}–{loss['high']:.4f}"
    return [
        number(loss, 4),
        interval,
        number(metrics.get("auc"), 3),
        number(metrics.get("ece"), 4),
        number(metrics.get("lift_10"), 2),
    ]


def number(metric: dict[str, Any] | None, digits: int) -> str:
    """One figure."""
    return "—" if metric is None or metric.get("value") is None else f"{metric['value']:.{digits}f}"


def users_part(console: Console, answer: dict[str, Any]) -> None:
    """Ten users: predicted tags with probabilities, other tags, and the reasons of the first predicted one."""
    table = Table(title=f"\n[bold]Ten users[/]  as of {answer['as_of']}", title_justify="left", show_lines=True)
    for name in ("user", "predicted", "other tags", "because"):
        table.add_column(name)
    for user in answer["users"]:
        predicted = [tag for tag in user["tags"] if tag["probability"] is not None]
        others = [tag for tag in user["tags"] if tag["probability"] is None]
        table.add_row(
            user["user_id"],
            "\n".join(f"{tag['name']} [bold]{tag['value']}[/] {tag['probability']:.2f}" for tag in predicted),
            "\n".join(f"{title(tag) or tag['name']} [dim]{tag['value']}[/]" for tag in others),
            "\n".join(dict.fromkeys(line for tag in predicted for line in reason_lines(tag)[:1])),
        )
    console.print(table)
