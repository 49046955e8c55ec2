"""`intently serve`: check what must be there, fill the store, start the workers, keep them, and stop them all.

The workers run the BentoML service's application on a socket that is bound here first, so that a port in use is known
before anything else starts. BentoML's own supervisor (circus) is not used: it looks for dead workers every 10 seconds,
waits a day for one that does not stop, and listens on a local port where anybody on the machine may have it run commands.
"""

import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from rich.console import Console

from features.errors import BusyError, InternalError
from features.progress import quiet
from features.workspace import Workspace
from models.bundle import champion, pointer
from models.cutpoints import ensure

from .clock import Clock
from .drain import drain
from .fill import fill, open_store
from .live import forget_verified, verify_champion
from .workers import Workers, environment

READY_SECONDS: Final = 180.0
STOP_SECONDS: Final = 10.0
UPKEEP_SECONDS: Final = 20.0
"""Events posted are in the log this much later, as long as nobody else writes it."""


class Ending:
    """What SIGINT and SIGTERM do: interrupt the start, end the service, and the second time at once."""

    def __init__(self) -> None:
        self.starting = True
        self.asked = threading.Event()
        self.hurry = threading.Event()

    def __call__(self, *_: object) -> None:
        """Handle a signal."""
        if self.starting:
            raise KeyboardInterrupt
        (self.hurry if self.asked.is_set() else self.asked).set()

    @contextmanager
    def handling(self) -> Iterator[None]:
        """Handle signals in the body."""
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(
    workspace: Workspace,
    *,
    port: int,
    clock: Literal["now", "log"] = "now",
    host: str = "127.0.0.1",
    workers: int | None = None,
) -> dict[str, Any]:
    """Answer over HTTP until SIGINT or SIGTERM; then end what is under way, drain the journal, and return.

    Args:
        workspace: With a log and a champion.
        port: Where to listen.
        clock: The wall's time, or the log's last instant.
        host: The address to bind; there is no authentication, so anything but loopback opens it to the network.
        workers: Processes; by default `workers` under `[serve]` in `intently.toml`, else 1.

    Returns:
        What answered, and what was drained at the end.

    Raises:
        NotReadyError: Nothing was ingested, or no version was promoted.
        BusyError: The port is in use, or the log is being written while the store must be filled.
        DamagedError: The champion is not what was promoted.
    """
    hours = Clock(clock)
    workspace.facts  # noqa: B018 - refuses where nothing was ingested
    if pointer(workspace) is None:
        champion(workspace)  # says what must come first
    n = int(workspace.setting("serve.workers", workers, 1))
    ending = Ending()
    scratch = Path(tempfile.mkdtemp(prefix="intently-"))
    try:
        with ending.handling(), bound(host, port) as listening:
            drain(workspace, wait=1)
            ensure(workspace)
            fill(workspace, hours, wait=10)
            pool = Workers(listening, environment(workspace, hours, host, scratch), n)
            try:
                forget_verified(workspace)
                pool.start()
                verify_champion(workspace)  # the workers wait for it before they load
                await_ready(pool, host, listening.getsockname()[1])
                told = announce(workspace, hours, host, listening.getsockname()[1])
                ending.starting = False
                attend(workspace, hours, pool, ending)
                listening.close()  # who comes now is refused, and not left waiting
            finally:
                pool.stop(STOP_SECONDS, ending.hurry.is_set)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return told | {"drained": drain(workspace, wait=2).accepted}


def attend(workspace: Workspace, clock: Clock, pool: Workers, ending: Ending) -> None:
    """Keep the workers alive, and the log and the store up with each other, until asked to end."""
    upkeep = threading.Thread(target=keep_up, args=(workspace, clock, ending.asked), daemon=True)
    upkeep.start()
    while not ending.asked.wait(0.2):
        for status in pool.keep():
            print(f"A worker ended with {status}; another one is starting.", file=sys.stderr)
    print("Stopping: requests under way are answered, then the journal is drained.", file=sys.stderr)
    upkeep.join(STOP_SECONDS)


def keep_up(workspace: Workspace, clock: Clock, ending: threading.Event) -> None:
    """Every now and then: the journal to the log, and what others wrote to the log into the store."""
    while not ending.wait(UPKEEP_SECONDS):
        try:
            with quiet():
                drain(workspace, wait=0)
                fill(workspace, clock, should_stop=ending.is_set)
        except BusyError:
            continue  # the next turn does it
        except Exception:  # noqa: BLE001 - answers go on; events are safe in the journal
            traceback.print_exc()


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to the address, nobody listening yet.

    Raises:
        BusyError: The port is in use, or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
            found.listen(2048)  # on Linux two may bind, and only one may listen
        except OSError as error:
            raise BusyError(
                f"Port {port} on {host} cannot be used: {error.strerror}. Choose another one with --port."
            ) from None
        yield found


def await_ready(pool: Workers, host: str, port: int) -> None:
    """Return when the service answers.

    Raises:
        InternalError: A worker ended, or it took too long.
    """
    until = time.monotonic() + READY_SECONDS
    while not answers(f"http://{'[' + host + ']' if ':' in host else host}:{port}/readyz"):
        if ended := pool.dead():
            raise InternalError(
                f"The service did not start: a worker ended with {ended[0]}. What it said stands above."
            )
        if time.monotonic() > until:
            raise InternalError(f"The service was not ready within {READY_SECONDS:g} seconds.")
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Does GET give 200?"""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def announce(workspace: Workspace, clock: Clock, host: str, port: int) -> dict[str, Any]:
    """Say on stderr where it answers, with what, and how to ask."""
    store = open_store(workspace)
    try:
        user, standing = store.anybody(), store.standing()
    finally:
        store.close()
    found = pointer(workspace)
    assert found is not None
    url = f"http://{host}:{port}"
    say = Console(stderr=True, highlight=False, soft_wrap=True).print
    say(f"[bold]Intently answers at {url}[/] with version {found.version}; clock: {clock.described(standing.last_ts)}.")
    say(
        f"""  curl -s {url}/v1/tags -H 'content-type: application/json' -d '{{"user_ids": ["{user}"]}}'""", markup=False
    )
    say(f"  The API: {url}/docs   Metrics: {url}/metrics   Ctrl-C stops it.")
    return {"url": url, "version": found.version, "clock": clock.name}


def free_port() -> int:
    """A port of this machine that nobody uses at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
