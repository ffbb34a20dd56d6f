"""The scene's `vault`: GET /secret over HTTPS on 8443, in an image without any shell, as a nonroot user."""

import json
import os
import signal
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HTTPS_PORT = int(os.environ.get("HTTPS_PORT", "8443"))
TLS = Path(os.environ.get("TLS_DIR", "/etc/scene/tls"))


class Handler(BaseHTTPRequestHandler):
    """Answers every GET; the secret is made up."""

    protocol_version = "HTTP/1.1"
    server_version = "scene-vault/1"
    sys_version = ""
    wbufsize = -1
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        known = self.path == "/secret"
        body = json.dumps({"secret": "made up"} if known else {"error": "no such page"}).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Say nothing for each request."""


class Server(ThreadingHTTPServer):
    """Does not print a traceback for a client that went away."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        print(f"connection from {client_address} ended: {sys.exc_info()[1]!r}")


def main() -> None:
    """Serve until SIGTERM; the handshake is done by the connection's own thread, never by the accepting one."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "vault.crt", TLS / "vault.key")
    server = Server(("", HTTPS_PORT), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(f"vault: https on {HTTPS_PORT}")
    server.serve_forever()


if __name__ == "__main__":
    main()
