"""MLflow's own page on a workspace, opened where the models' runs are."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

from features.errors import BusyError, InternalError
from features.workspace import Workspace

HOST: Final = "127.0.0.1"
START: Final = 120.0
"""Seconds that the page may take to come up; it took 19 on 2 cores."""


def runs_url(base: str, experiment: str) -> str:
    """Where an experiment's runs are, in the page's model training mode rather than its GenAI one."""
    return f"{base.rstrip('/')}/#/experiments/{experiment}/runs?workflowType=machine_learning"


def ui(workspace: Workspace, port: int, *, open_browser: bool = True) -> dict[str, Any]:
    """Serve MLflow's page on 127.0.0.1 until Ctrl-C; where the store is a server, open its own page.

    Raises:
        BusyError: The port is in use.
        NotReadyError: Nothing was ingested, or the store does not answer.
    """
    from .registry import connect

    workspace.facts  # noqa: B018 - refuses where nothing was ingested, and makes nothing there
    registry = connect(workspace)
    if registry.uri.startswith("http"):
        url = runs_url(registry.uri, registry.experiment)
        show(url, open_browser=open_browser)
        return {"url": url}
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind((HOST, port))
        except OSError:
            raise BusyError(f"Port {port} is in use. Choose another: `intently ui --port {port + 1}`.") from None
    base = f"http://{HOST}:{port}"
    url = runs_url(base, registry.experiment)
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", registry.uri, "--host", HOST]
    command += ["--port", str(port), "--workers", "1", "--default-artifact-root", str(workspace.home / "mlartifacts")]
    print(f"MLflow is starting on {base} …", file=sys.stderr)
    with server(command) as child:
        wait(child, base)
        show(url, open_browser=open_browser)
        print("Ctrl-C stops it.", file=sys.stderr)
        with contextlib.suppress(KeyboardInterrupt):
            child.wait()
    return {"url": url}


@contextlib.contextmanager
def server(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The server, in a process group of its own, which ends with the body, or with us."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    child = subprocess.Popen(command, stdout=sys.stderr.fileno(), start_new_session=True, cwd=Path.home())
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, stop) if main else None
    try:
        yield child
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
                break


def wait(child: subprocess.Popen[bytes], base: str) -> None:
    """Until the server answers.

    Raises:
        InternalError: It ended, or never did.
    """
    end = time.monotonic() + START
    while time.monotonic() < end and child.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{base}/health", timeout=2) as answer:  # noqa: S310 - our own
            if answer.status == 200:
                return
        time.sleep(0.3)
    raise InternalError(f"MLflow's server did not come up (exit {child.poll()}); its own words are above.")


def show(url: str, *, open_browser: bool) -> None:
    """Say where the page is, and open it."""
    print(f"The models' runs: {url}", file=sys.stderr)
    if open_browser:
        webbrowser.open(url)
