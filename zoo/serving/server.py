"""The development server: TF Serving's REST and gRPC API over the models of a folder."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import pathlib
import signal
import socket
import time

from zoo.serving.config import MODELS_CONFIG
from zoo.serving.errors import RequestError
from zoo.serving.gate import Gate
from zoo.serving.grpc_service import add_services
from zoo.serving.manager import Manager
from zoo.serving.policies import read_policies
from zoo.serving.rest import make_app

log = logging.getLogger(__name__)


async def serve(settings, announce=print):
    """Serve until SIGINT or SIGTERM; then answer what has been asked, and stop.

    It ends the process, with exit status 1, if an op of TensorFlow or the loading of a version goes
    on beyond `settings.grace`: nothing else can.

    Args:
        settings: `Settings`.
        announce: takes a line to print; called when the server answers.

    Raises:
        OSError: there is no such folder, or a port is taken.
        ValueError: models.config does not parse.
    """
    # Whatever fails, the port is free again.
    with contextlib.closing(_listen(settings.host, settings.rest_port)) as rest_socket:
        await _serve_on(rest_socket, settings, announce)


async def _serve_on(rest_socket, settings, announce):
    import grpc.aio

    gate = Gate(settings.threads, settings.queue, settings.timeout)
    last = _written(settings.folder)  # before it is read: what is written meanwhile is not missed
    manager = Manager(settings.folder, settings.op_threads, _wanted(settings.folder))
    await asyncio.to_thread(manager.scan)
    options = [
        ("grpc.max_receive_message_length", settings.max_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # else a second server takes the port, and half of the requests
    ]
    grpc_server = grpc.aio.server(options=options)
    add_services(grpc_server, manager, gate)
    grpc_port = grpc_server.add_insecure_port(_address(settings.host, settings.grpc_port))
    app = make_app(manager, gate, settings.max_bytes, settings.timeout)
    rest_server = _rest_server(app, settings)
    await grpc_server.start()
    with _until_signalled() as stopped:
        serving = asyncio.create_task(rest_server.serve([rest_socket]))
        while not rest_server.started:
            await asyncio.sleep(0.01)
        _announce(announce, settings, manager, rest_socket.getsockname()[1], grpc_port)
        watching = asyncio.create_task(_watch(manager, settings, last))
        await stopped.wait()
        end = time.monotonic() + settings.grace
        announce("stopping: no new requests, those under way are answered")
        watching.cancel()
        rest_server.should_exit = True
        await asyncio.gather(serving, grpc_server.stop(settings.grace))
        await asyncio.gather(watching, return_exceptions=True)
    for part in (gate, manager):
        if not await asyncio.to_thread(part.close, max(0.0, end - time.monotonic())):
            announce(f"stopped: something went on for more than {settings.grace} s")
            os._exit(1)


def _rest_server(app, settings):
    """Uvicorn without its own handling of signals: one signal stops both servers."""
    import uvicorn

    class Server(uvicorn.Server):
        def capture_signals(self):
            return contextlib.nullcontext()

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        http=_impatient_protocol(settings.timeout),
        limit_concurrency=settings.connections,
        timeout_graceful_shutdown=int(settings.grace),
    )
    return Server(config)


def _impatient_protocol(seconds):
    """Uvicorn's HTTP/1.1, which hangs up where the head of the next request takes too long."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Protocol(H11Protocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            self._patience = self.loop.call_later(seconds, self._hang_up, None)

        def on_response_complete(self):
            self._patience.cancel()
            self._patience = self.loop.call_later(seconds, self._hang_up, self.cycle)
            super().on_response_complete()

        def connection_lost(self, error):
            self._patience.cancel()
            super().connection_lost(error)

        def _hang_up(self, last):
            if self.cycle is last:  # else a request has come since
                self.transport.close()

    return Protocol


async def _watch(manager, settings, last):
    """Look at the folder again and again; `last` is when its models.config was written."""
    while True:
        await asyncio.sleep(settings.poll)
        last = await asyncio.to_thread(_look, manager, settings.folder, last)


def _look(manager, folder, last):
    """Follow models.config, if it is another since `last`, and scan; when it was written."""
    written = _written(folder)
    try:
        if written != last:
            manager.follow(_wanted(folder))
    except (ValueError, RequestError, OSError) as error:
        log.error("%s of %s is not followed: %s", MODELS_CONFIG, folder, error)
    try:
        manager.scan()
    except OSError as error:  # a folder that is being moved: the next look may find it
        log.error("cannot look at %s: %s", folder, error)
    return written


def _written(folder):
    """When the models.config of a folder was written, None if there is none."""
    with contextlib.suppress(OSError):
        return pathlib.Path(folder, MODELS_CONFIG).stat().st_mtime_ns
    return None


def _wanted(folder):
    config = pathlib.Path(folder, MODELS_CONFIG)
    return read_policies(config) if config.is_file() else None


def _listen(host, port):
    """A socket that listens, so that a port that is taken is said before a model is loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise OSError(f"cannot listen on {_address(host, port)}: {error.strerror}") from error
    return found


def _address(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _announce(announce, settings, manager, rest_port, grpc_port):
    announce("A development server: it is not made for production, TF Serving is.")
    if not _is_loopback(settings.host):
        announce(
            f"CAUTION: it listens on {settings.host}, so other machines can reach it, "
            "and it asks nobody who they are."
        )
    for name, numbers in manager.available().items():
        announce(f"model {name}: " + (f"versions {numbers}" if numbers else "no version"))
    announce(f"REST http://{_address(settings.host, rest_port)}/v1/models")
    announce(f"gRPC {_address(settings.host, grpc_port)}")
    announce("ready")


def _is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextlib.contextmanager
def _until_signalled():
    """An event that SIGINT and SIGTERM set."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, event.set)
    try:
        yield event
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
