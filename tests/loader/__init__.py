"""A stand-in for TF Serving: a small C++ program on TensorFlow's own loader, with XLA disabled.

with Server(folder) as server:
    server.predict({"text": ["A sentence."]})     # {"text": array, "score": array}
    server.milliseconds                           # of that call, without the way to and fro
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import uuid

_SOURCE = pathlib.Path(__file__).with_name("loader.cc")
_LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")


class CannotBuild(Exception):
    """This machine lacks what the C++ program needs; says what."""


class ServerError(Exception):
    """The model could not be loaded, or a request failed.

    Attributes:
        code: TensorFlow's status code, for example 3 for INVALID_ARGUMENT.
    """

    def __init__(self, code, message):
        super().__init__(f"status {code}: {message}")
        self.code = code


def _package_folder(name):
    """The folder of an installed package, without importing it."""
    return pathlib.Path(importlib.util.find_spec(name).submodule_search_locations[0])


@functools.cache
def build():
    """Compile the program once for this source and TensorFlow version; returns its path.

    Raises:
        CannotBuild: there is no g++, or TensorFlow's shared libraries are not those of Linux.
    """
    tensorflow = _package_folder("tensorflow")
    if shutil.which("g++") is None:
        raise CannotBuild("the C++ loader needs g++, which is not on the PATH")
    if not all((tensorflow / library).exists() for library in _LIBRARIES):
        raise CannotBuild(f"the C++ loader needs {_LIBRARIES} of TensorFlow's Linux package")
    key = hashlib.sha256(
        _SOURCE.read_bytes() + f"{tensorflow} {importlib.metadata.version('tensorflow')}".encode()
    ).hexdigest()[:16]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    program = cache / "keras-transformer-zoo" / f"loader-{key}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        partial = program.with_name(f"{program.name}.{uuid.uuid4().hex[:8]}")
        command = ["g++", "-O1", "-std=c++17", "-D_GLIBCXX_USE_CXX11_ABI=1"]
        command += ["-DEIGEN_MAX_ALIGN_BYTES=64", "-isystem", tensorflow / "include", _SOURCE]
        command += [f"-L{tensorflow}", *(f"-l:{library}" for library in _LIBRARIES)]
        command += [f"-Wl,-rpath,{tensorflow}", "-o", partial]
        subprocess.run(command, check=True)
        os.replace(partial, program)
    return program


def text_ops():
    """The op libraries of tensorflow-text that TF Serving links, too."""
    return sorted((_package_folder("tensorflow_text") / "python" / "ops").glob("*.so"))


class Server:
    """One SavedModel in a process of the C++ program.

    Args:
        folder: the SavedModel's folder.
        ops: op libraries to load; by default those of tensorflow-text. Leave some out to play an
            older server.
        threads: (within an op, between ops); 0 leaves the choice to TensorFlow.
        warmup: replay the warm-up requests on loading, as TF Serving does by default.

    Raises:
        ServerError: the model cannot be loaded, or a warm-up request fails.
        CannotBuild: see `build`.
    """

    def __init__(self, folder, ops=None, threads=(0, 0), warmup=True):
        self.milliseconds = 0.0
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close)
        intra, inter = threads
        command = [build(), folder, "--intra", str(intra), "--inter", str(inter)]
        for file in text_ops() if ops is None else ops:
            command += ["--ops", file]
        if not warmup:
            command.append("--no-warmup")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def predict(self, inputs, signature="serving_default"):
        """Run one request; `milliseconds` then holds the time that the session took.

        Args:
            inputs: {argument name: array or nested list}.
            signature: the signature's name.

        Returns:
            {output name: array}; strings are bytes.

        Raises:
            ServerError: the request fails.
        """
        from zoo.serving import warmup

        record = warmup.encode_request(signature, inputs)
        # A TFRecord whose checksums are left 0: the program does not read them.
        self._process.stdin.write(struct.pack("<QI", len(record), 0) + record + bytes(4))
        self._process.stdin.flush()
        return warmup.decode_response(self._answer())

    def _answer(self):
        head = self._process.stdout.read(20)
        if len(head) < 20:
            self._process.wait()
            self._log.seek(0)
            raise ServerError(-1, self._log.read().decode(errors="replace"))
        length, code, self.milliseconds = struct.unpack("<QId", head)
        body = self._process.stdout.read(length)
        if code != 0:
            raise ServerError(code, body.decode(errors="replace"))
        return body

    def memory(self):
        """Bytes of memory that the process holds."""
        pages = pathlib.Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def close(self):
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
