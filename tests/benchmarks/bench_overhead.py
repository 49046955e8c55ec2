"""What training costs beyond LightGBM: processor time and memory, each way as a process of its own on one pickled matrix.

    python tests/benchmarks/bench_overhead.py MODE FILE

ours    all that `training.learn.learn` does after the rows are there: fit, calibration, baselines, figures with intervals
twice   `lightgbm.train` as a careful user writes it: early stopping on the later rows, then again on all rows
once    `lightgbm.train` with early stopping, and no more
"""

import json
import math
import pickle
import resource
import subprocess
import sys
import time
from pathlib import Path

MODES = ("ours", "twice", "once")


def run(shop, home, spec_path, folder):
    """Seconds of processor time and MiB at the most, by mode; `rows` is the gathering of rows, here."""
    from bench_ablations import gathered

    from models.spec import load

    before = time.process_time()
    made, data, _ = gathered(shop, load(spec_path))
    out = {"rows": {"processor": time.process_time() - before, "matrix_mib": data.parts["train"].values.nbytes / 2**20}}
    file = folder / "overhead.pickle"
    file.write_bytes(pickle.dumps((made, data, str(home), str(spec_path))))
    for mode in (*MODES, *MODES):
        command = [sys.executable, __file__, mode, str(file)]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        kept = out.setdefault(mode, found)
        out[mode] = {name: min(kept[name], found[name]) for name in found}
    file.unlink()
    return out


def table(what, found):
    """Lines of Markdown."""
    lines = [
        (
            f"\n**{what}**: gathering the rows takes {found['rows']['processor']:.1f} s; the training matrix is "
            f"{found['rows']['matrix_mib']:.0f} MiB\n"
        ),
        "| | processor | ours / its | memory at the most | ours / its |",
        "|---|---|---|---|---|",
    ]
    ours = found["ours"]
    for mode in MODES:
        it = found[mode]
        lines.append(
            f"| {mode} | {it['processor']:.1f} s | {ours['processor'] / it['processor']:.2f} "
            f"| {it['peak_mib']:.0f} MiB | {ours['peak_mib'] / it['peak_mib']:.2f} |"
        )
    return lines


def plain(made, data, spec, *, again):
    """LightGBM alone, with our parameters and seeds."""
    import lightgbm

    from training.dataset import growing
    from training.fit import OURS

    train = data.parts["train"]
    grow, stop = growing(train.users, train.cutoff, made)
    n_classes = int(train.labels.max()) + 1
    task = {"objective": "binary"} if n_classes == 2 else {"objective": "multiclass", "num_class": n_classes}
    params = {**spec.params, **task, **OURS, "seed": 0}
    texts = [name for name in data.names if name in data.vocabularies]

    def dataset(rows, reference=None):
        return lightgbm.Dataset(
            train.values[rows],
            train.labels[rows],
            reference=reference,
            feature_name=list(data.names),
            categorical_feature=texts,
        )

    grown = dataset(grow)
    stopping = [lightgbm.early_stopping(spec.patience, verbose=False)]
    first = lightgbm.train(params, grown, spec.rounds, valid_sets=[dataset(stop, grown)], callbacks=stopping)
    if again:
        rounds = math.ceil(first.best_iteration * math.sqrt(len(train.labels) / grow.sum()))
        lightgbm.train(params, dataset(slice(None)), rounds)


def ours(data, home, spec):
    """`learn`, the rows being there."""
    from features.workspace import Workspace
    from training import learn
    from training.train import shop_of

    shop = shop_of(Workspace(Path(home), {}), 0, None)
    learn.build = lambda *_: data  # the rows were gathered before
    before = time.process_time()
    learn.learn(shop, spec)
    return time.process_time() - before


def main():
    """One mode, as JSON."""
    from models.spec import load
    from training import calibrate, resample  # noqa: F401 - compiled and imported before the clock starts

    mode, file = sys.argv[1:]
    made, data, home, spec_path = pickle.loads(Path(file).read_bytes())
    spec = load(Path(spec_path))
    import lightgbm  # noqa: F401 - as above

    before = time.process_time()
    if mode == "ours":
        seconds = ours(data, home, spec)
    else:
        plain(made, data, spec, again=mode == "twice")
        seconds = time.process_time() - before
    sys.stdout.write(json.dumps({"processor": seconds, "peak_mib": peak()}))


def peak():
    """MiB of this process at the most; `ru_maxrss` on Linux would count what the parent had when it forked."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes
    return int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main()
