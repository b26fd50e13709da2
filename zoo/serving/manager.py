"""The models of a folder, their versions loaded, swapped and unloaded while requests run."""

import contextlib
import dataclasses
import logging
import pathlib
import threading

from zoo.serving.errors import Code, RequestError, invalid
from zoo.serving.graph import refuse_unservable
from zoo.serving.replay import run_warmup
from zoo.serving.saved_model import SavedModel
from zoo.serving.versions import models, versions
from zoo.serving.warmup import has_warmup, read_warmup

# Of tensorflow.serving.ModelVersionStatus.State.
LOADING, AVAILABLE, UNLOADING, END = 20, 30, 40, 50

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Spec:
    """Which version of a model a request is for.

    Args:
        name: of the model.
        version: a number, or None.
        label: a version's label, or None. Without version and label, it is the largest loaded.
    """

    name: str
    version: int | None = None
    label: str | None = None


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be served of a model: which versions, and their labels.

    Args:
        choose: takes the version numbers on disk, rising, and returns those to serve.
        labels: {label: version}.
    """

    choose: callable = lambda numbers: numbers[-1:]
    labels: dict = dataclasses.field(default_factory=dict)


class Version:
    """One version of a model: its state, the SavedModel while it is loaded, and who holds that."""

    def __init__(self, fingerprint):
        self.fingerprint = fingerprint
        self.state = LOADING
        self.error = None
        self.model = None
        self.users = 0

    def may_be_tried(self, fingerprint):
        """Whether it was unloaded, or refused and has been written again since."""
        return self.state == END and (self.error is None or self.fingerprint != fingerprint)


class Manager:
    """Loads what lies in a folder and hands it out to requests.

    A request holds its version until it is answered: a version that is replaced goes when its last
    request has gone. The old version goes when the new one has been loaded and has answered its
    warm-up requests; if it cannot, the old one stays.

    Args:
        folder: MODELS, with NAME/VERSION.
        threads: (within an op, between ops); 0 leaves the choice to TensorFlow.
        wanted: {model name: `Wanted`}; None: the largest version of every model in the folder.
    """

    def __init__(self, folder, threads=(0, 0), wanted=None):
        self._folder = pathlib.Path(folder)
        models(self._folder)  # raises if there is no such folder
        self._threads = threads
        self._wanted = wanted
        self._versions = {}
        self._scanning = threading.Lock()
        self._lock = threading.Lock()

    def follow(self, wanted):
        """Serve something else from the next scan on: `wanted` as in the constructor."""
        with self._scanning:
            self._wanted = wanted

    def scan(self):
        """Look at the folder: load what is new, unload what is gone or replaced."""
        with self._scanning:
            found = models(self._folder)
            found = {name: path for name, path in found.items() if self._wants(name)}
            for name in sorted(self._versions.keys() | found.keys()):
                on_disk = versions(found[name]) if name in found else {}
                numbers = self._wants(name).choose(list(on_disk)) if on_disk else []
                self._update(name, {number: on_disk[number] for number in numbers})

    def _wants(self, name):
        return Wanted() if self._wanted is None else self._wanted.get(name)

    def _update(self, name, aspired):
        """Bring one model to the versions it should have, {number: path}."""
        with self._lock:
            self._versions.setdefault(name, {})
        for number, path in aspired.items():
            fingerprint = _fingerprint(path)
            entry = self._versions[name].get(number)
            if entry is None or entry.may_be_tried(fingerprint):
                self._load(name, number, path, fingerprint)
        entries = self._versions[name].items()
        loaded = {number for number, entry in entries if entry.state == AVAILABLE}
        if loaded & aspired.keys() or not aspired:
            for number in sorted(loaded - aspired.keys()):
                self._unload(name, number)

    def _load(self, name, number, path, fingerprint):
        entry = Version(fingerprint)
        with self._lock:
            self._versions[name] = {**self._versions[name], number: entry}
        log.info("loading %s version %d", name, number)
        try:
            model = self._open(path)
        except Exception as error:  # a broken version must not stop the server, whatever it is
            entry.error = error if isinstance(error, RequestError) else _as_request_error(error)
            entry.state = END
            log.error("refused %s version %d: %s", name, number, entry.error)
            return
        with self._lock:
            entry.model, entry.state, entry.users = model, AVAILABLE, 1  # the manager's own
        log.info("serving %s version %d", name, number)

    def _open(self, path):
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise RequestError(Code.PERMISSION_DENIED, "the version lies outside the models folder")
        refuse_unservable(path)
        model = SavedModel(path, self._threads)
        try:
            if has_warmup(path):
                for number, request in enumerate(read_warmup(path)):
                    run_warmup(model, number, *request)
        except BaseException:
            model.close()
            raise
        return model

    def _unload(self, name, number):
        entry = self._versions[name][number]
        with self._lock:
            entry.state = UNLOADING
        self._release(name, number, entry)

    def _release(self, name, number, entry):
        """One holds it no more; the last one to leave closes it, and nobody waits for that."""
        with self._lock:
            entry.users -= 1
            if entry.users:
                return
            model, entry.model = entry.model, None
        model.close()
        entry.state = END
        log.info("unloaded %s version %d", name, number)

    @contextlib.contextmanager
    def use(self, spec):
        """The version for a `Spec`, held for the time of a with statement: (number, SavedModel).

        Raises:
            RequestError: there is none.
        """
        with self._lock:
            number, entry = self._find(spec)
            entry.users += 1
        try:
            yield number, entry.model
        finally:
            self._release(spec.name, number, entry)

    def _find(self, spec):
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        version = spec.version if spec.label is None else self._labelled(spec)
        available = {
            number: entry
            for number, entry in self._versions.get(spec.name, {}).items()
            if entry.state == AVAILABLE and version in (None, number)
        }
        if not available:
            sought = "Latest({0})" if version is None else "Specific({0}, {1})"
            raise RequestError(
                Code.NOT_FOUND,
                "Servable not found for request: " + sought.format(spec.name, version),
            )
        return max(available.items())

    def _labelled(self, spec):
        wanted = self._wants(spec.name)
        if wanted is None or spec.label not in wanted.labels:
            raise invalid("Unrecognized servable version label: ", spec.label)
        return wanted.labels[spec.label]

    def status(self, spec):
        """[(version, state, RequestError or None)] of the versions that a `Spec` names, rising.

        Raises:
            RequestError: there is none.
        """
        entries = self._versions.get(spec.name, {})
        if spec.version is not None:
            if spec.version not in entries:
                raise RequestError(
                    Code.NOT_FOUND, f"Could not find version {spec.version} of model {spec.name}"
                )
            entries = {spec.version: entries[spec.version]}
        if not entries:
            raise RequestError(Code.NOT_FOUND, f"Could not find any versions of model {spec.name}")
        return [(n, entries[n].state, entries[n].error) for n in sorted(entries)]

    def available(self):
        """{model name: [versions that are served]}."""
        with self._lock:
            return {
                name: [n for n in sorted(entries) if entries[n].state == AVAILABLE]
                for name, entries in sorted(self._versions.items())
            }

    def close(self, seconds):
        """Unload everything, each version when its last request has gone.

        Args:
            seconds: to wait for a look at the folder that is under way.

        Returns:
            Whether that has ended; else nothing was done.
        """
        if not self._scanning.acquire(timeout=seconds):
            return False
        try:
            self._wanted = {}  # nor does a look that comes late load anything
            for name, numbers in self.available().items():
                for number in numbers:
                    self._unload(name, number)
        finally:
            self._scanning.release()
        return True


def _fingerprint(path):
    """What changes when any file of a version is written, so that a refused one is tried again."""
    files = ((str(file.relative_to(path)), file.lstat()) for file in path.rglob("*"))
    return sorted((name, status.st_mtime_ns, status.st_size) for name, status in files)


def _as_request_error(error):
    return RequestError(Code.INVALID_ARGUMENT, f"{type(error).__name__}: {error}")
