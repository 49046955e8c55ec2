"""What an operator watches, in Prometheus' text form; summed over the workers of a service.

Several workers share the folder `$PROMETHEUS_MULTIPROC_DIR`, which must be set before this module is imported.
"""

import os
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REGISTRY: Final = CollectorRegistry()
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

requests = Counter("intently_requests", "Requests answered.", ["endpoint", "status"], registry=REGISTRY)
seconds = Histogram("intently_request_seconds", "Seconds to answer.", ["endpoint"], buckets=BUCKETS, registry=REGISTRY)
refusals = Counter("intently_refusals", "Requests refused, by the error's code.", ["code"], registry=REGISTRY)
events = Counter("intently_events", "Events posted: accepted or duplicate.", ["result"], registry=REGISTRY)
users = Counter(
    "intently_users", "Users answered for, by whether anything is known of them.", ["known"], registry=REGISTRY
)
reloads = Counter("intently_reloads", "Reloads of bundle and tags: loaded or refused.", ["result"], registry=REGISTRY)


def text(model: dict[str, Any]) -> bytes:
    """All series, those of the service's standing among them.

    Args:
        model: What `Answers.model` tells.
    """
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    lines = [
        "# HELP intently_journal_backlog Events acknowledged and not in the log yet.",
        "# TYPE intently_journal_backlog gauge",
        f"intently_journal_backlog {model['journal_backlog']}",
        "# HELP intently_log_version Version of the log that the profile store holds; -1 while it is filled.",
        "# TYPE intently_log_version gauge",
        f"intently_log_version {model['log_version']}",
        "# HELP intently_info Which bundle, tag set and clock answer.",
        "# TYPE intently_info gauge",
        f'intently_info{{version="{model["version"]}",tag_set="{model["tag_set"][:12]}",clock="{model["clock"]}"}} 1',
        "# HELP intently_reload_refused Is something newer refused?",
        "# TYPE intently_reload_refused gauge",
        f"intently_reload_refused {int(model['refused'] is not None)}",
        "",
    ]
    return bytes(generate_latest(registry)) + "\n".join(lines).encode()
