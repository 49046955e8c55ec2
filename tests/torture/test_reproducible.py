"""Equal models from equal events: in any order of files and rows, under any hash seed, by one thread or two.

As a script this is one run, a process of its own: `python test_reproducible.py SHOP HOME SHUFFLE THREADS SPEC…` ingests the
shop's events, parted and shuffled by the seed SHUFFLE (0: as they are), trains, and prints a digest a target of all that a
bundle would hold of its model. The one line that is set aside is the number of threads, which LightGBM writes into its text.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
NOW = 1_790_000_000_000_000
SPECS = ("stage_7d", "churn_30d", "next_purchase")
SHORT = {"num_iterations": "15", "early_stopping_round": "5", "learning_rate": "0.2", "min_data_in_leaf": "20"}
RUNS = [
    (0, 2, "0"), (1, 1, "1"), (2, 2, "2"), (3, 1, "random"), (4, 2, "0"),
    (0, 1, "5"), (6, 2, "random"), (7, 1, "7"), (8, 2, "8"), (0, 2, "9"),
]  # fmt: skip
"""Shuffle, threads, PYTHONHASHSEED."""


def shuffled(shop, seed, out):
    """Folders with the shop's events, three to six of them, rows in another order; the other files are in the first."""
    rng = np.random.default_rng(seed)
    shutil.copytree(shop, out / "0")
    events = pq.read_table(shop / "events.parquet")
    folders = [out / str(n) for n in range(rng.integers(3, 7))]
    for folder, rows in zip(folders, np.array_split(rng.permutation(len(events)), len(folders)), strict=True):
        folder.mkdir(exist_ok=True)
        pq.write_table(events.take(rows), folder / "events.parquet")
    return [folders[n] for n in rng.permutation(len(folders))]


def run_once(shop, home, shuffle, threads, specs):
    """What one run prints."""
    import numba
    import pyarrow as pa

    from features.intake import ingest
    from features.workspace import Workspace
    from models.spec import load_specs
    from training import fit
    from training.train import learn_all, shop_of

    pa.set_cpu_count(threads)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    fit.OURS["num_threads"] = threads
    folders = shuffled(Path(shop), shuffle, Path(home + ".shop")) if shuffle else [Path(shop)]
    workspace = Workspace(Path(home), {})
    ingest(workspace, folders, "canonical", timezone="UTC", now=NOW)
    learned, errors = learn_all(shop_of(workspace, seed=0, until=None), load_specs(map(Path, specs)))
    assert not errors, errors
    found = {}
    for one in learned:
        text = one.model.booster_text
        assert f"[num_threads: {threads}]\n" in text
        whole = [text.replace(f"[num_threads: {threads}]\n", ""), one.model.to_json(), one.model.vocabularies]
        found[one.model.target.name] = hashlib.sha256(json.dumps(whole).encode()).hexdigest()
    print(json.dumps(found))


def digests(shop, home, specs, run):
    """A run as a process of its own."""
    shuffle, threads, hash_seed = run
    command = [sys.executable, __file__, *map(str, (shop, home, shuffle, threads, *specs))]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def lean(name, folder):
    """A packaged spec with few rounds."""
    lines = (ROOT / "models" / f"{name}.toml").read_text().splitlines()
    path = folder / f"{name}.toml"
    path.write_text("\n".join(f"{n} = {SHORT[n]}" if (n := line.split(" ")[0]) in SHORT else line for line in lines))
    return path


def drawn(users, days, folder):
    """A simulated shop."""
    from training.simulate import simulate

    simulate(users, days, 5, folder / "shop", truth=False)
    return folder / "shop"


def test_other_files_hash_seed_and_threads_give_the_same_models(tmp_path):
    shop = drawn(120, 240, tmp_path)
    specs = [lean(name, tmp_path) for name in SPECS[:2]]
    first, second = (digests(shop, tmp_path / str(n), specs, RUNS[n]) for n in (0, 3))
    assert set(first) == set(SPECS[:2])
    assert first == second


@pytest.mark.torture
def test_ten_runs_give_the_same_models(tmp_path):
    shop = drawn(1500, 365, tmp_path)
    specs = [ROOT / "models" / f"{name}.toml" for name in SPECS]
    found = [digests(shop, tmp_path / str(n), specs, run) for n, run in enumerate(RUNS)]
    assert set(found[0]) == set(SPECS)
    assert all(one == found[0] for one in found[1:]), found


if __name__ == "__main__":
    run_once(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
