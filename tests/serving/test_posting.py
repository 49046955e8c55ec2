import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from serving.posting import MOST_REQUESTS, Posting


def gathered(n, keep):
    """n callers at once; what each was told, and the sizes of the batches that `keep` was given."""
    sizes = []

    def kept(requests):
        sizes.append(len(requests))
        return keep(requests)

    async def ask():
        with ThreadPoolExecutor(1) as thread:
            posting = Posting(thread)
            return await asyncio.gather(*(posting.post(n, kept) for n in range(n)), return_exceptions=True)

    return asyncio.run(ask()), sizes


def slowly(requests):
    time.sleep(0.01)
    return [{"accepted": request} for request in requests]


def test_each_caller_gets_its_own_answer_and_few_transactions_do():
    answers, sizes = gathered(300, slowly)
    assert answers == [{"accepted": n} for n in range(300)]
    assert sum(sizes) == 300
    assert max(sizes) <= MOST_REQUESTS
    assert len(sizes) <= 7


def test_a_failure_is_told_to_those_who_shared_it_alone():
    def keep(requests):
        if 70 in requests:
            raise OSError("disk full")
        return slowly(requests)

    answers, _ = gathered(200, keep)
    failed = {n for n, answer in enumerate(answers) if isinstance(answer, OSError)}
    assert 70 in failed
    assert len(failed) <= MOST_REQUESTS
    assert all(answers[n] == {"accepted": n} for n in set(range(200)) - failed)


def test_a_caller_who_leaves_does_not_hold_up_the_others():
    async def ask():
        with ThreadPoolExecutor(1) as thread:
            posting = Posting(thread)
            calls = [asyncio.create_task(posting.post(n, slowly)) for n in range(5)]
            await asyncio.sleep(0.001)
            calls[0].cancel()
            others = await asyncio.gather(*calls[1:])
            with pytest.raises(asyncio.CancelledError):
                await calls[0]
            return others

    assert asyncio.run(ask()) == [{"accepted": n} for n in range(1, 5)]
