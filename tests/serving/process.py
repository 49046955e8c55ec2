"""The service as a user runs it: a real process, asked over HTTP, stopped by its id."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx

from serving.run import free_port

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("INTENTLY_")}


@contextmanager
def running(home, *words, ends_with=0, cwd=None):
    """`intently serve` while in the body: (client, process)."""
    port = free_port()
    command = [sys.executable, "-m", "intently", "--home", str(home), "serve", "--port", str(port), *words]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd, env=ENVIRON) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        try:
            await_ready(client, process)
            yield client, process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
            print(err.decode(), out.decode())
    assert process.returncode == ends_with


def await_ready(client, process, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if client.get("/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.05)
    raise AssertionError("not ready")


def children(process):
    """Ids of the worker processes."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False
    )
    return [int(word) for word in listed.stdout.split()]


def runs(pid):
    """Is there such a process, not counting one that only waits to be reaped?"""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(found.strip()) and not found.startswith("Z")


def within(seconds, condition):
    """Does the condition come true in time?"""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False
