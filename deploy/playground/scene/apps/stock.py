"""The scene's `stock`: asks its database what is left, and takes from it, about 12 statements a second in all.

Four workers with a connection each, kept as long as it lasts; a failure is counted and the worker connects anew.
"""

import os
import signal
import socket
import struct
import sys
import threading
import time
from collections import Counter

HOST = os.environ.get("DB_HOST", "stockdb")
PORT = int(os.environ.get("DB_PORT", "5432"))
WORKERS = 4
PACE = 0.3
TIMEOUT = 5.0
REPORT_SECONDS = 10.0
STARTUP = b"user\x00stock\x00database\x00stock\x00\x00"
STATEMENTS = (
    b"SELECT count FROM stock WHERE item = 7",
    b"UPDATE stock SET count = count - 1 WHERE item = 7",
)

results: Counter[str] = Counter()


def until_ready(connection: socket.socket) -> None:
    """Read an answer to its end: ReadyForQuery. Raises OSError when the connection ends before."""
    seen = b""
    while not seen.endswith(b"Z\x00\x00\x00\x05I"):
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError("the database ended the connection")
        seen += piece


def work() -> None:
    """One statement after the other, on one connection for as long as it lasts."""
    while True:
        try:
            with socket.create_connection((HOST, PORT), TIMEOUT) as connection:
                connection.sendall(struct.pack("!ii", len(STARTUP) + 8, 196608) + STARTUP)
                until_ready(connection)
                while True:
                    for statement in STATEMENTS:
                        connection.sendall(b"Q" + struct.pack("!i", len(statement) + 5) + statement + b"\x00")
                        until_ready(connection)
                        results[statement.split()[0].decode()] += 1
                        time.sleep(PACE)
        except OSError as error:
            results[type(error).__name__] += 1
            time.sleep(PACE)


def main() -> None:
    """Start the workers and report until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for _ in range(WORKERS):
        threading.Thread(target=work, daemon=True).start()
        time.sleep(PACE / WORKERS)
    while True:
        time.sleep(REPORT_SECONDS)
        counts = dict(results)
        results.clear()
        print("stock:", ", ".join(f"{name} x{count}" for name, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
