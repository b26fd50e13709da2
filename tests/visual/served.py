"""A page server in a thread, for tests."""

import contextlib
import threading

from zoo.visual.server import PageServer


@contextlib.contextmanager
def served(explorer, host="127.0.0.1"):
    """A `PageServer` that runs while the block does."""
    with PageServer(explorer, host, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
