"""A small server for the page, for one person on one machine."""

import http.server
import ipaddress
import json
import socket
import threading
from urllib.parse import urlsplit

from zoo.visual.page_file import VIEW, page

_MOST_BYTES = 65536  # of a request's body
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the page's own policy has the rest
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_loopback(host):
    """Whether a host is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class PageServer(http.server.ThreadingHTTPServer):
    """Serves the page at / and its questions at /look and /page.

    Only requests that name this server as their host are answered, and questions only as JSON: a
    page of another site can do neither. No path is read as a file.

    Args:
        explorer: a `zoo.visual.explore.Explorer`.
        host: address or name to bind to.
        port: 0 takes one that is free.

    Raises:
        OSError: it cannot be bound to.
    """

    daemon_threads = True
    request_queue_size = 64  # connections that wait; of more than the usual 5 some would be reset

    def __init__(self, explorer, host="127.0.0.1", port=8700):
        if ":" in host:
            self.address_family = socket.AF_INET6
        self.explorer = explorer
        self.given_host = host
        self.one_at_a_time = threading.Lock()  # recorders of attention are the process's
        super().__init__((host, port), _Handler)

    @property
    def url(self):
        """Where a browser finds the page."""
        host = f"[{self.given_host}]" if ":" in self.given_host else self.given_host
        return f"http://{host}:{self.server_port}/"

    def is_host(self, header):
        """Whether the Host header of a request means this server, not a name that somebody else
        has pointed to this address (DNS rebinding)."""
        try:
            parts = urlsplit(f"//{header}")
            host, port = parts.hostname, parts.port
        except ValueError:
            return False
        if not host or (port or 80) != self.server_port:
            return False
        if is_loopback(self.given_host):
            return is_loopback(host)
        names = {self.given_host, "localhost", socket.gethostname()}
        return host in {name.lower() for name in names} or _is_address(host)


def _is_address(host):
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_view(view):
    return (
        isinstance(view, dict)
        and set(view) <= set(VIEW)
        and all(type(number) is int and number >= 0 for number in view.values())
    )


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = 20  # seconds that a sender may be silent
    server_version, sys_version = "zoo.visual", ""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if not self._is_for_us():
            return
        if self.path != "/":
            self._fail(404, "not found")
            return
        self._answer(200, "text/html; charset=utf-8", page(self.server.explorer.form()))

    def do_POST(self):
        if not self._is_for_us():
            return
        if self.path not in ("/look", "/page"):
            self._fail(404, "not found")
            return
        explorer = self.server.explorer
        try:
            texts, view = self._question()
            with self.server.one_at_a_time:
                look = explorer.look(texts)
        except ValueError as error:
            self._fail(400, str(error))
        except Exception as error:  # the model's own fault: said here, not only in the terminal
            self._fail(500, f"{type(error).__name__}: {error}")
        else:
            if self.path == "/look":
                self._answer(200, "application/json", json.dumps(look))
            else:
                html = page(explorer.form(), look, view)
                self._answer(200, "text/html; charset=utf-8", html, "attention.html")

    def _question(self):
        """The texts and the view, or None, of a request's body."""
        if self.headers.get_content_type() != "application/json":
            raise ValueError("Content-Type must be application/json")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            raise ValueError(f"a body of at most {_MOST_BYTES} bytes is needed")
        try:
            question = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise ValueError("the body must be JSON") from error
        if not isinstance(question, dict) or not {"texts"} <= set(question) <= {"texts", "view"}:
            raise ValueError('the body must be {"texts": [...]}, with "view" or without')
        view = question.get("view")
        if view is not None and not _is_view(view):
            raise ValueError(f"view must have whole numbers, 0 or more, for {', '.join(VIEW)}")
        return question["texts"], view

    def _is_for_us(self):
        """Whether the request names this server; says so if not."""
        origin = self.headers.get("Origin")
        host = self.headers.get("Host", "")
        fits = self.server.is_host(host) and origin in (None, f"http://{host}")
        if not fits:
            self._fail(403, "this server answers to its own address alone")
        return fits

    def _fail(self, status, message):
        self.close_connection = True  # a body that was not read must not be taken for a request
        self._answer(status, "application/json", json.dumps({"error": message}))

    def _answer(self, status, kind, text, attachment=None):
        body = text.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if attachment:
            self.send_header("Content-Disposition", f'attachment; filename="{attachment}"')
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Nothing: what people type is nobody's business."""
