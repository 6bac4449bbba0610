"""Serves the review page to browsers on this machine, and does what decisions say."""

import hmac
import json
import secrets
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from pipeline import paths
from pipeline.base.files import safe_join
from pipeline.base.problems import printable
from pipeline.commands.decide import Decider, deciding
from pipeline.data.decisions import read_decisions
from pipeline.data.manifest import Sample
from pipeline.errors import UserError
from pipeline.report.review_page import write_decided, write_image_again

HERE = "127.0.0.1"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
DECIDE = "decide"
MOST_BYTES = 4_000_000  # of a decision; the runs of a painted mask take a tenth
SECONDS = 30  # without a byte, until a connection is closed
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ReviewServer(ThreadingHTTPServer):
    """Answers requests that know a random token. Nothing outside the folder of the page is read."""

    daemon_threads = True

    def __init__(self, decider: Decider, order: dict[str, int], port: int) -> None:
        """`order`: the number of each image on the page, by its name; `port` 0: a free one."""
        try:
            super().__init__((HERE, port), partial(ReviewHandler, decider=decider, order=order))
        except (OSError, OverflowError) as error:
            raise UserError(
                f"--port {port}: expected a free port, got one that {error}. Name another"
            ) from error
        self.token = secrets.token_urlsafe(24)
        self.hosts = [f"{name}:{self.server_port}" for name in (HERE, "localhost")]

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{self.hosts[0]}/{self.token}/"


class ReviewHandler(BaseHTTPRequestHandler):
    """One request."""

    server: ReviewServer
    timeout = SECONDS

    def __init__(self, *arguments: Any, decider: Decider, order: dict[str, int]) -> None:
        self.decider, self.order = decider, order
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """A file of the page."""
        name = self._name()
        if name is None:
            return self.send_error(HTTPStatus.FORBIDDEN)
        try:
            file = safe_join(paths.REVIEW_PAGE, name or "index.html")
        except UserError:
            return self.send_error(HTTPStatus.NOT_FOUND)
        if file.suffix not in TYPES or not file.is_file():
            return self.send_error(HTTPStatus.NOT_FOUND)
        self._answer(HTTPStatus.OK, file.read_bytes(), TYPES[file.suffix])

    def do_POST(self) -> None:
        """A decision."""
        length = self.headers.get("Content-Length", "")
        own = self.headers.get("Origin") == f"http://{self.headers.get('Host')}"
        as_json = self.headers.get("Content-Type") == "application/json"  # no form of another page sends it
        if self._name() != DECIDE or not own or not as_json:
            return self.send_error(HTTPStatus.FORBIDDEN)
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            sample = self.decider.decide(json.loads(self.rfile.read(int(length))))
            self._renew(sample)
        except (UserError, OSError, ValueError, RecursionError) as error:
            return self._answer_json(HTTPStatus.BAD_REQUEST, {"error": printable(str(error))})
        self._answer_json(HTTPStatus.OK, {})

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the address holds the token."""

    def _name(self) -> str | None:
        """The path behind the token; None for a stranger, or a page of another name for this machine."""
        token, _, name = unquote(urlsplit(self.path).path).removeprefix("/").partition("/")
        known = hmac.compare_digest(token.encode(), self.server.token.encode())
        return name if known and self.headers.get("Host") in self.server.hosts else None

    def _renew(self, sample: Sample) -> None:
        """Let the page show the decision when it is loaded again."""
        with deciding():
            write_decided(paths.REVIEW_PAGE, read_decisions(paths.DECISIONS).values())
            if sample.name in self.order:
                number = self.order[sample.name]
                write_image_again(paths.REVIEW_PAGE, self.decider.source, number, sample)

    def _answer_json(self, status: HTTPStatus, value: Any) -> None:
        self._answer(status, json.dumps(value).encode(), "application/json")

    def _answer(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": f"{kind}; charset=utf-8"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
