"""The development server in a process of its own, for tests and benchmarks."""

import os
import re
import signal
import subprocess
import sys
import threading


class DevServer:
    """`python -m zoo.serving serve` on free ports.

    Args:
        folder: the models.
        options: further command line options.

    Attributes:
        rest: "http://127.0.0.1:PORT".
        grpc: "127.0.0.1:PORT".
        lines: what it has printed so far.
    """

    def __init__(self, folder, *options):
        command = [sys.executable, "-P", "-m", "zoo.serving", "serve", str(folder), *options]
        for port in ("--rest-port", "--grpc-port"):
            if port not in options:
                command += [port, "0"]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        self.lines = []
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(120) or "ready" not in self.lines:
            self.kill()
            raise RuntimeError("the server did not start:\n" + "\n".join(self.lines))
        self.rest = self._said(r"REST (http://\S+)/v1/models")
        self.grpc = self._said(r"gRPC (\S+)")

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.strip() == "ready":
                self._ready.set()
        self._ready.set()  # it has ended

    def _said(self, pattern):
        return next(m[1] for m in (re.fullmatch(pattern, line) for line in self.lines) if m)

    def stop(self):
        """Ask it to stop, wait, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self._reader.join(10)
        self.process.stdout.close()
        return status

    def kill(self):
        """End it at once."""
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
