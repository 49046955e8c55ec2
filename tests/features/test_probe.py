"""What a probe sees, and that it leaves nothing behind."""

import datetime as dt
import gc
import math
import random
import sys
import time

import numpy as np
import pytest

from features.probe import watched


@pytest.mark.parametrize(
    ("call", "phrase"),
    [
        (time.time, "the clock (time.time)"),
        (time.perf_counter_ns, "the clock (time.perf_counter_ns)"),
        (dt.datetime.now, "the clock (datetime.now)"),
        (dt.date.today, "the clock (date.today)"),
        (random.random, "chance (random.random)"),
        (lambda: random.randint(0, 5), "chance (random.getrandbits)"),
        (lambda: random.SystemRandom().random(), "what lies outside (urandom)"),
        (sys._getframe, "the interpreter (_getframe)"),
        (lambda: gc.get_objects() and None, "the interpreter (get_objects)"),
    ],
)
def test_it_sees(call, phrase):
    told = set()
    with watched(told):
        call()
    assert phrase in told


@pytest.mark.parametrize(
    "call",
    [
        lambda: math.sqrt(2),
        lambda: np.random.default_rng(3).normal(),
        lambda: random.Random(3).random(),
        lambda: dt.datetime.fromtimestamp(5, dt.UTC).weekday(),
        lambda: time.gmtime(5),
        lambda: sorted(np.arange(5).tolist()),
    ],
)
def test_what_depends_on_arguments_alone_is_harmless(call):
    told = set()
    call()  # modules are imported at first use
    with watched(told):
        call()
    assert told == set()


def test_it_leaves_nothing_behind():
    before, told = sys.getprofile(), set()
    with pytest.raises(ZeroDivisionError), watched(told):
        1 / 0  # noqa: B018 - the error is the point
    time.time()
    assert (sys.getprofile(), gc.isenabled(), told) == (before, True, set())
