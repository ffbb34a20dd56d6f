"""The scene's `payments`: POST /charge on HTTP 8080 and, with TLS 1.2, on 8443; healthy answers take 5-15 ms.

While FAULT_FILE says `{"delayMs": N}`, answers are late by N milliseconds: the playground's fault "delay". The
others (drop, refuse, reset) happen on the pod's interface, not here.
"""

import json
import os
import random
import signal
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HTTP_PORT = int(os.environ.get("HTTP_PORT", "8080"))
HTTPS_PORT = int(os.environ.get("HTTPS_PORT", "8443"))
TLS = Path(os.environ.get("TLS_DIR", "/etc/scene/tls"))
FAULT_FILE = Path(os.environ.get("FAULT_FILE", "/run/threadcap/fault.json"))
MOST_BODY = 65536


def injected_delay() -> float:
    """Seconds to wait on top, 0 when no fault is injected."""
    try:
        return float(json.loads(FAULT_FILE.read_text())["delayMs"]) / 1000
    except (OSError, ValueError, LookupError, TypeError):
        return 0.0


class Handler(BaseHTTPRequestHandler):
    """Keep-alive HTTP/1.1; head and body of an answer leave in one write."""

    protocol_version = "HTTP/1.1"
    server_version = "scene-payments/1"
    sys_version = ""
    wbufsize = -1
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        known = self.path == "/healthz"
        self.send_json(200 if known else 404, {"ok": known})

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), MOST_BODY)
        order = self.rfile.read(length)
        time.sleep(random.uniform(0.005, 0.015) + injected_delay())
        if self.path == "/charge":
            self.send_json(200, {"charged": True, "bytes": len(order)})
        else:
            self.send_json(404, {"error": "no such page"})

    def send_json(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Say nothing for each request: there are many."""


class Server(ThreadingHTTPServer):
    """Does not print a traceback for a client that went away."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        print(f"connection from {client_address} ended: {sys.exc_info()[1]!r}")


def tls_server(port: int) -> Server:
    """HTTPS, TLS 1.2 only; the handshake is done by the connection's own thread, never by the accepting one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(TLS / "payments.crt", TLS / "payments.key")
    server = Server(("", port), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def main() -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    secure = tls_server(HTTPS_PORT)
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    print(f"payments: http on {HTTP_PORT}, https on {HTTPS_PORT}")
    Server(("", HTTP_PORT), Handler).serve_forever()


if __name__ == "__main__":
    main()
