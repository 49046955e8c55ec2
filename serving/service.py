"""The BentoML service: one class, which holds the answers while BentoML runs its process.

`intently serve` starts and supervises it (`run.py`); `bentoml serve serving.service:Intently` does too, with the workspace
in `$INTENTLY_HOME` and the clock in `$INTENTLY_CLOCK`. The routes are an application that is mounted, not BentoML's own
endpoints: measured, that answers three times as many requests a second, keeps the bodies exactly as they are documented,
and does not log callers' input.
"""

import os
import socket
import sys
from typing import Any

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")  # read when bentoml is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process a core; LightGBM is asked for one thread as well

import bentoml

from features.workspace import Workspace

from .answers import Answers
from .clock import Clock
from .endpoints import Desk, application
from .middleware import LOOPBACK, Gate

CLOCK = "INTENTLY_CLOCK"
HOSTS = "INTENTLY_SERVE_HOSTS"
GRACE_SECONDS = 8
"""Requests under way have this long to end."""
SWITCH_SECONDS = 0.001
"""How soon a thread that computes lets the one that answers have the interpreter; five times as soon as usual."""
DESK = Desk()


@bentoml.asgi_app(application(DESK), path="/")
@bentoml.service(
    name="intently",
    workers=1,
    traffic={"timeout": 3600},  # limits are the gate's: BentoML's answers would not be ours
    metrics={"enabled": False},  # theirs have a series a path, which nothing bounds
    logging={"access": {"enabled": False}},
    http={"host": "127.0.0.1"},
    tracing={"excluded_urls": [".*"]},
)
class Intently:
    """Tags with calibrated probabilities, from a user's own events, now."""

    def __init__(self) -> None:
        clock = Clock(os.environ.get(CLOCK, "now"))  # type: ignore[arg-type]  # refused there where it is neither
        DESK.answers = Answers(Workspace.at(), clock)

    def __is_ready__(self) -> bool:
        return DESK.answers is not None

    @bentoml.on_shutdown
    def close(self) -> None:
        """Let go of store and journal."""
        answers, DESK.answers = DESK.answers, None
        if answers is not None:
            answers.close()


SERVICE: Any = Intently  # a service object by now
SERVICE.add_asgi_middleware(
    Gate, hosts=tuple(name for name in os.environ.get(HOSTS, ",".join(LOOPBACK)).split(",") if name)
)


def main(arguments: list[str]) -> int:
    """`FD`: one worker, answering on a socket that its supervisor has bound."""
    import uvicorn

    sys.setswitchinterval(SWITCH_SECONDS)
    config = uvicorn.Config(
        SERVICE.to_asgi(),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="on",
    )
    with socket.socket(fileno=int(arguments[0])) as listening:
        uvicorn.Server(config).run(sockets=[listening])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
