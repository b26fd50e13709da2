"""Who may run: a few threads, a queue with an end, and a time for every request."""

import asyncio
import concurrent.futures
import threading
import time

from zoo.serving.errors import Code, RequestError


class Deadline:
    """A point in time.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds):
        self._end = time.monotonic() + seconds

    def left(self):
        """Seconds until then.

        Raises:
            RequestError: it has passed.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise RequestError(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification")
        return left


class Gate:
    """Runs functions of requests in threads.

    Args:
        threads: requests that run at once.
        queue: requests that may wait; one more is refused at once.
        timeout: seconds that a request may take, waiting included.
    """

    def __init__(self, threads, queue, timeout):
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, "request")
        self._limit = threads + queue
        self._timeout = timeout
        self._inside = 0
        self._lock = threading.Lock()

    async def run(self, function, timeout=None):
        """What `function(deadline)` returns.

        Args:
            function: takes a `Deadline`, which it may ask for the time left.
            timeout: seconds that the caller waits, None: as long as the gate allows.

        Raises:
            RequestError: the queue is full, or the function raised it.
        """
        seconds = self._timeout if timeout is None else min(timeout, self._timeout)
        deadline = Deadline(seconds)
        with self._lock:
            if self._inside >= self._limit:
                raise RequestError(
                    Code.UNAVAILABLE, f"The queue is full: {self._inside} requests are under way"
                )
            self._inside += 1
        future = self._pool.submit(self._start, function, deadline)
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    @staticmethod
    def _start(function, deadline):
        deadline.left()
        return function(deadline)

    def _leave(self, _):
        with self._lock:
            self._inside -= 1

    def close(self):
        """Wait for what runs; what waits is refused."""
        self._pool.shutdown(cancel_futures=True)
