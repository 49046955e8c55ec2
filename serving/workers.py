"""The service's worker processes: started on one socket, started anew when they die, stopped together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from features.workspace import Workspace

from .clock import Clock

ROOT: Final = Path(__file__).parents[1]
RESPAWN_SECONDS: Final = 1.0
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


def environment(workspace: Workspace, clock: Clock, host: str, scratch: Path) -> dict[str, str]:
    """What a worker is told.

    Args:
        workspace: Where.
        clock: What "now" is.
        host: The address that it answers at.
        scratch: A folder of this service alone: BentoML empties its metrics folder at every start, whoever's it is.
    """
    given = workspace.setting("serve.hosts", default=[])
    hosts = given.split(",") if isinstance(given, str) else list(given)
    if host in ("127.0.0.1", "::1"):
        hosts = [*LOOPBACK, *hosts]
    figures = scratch / "metrics"
    figures.mkdir(exist_ok=True)
    return os.environ | {
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_HOME": str(scratch),
        "INTENTLY_CLOCK": clock.name,
        "INTENTLY_HOME": str(workspace.home),
        "INTENTLY_SERVE_HOSTS": ",".join(hosts),
        "INTENTLY_SUPERVISOR": str(os.getpid()),
        "NUMBA_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PROMETHEUS_MULTIPROC_DIR": str(figures),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }


@dataclass
class Workers:
    """n processes that answer on one socket.

    Attributes:
        listening: Bound already.
        environ: What they are told.
        n: How many.
        started: How many were started, those in the place of dead ones among them.
    """

    listening: socket.socket
    environ: dict[str, str]
    n: int
    started: int = 0
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _last_start: float = 0.0

    def start(self) -> None:
        """Start all of them."""
        while len(self._processes) < self.n:
            self._processes.append(self._spawn())

    def dead(self) -> list[int]:
        """Exit statuses of those who ended."""
        return [process.returncode for process in self._processes if process.poll() is not None]

    def keep(self) -> list[int]:
        """Put new ones in the place of those who ended, at most one a second; the exit statuses of those replaced."""
        ended = self.dead()
        if not ended or time.monotonic() - self._last_start < RESPAWN_SECONDS:
            return []
        self._processes = [process for process in self._processes if process.poll() is None]
        self.start()
        return ended

    def stop(self, seconds: float, hurry: Callable[[], bool] = lambda: False) -> None:
        """Ask all of them to end what they do and stop; kill those who have not after `seconds`."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        until = time.monotonic() + seconds
        while any(process.poll() is None for process in self._processes):
            if time.monotonic() > until or hurry():
                for process in self._processes:
                    process.kill()
            time.sleep(0.02)
        for process in self._processes:
            process.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        """One worker, in a session of its own: Ctrl-C reaches the supervisor alone, which stops them in order."""
        self._last_start = time.monotonic()
        self.started += 1
        command = [sys.executable, "-P", "-m", "serving.service", str(self.listening.fileno())]
        return subprocess.Popen(
            command,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),  # stdout is for results
            pass_fds=[self.listening.fileno()],
            start_new_session=True,
        )
