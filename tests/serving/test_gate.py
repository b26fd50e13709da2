import asyncio
import threading
import time

import pytest

from zoo.serving.errors import Code, RequestError
from zoo.serving.gate import Deadline, Gate


def code_of(coroutine):
    with pytest.raises(RequestError) as caught:
        asyncio.run(coroutine)
    return caught.value.code


def test_deadline():
    assert 6.9 < Deadline(7).left() <= 7
    with pytest.raises(RequestError, match="DEADLINE_EXCEEDED"):
        Deadline(0).left()


def test_runs_and_passes_errors_on():
    gate = Gate(threads=2, queue=0, timeout=7)
    assert 6 < asyncio.run(gate.run(lambda deadline: deadline.left())) <= 7
    assert 2 < asyncio.run(gate.run(lambda deadline: deadline.left(), timeout=3)) <= 3

    def fail(deadline):
        raise RequestError(Code.NOT_FOUND, "a")

    assert code_of(gate.run(fail)) == Code.NOT_FOUND
    with pytest.raises(RequestError, match="INTERNAL: KeyError: 'z'"):
        asyncio.run(gate.run(lambda deadline: {}["z"]))
    assert gate.close(7)


def test_refuses_when_the_queue_is_full_and_recovers():
    gate, go = Gate(threads=1, queue=2, timeout=7), threading.Event()

    async def four():
        waiting = [asyncio.create_task(gate.run(lambda _: go.wait(5))) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(RequestError, match="UNAVAILABLE: The queue is full: 3"):
            await gate.run(lambda _: None)
        waiting[2].cancel()  # whoever goes away makes room
        await asyncio.sleep(0.05)
        waiting[2] = asyncio.create_task(gate.run(lambda _: True))
        await asyncio.sleep(0.05)
        go.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(four()) == [True] * 3
    assert asyncio.run(gate.run(lambda _: "free")) == "free"
    assert gate.close(7)


def test_waiting_takes_time_off():
    gate, go = Gate(threads=1, queue=1, timeout=7), threading.Event()

    async def two():
        first = asyncio.create_task(gate.run(lambda _: go.wait(5)))
        await asyncio.sleep(0.01)
        with pytest.raises(RequestError, match="DEADLINE_EXCEEDED"):
            await gate.run(lambda _: None, timeout=0.05)
        go.set()
        assert await first

    asyncio.run(two())
    assert gate.close(7)


def test_gives_up_what_does_not_end_but_its_thread_stays_taken():
    """As an op of TensorFlow that is not interrupted."""
    gate, go = Gate(threads=1, queue=0, timeout=0.05), threading.Event()
    start = time.monotonic()
    assert code_of(gate.run(lambda _: go.wait(7))) == Code.DEADLINE_EXCEEDED
    assert time.monotonic() - start < 3
    assert code_of(gate.run(lambda _: None)) == Code.UNAVAILABLE
    assert not gate.close(0.05)
    go.set()
    assert gate.close(7)
