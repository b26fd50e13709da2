"""Who may run: a few threads, a queue with an end, and a time for every request."""

import asyncio
import concurrent.futures
import logging
import threading
import time

from zoo.serving.errors import Code, RequestError

# TensorFlow looks at the time between two ops. Whoever waits gives it so many seconds more to end a
# run by itself, and then leaves it alone with an op that goes on.
_PATIENCE = 0.25
_TOO_LATE = "Timed out waiting for notification"

log = logging.getLogger(__name__)


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
            raise RequestError(Code.DEADLINE_EXCEEDED, _TOO_LATE)
        return left


class Gate:
    """Runs functions of requests in threads.

    A function that does not end in time is given up: its caller is told so, but its thread stays
    taken until it ends.

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
        self._changed = threading.Condition()

    async def run(self, function, timeout=None):
        """What `function(deadline)` returns.

        Args:
            function: takes a `Deadline`, which it may ask for the time left.
            timeout: seconds that the caller waits, None: as long as the gate allows.

        Raises:
            RequestError: the queue is full, time is over, or the function raised it; INTERNAL for
                whatever else the function raised.
        """
        seconds = self._timeout if timeout is None else min(timeout, self._timeout)
        deadline = Deadline(seconds)
        with self._changed:
            if self._inside >= self._limit:
                raise RequestError(
                    Code.UNAVAILABLE, f"The queue is full: {self._inside} requests are under way"
                )
            self._inside += 1
        future = self._pool.submit(self._start, function, deadline)
        future.add_done_callback(self._leave)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), seconds + _PATIENCE)
        except TimeoutError as error:
            raise RequestError(Code.DEADLINE_EXCEEDED, _TOO_LATE) from error

    @staticmethod
    def _start(function, deadline):
        deadline.left()
        try:
            return function(deadline)
        except RequestError:
            raise
        except Exception as error:  # the last resort: the caller is told in the API's own words
            log.exception("a request failed")
            raise RequestError(Code.INTERNAL, f"{type(error).__name__}: {error}") from error

    def _leave(self, _):
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def close(self, seconds):
        """Refuse what waits, and wait for what runs.

        Args:
            seconds: to wait.

        Returns:
            Whether all of it has ended.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            return self._changed.wait_for(lambda: self._inside == 0, seconds)
