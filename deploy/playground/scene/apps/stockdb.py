"""The scene's `stockdb`: speaks PostgreSQL's protocol on 5432, as far as `stock` needs it; answers take 1-4 ms.

No database is behind it: every SELECT finds one row, every other statement changes one. While FAULT_FILE says
`{"delayMs": N}`, what changes something is late by N milliseconds, as where somebody holds a lock for long.
"""

import json
import os
import random
import signal
import socketserver
import struct
import sys
import time
from pathlib import Path

PORT = int(os.environ.get("PORT", "5432"))
FAULT_FILE = Path(os.environ.get("FAULT_FILE", "/run/threadcap/fault.json"))
MOST = 65536
SSL_REQUEST = 80877103


def injected_delay() -> float:
    """Seconds to wait on top, 0 when no fault is injected."""
    try:
        return float(json.loads(FAULT_FILE.read_text())["delayMs"]) / 1000
    except (OSError, ValueError, LookupError, TypeError):
        return 0.0


def message(kind: bytes, body: bytes) -> bytes:
    """One message of the server (PostgreSQL's manual, section 55.7)."""
    return kind + struct.pack("!i", len(body) + 4) + body


READY = message(b"Z", b"I")
HELLO = message(b"R", struct.pack("!i", 0)) + message(b"S", b"server_version\x0016.0\x00") + READY
COLUMN = message(b"T", struct.pack("!h", 1) + b"count\x00" + struct.pack("!ihihih", 0, 0, 23, 4, -1, 0))


def answer(statement: bytes) -> bytes:
    """What a statement is answered with, in one write."""
    verb = statement.split(b" ", 1)[0].upper()
    if verb == b"SELECT":
        row = message(b"D", struct.pack("!hi", 1, 2) + b"17")
        return COLUMN + row + message(b"C", b"SELECT 1\x00") + READY
    return message(b"C", verb + b" 1\x00") + READY


class Session(socketserver.StreamRequestHandler):
    """One connection, from its startup message to Terminate."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        (length,) = struct.unpack("!i", self.rfile.read(4))
        if struct.unpack("!i", self.rfile.read(4))[0] == SSL_REQUEST:
            self.wfile.write(b"N")
            (length, _) = struct.unpack("!ii", self.rfile.read(8))
        self.rfile.read(min(max(0, length - 8), MOST))
        self.wfile.write(HELLO)
        while (kind := self.rfile.read(1)) not in (b"", b"X"):
            (length,) = struct.unpack("!i", self.rfile.read(4))
            statement = self.rfile.read(min(max(0, length - 4), MOST)).rstrip(b"\x00")
            late = 0.0 if statement.upper().startswith(b"SELECT") else injected_delay()
            time.sleep(random.uniform(0.001, 0.004) + late)
            self.wfile.write(answer(statement) if kind == b"Q" else READY)


class Server(socketserver.ThreadingTCPServer):
    """Does not print a traceback for a client that went away."""

    daemon_threads = allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        print(f"connection from {client_address} ended: {sys.exc_info()[1]!r}")


def main() -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"stockdb: PostgreSQL on {PORT}")
    Server(("", PORT), Session).serve_forever()


if __name__ == "__main__":
    main()
