"""A shop's own features, from ingest to answer: attributes and functions are the same in batch, look-up and service."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import FunctionError
from features.events import DAY
from features.log import EventLog
from features.workspace import Workspace
from models.bundle import champion, load, verify
from models.pointer import point, pointer
from serving.answers import Answers
from serving.batch import everybody
from serving.batch import score as score_batch
from serving.clock import Clock
from serving.fill import fill, open_store
from serving.live import Holder, verify_champion
from serving.lookup import lookup
from serving.past import from_log
from serving.requests import TagsRequest
from tests.features.logs import LOYALTY

from .shop import END, PATTERNS, make_bundle, make_log

NOW = END - 40 * DAY
OWN = '''
import features

@features.function(name="spread", family="own", unit="days", en="days between the first and the last event", zh="首末间隔",
                   reads=("item",))
def spread(history):
    """Of events with an item."""
    ts = [at for at, item in zip(history.ts.tolist(), history.text("item")) if item is not None]
    return (ts[-1] - ts[0]) / 86_400_000_000 if ts else None
'''
MODEL = (*PATTERNS, "loyalty_points", "user_age", "spread")


def known(rng, user):
    for since in (None, END - 200 * DAY, END - 39 * DAY):
        if rng.random() < 0.7:
            yield user, since, {"points": int(rng.integers(0, 99)), "tier": "gold", "age": int(rng.integers(18, 80))}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace whose champion reads attributes and a function."""
    workspace = make_log(tmp_path_factory.mktemp("extended") / "home", 60)
    log, rng = EventLog(workspace), np.random.default_rng(2)
    users = [user for bucket in log.buckets() for user in log.user_ids(bucket).to_pylist()]
    rows = [row for user in [*users, "silent"] for row in known(rng, user)]
    names, since, told = zip(*rows, strict=True)
    put = pa.table(
        {"user_id": names, "valid_from": pa.array(since, pa.int64()), "attributes": list(map(json.dumps, told))}
    )
    log.put_users(put)
    log.put_users(put, "loyalty")
    workspace.features.mkdir()
    (workspace.features / "loyalty.toml").write_text(LOYALTY)
    (workspace.features / "own.py").write_text(OWN)
    for version in ("1", "2"):
        digest = make_bundle(workspace, version, seed=int(version), patterns=MODEL)
        point(workspace, version, digest, pointer(workspace))
    verify_champion(workspace)
    return workspace


@pytest.fixture
def shop(made, tmp_path):
    shutil.copytree(made.home, tmp_path / "home")
    return Workspace.at(tmp_path / "home", {})


def columns(bundle, histories, now=NOW):
    """User to all answers, numbers as bits."""
    matrix = bundle.answers(histories, now)
    found = {}
    for row, user in enumerate(histories.users.to_pylist()):
        texts = {name: text[row].as_py() for name, text in matrix.texts.items()}
        numbers = {name: matrix.values[row, k].tobytes() for k, name in enumerate(matrix.names) if name not in texts}
        found[user] = texts | numbers
    return found


def test_batch_look_up_and_store_answer_alike_to_the_bit(shop):
    bundle, log = champion(shop), EventLog(shop)
    batch = {}
    for bucket in log.buckets():
        batch |= columns(bundle, everybody(log, bucket, bundle))
    users = list(batch)
    assert "silent" in users
    program = bundle.program
    assert columns(bundle, from_log(shop, users, program.fields, program.attributes)[0]) == batch
    fill(shop, Clock("log"))
    store = open_store(shop)
    try:
        assert columns(bundle, store.read(users, program.fields, program.attributes)[0]) == batch
        assert columns(bundle, store.read(["u1"], program.fields, program.attributes)[0])["u1"] == batch["u1"]
    finally:
        store.close()
    values = [np.frombuffer(one["loyalty_points"])[0] for one in batch.values()]
    assert 0 < np.isnan(values).mean() < 0.5
    assert {one["loyalty_tier"] for one in batch.values()} == {"gold", None}
    assert np.nanmax([np.frombuffer(one["spread"])[0] for one in batch.values()]) > 30


def test_the_service_the_look_up_and_the_batch_give_one_probability(shop):
    fill(shop, Clock("log"))
    answers = Answers(shop, Clock("log"))
    try:
        request = TagsRequest.model_construct(user_ids=["u1", "u2", "u3"], as_of=NOW, only=None, explain=False)
        served = answers.tags(request)["users"]
    finally:
        answers.close()
    assert served == lookup(shop, ["u1", "u2", "u3"], as_of=NOW)["users"]
    table = pq.ParquetFile(score_batch(shop, NOW)["scores"]).read().to_pylist()
    scores = {row["user_id"]: row["p_churn_30d"] for row in table}
    churn = {user["user_id"]: tag for user in served for tag in user["tags"] if tag["name"] == "churn_risk"}
    for user, tag in churn.items():
        if scores[user] is not None:
            assert tag["probability"] in (scores[user], pytest.approx(1 - scores[user])), user


def test_a_changed_table_reaches_the_store(shop):
    fill(shop, Clock("log"))
    bundle = champion(shop)
    EventLog(shop).put_users(
        pa.table({"user_id": ["u1"], "attributes": ['{"points": 1234, "tier": "black"}']}), "loyalty"
    )
    put = pa.table({"user_id": ["u1"], "valid_from": [END - 38 * DAY], "attributes": ['{"points": 4321}']})
    EventLog(shop).put_users(put, "loyalty")
    fill(shop, Clock("log"))
    store = open_store(shop)
    try:
        histories, _ = store.read(["u1"], bundle.program.fields, bundle.program.attributes)
    finally:
        store.close()
    assert bundle.answers(histories, END - 38 * DAY).column("loyalty_points")[0] == 4321
    assert bundle.answers(histories, END - 230 * DAY).texts["loyalty_tier"].to_pylist() == ["black"]


def test_a_bundle_holds_no_code_and_refuses_another_file(shop):
    folder, digest = shop.bundles / "2", pointer(shop).digest
    assert "86_400_000_000" not in "".join(
        path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()
    )
    verify(folder, digest)
    path = shop.features / "own.py"
    path.write_text(OWN.replace("86_400_000_000", "86_400"))
    for trial in (
        lambda: load(folder, digest),
        lambda: verify(folder, digest),
        lambda: champion(shop),
        lambda: lookup(shop, ["u1"]),
    ):
        with pytest.raises(
            FunctionError, match=r"'spread' is a function .*own\.py is another file than then"
        ) as refused:
            trial()
        assert refused.value.code == "bad_function"
    path.unlink()
    with pytest.raises(FunctionError, match="no file in"):
        load(folder, digest)
    path.write_text(OWN)
    load(folder, digest)


def test_the_service_keeps_answering_with_what_it_has(shop):
    holder = Holder(shop)
    before = holder.live
    (shop.features / "own.py").write_text(OWN + "\n# edited\n")
    point(shop, "1", pointer(shop).previous.digest, pointer(shop))
    for again in (holder.follow, holder.reload):
        with pytest.raises(FunctionError, match="another file than then"):
            again()
    assert holder.live is before
    assert holder.refused.code == "bad_function"
    (shop.features / "own.py").write_text(OWN)
    assert holder.reload().bundle.version == "1"
    assert holder.refused is None
