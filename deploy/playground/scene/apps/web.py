"""The scene's `web`: HTTP/1.1 on 8080 and the same over TLS 1.3 on 8443.

GET /items, /items/<n>, /healthz answer JSON at once; GET /blob?bytes=N answers N bytes; POST /cart takes a cart of up
to 64 KiB; anything else is 404.
"""

import json
import os
import signal
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HTTP_PORT = int(os.environ.get("HTTP_PORT", "8080"))
HTTPS_PORT = int(os.environ.get("HTTPS_PORT", "8443"))
TLS = Path(os.environ.get("TLS_DIR", "/etc/scene/tls"))
ITEMS = [{"id": number, "name": f"item {number}", "cents": 199 + 50 * number} for number in range(20)]
CHUNK = bytes(65536)
MOST_BYTES = 1 << 30
MOST_BODY = 65536


class Handler(BaseHTTPRequestHandler):
    """Keep-alive HTTP/1.1; head and body of an answer leave in one write."""

    protocol_version = "HTTP/1.1"
    server_version = "scene-web/1"
    sys_version = ""
    wbufsize = -1
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/blob":
            self.send_blob(parse_qs(url.query))
        elif url.path in {"/items", "/healthz"}:
            self.send_json(200, ITEMS if url.path == "/items" else {"ok": True})
        elif url.path.startswith("/items/") and url.path[7:].isdigit():
            self.send_json(200, ITEMS[int(url.path[7:]) % len(ITEMS)])
        else:
            self.send_json(404, {"error": "no such page"})

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), MOST_BODY)
        cart = self.rfile.read(length)
        known = self.path == "/cart"
        self.send_json(200 if known else 404, {"saved": len(cart)} if known else {"error": "no such page"})

    def send_json(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_blob(self, query: dict[str, list[str]]) -> None:
        digits = query.get("bytes", ["0"])[0]
        left = min(int(digits), MOST_BYTES) if digits.isdigit() else 0
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(left))
        self.end_headers()
        while left > 0:
            left -= self.wfile.write(CHUNK[:left])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Say nothing for each request: there are many."""


class Server(ThreadingHTTPServer):
    """Does not print a traceback for a client that went away."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        print(f"connection from {client_address} ended: {sys.exc_info()[1]!r}")


def tls_server(port: int, service: str) -> Server:
    """HTTPS, TLS 1.3 only; the handshake is done by the connection's own thread, never by the accepting one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(TLS / f"{service}.crt", TLS / f"{service}.key")
    server = Server(("", port), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def main() -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    secure = tls_server(HTTPS_PORT, "web")
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    print(f"web: http on {HTTP_PORT}, https on {HTTPS_PORT}")
    Server(("", HTTP_PORT), Handler).serve_forever()


if __name__ == "__main__":
    main()
