"""The supervisor's control socket: a few HTTP verbs on a Unix socket that only root can open."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

from ccm_scenarios.errors import CcmScenariosError

Verb = Callable[[Mapping[str, Any]], Any]
"""Takes the request's JSON object, returns something JSON can carry."""


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    verbs: Mapping[str, Verb]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Run the verb the path names."""
        verb = self.server.verbs.get(self.path.strip("/"))
        try:
            size = int(self.headers.get("Content-Length") or 0)
            arguments = json.loads(self.rfile.read(size) or b"{}")
            status, body = (
                (404, {"error": f"no verb {self.path}"}) if verb is None else (200, {"result": verb(arguments)})
            )
        except CcmScenariosError as error:
            status, body = 409, {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - told to the caller
            status, body = 500, {"error": f"{type(error).__name__}: {error}"}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        """A Unix peer has no address."""
        return "local"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: callers log their own doings."""


def serve(socket: Path, verbs: Mapping[str, Verb]) -> None:
    """Answer on `socket` in a thread of its own until the process ends."""
    socket.unlink(missing_ok=True)
    server = _Server(str(socket), _Handler)
    socket.chmod(0o600)
    server.verbs = verbs
    threading.Thread(target=server.serve_forever, name="control", daemon=True).start()
