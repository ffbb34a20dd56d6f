"""The scene's `firehose`: downloads from web at RATE_MB megabytes a second (1 MB = 1,000,000 bytes), for ever."""

import os
import signal
import sys
import time
from http.client import HTTPConnection, HTTPException

WEB = os.environ.get("WEB_HOST", "web")
HTTP_PORT = int(os.environ.get("HTTP_PORT", "8080"))
RATE = float(os.environ.get("RATE_MB", "20")) * 1e6
PIECE = 1_000_000


def download(pieces_per_second: float) -> None:
    """Fetch pieces over one connection, each at its time; falling behind is not caught up in a burst."""
    connection = HTTPConnection(WEB, HTTP_PORT, timeout=5)
    due = time.monotonic()
    while True:
        connection.request("GET", f"/blob?bytes={PIECE}")
        answer = connection.getresponse()
        while answer.read(65536):
            pass
        due = max(due + 1 / pieces_per_second, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def main() -> None:
    """Download until SIGTERM; a broken connection is opened again after a second."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        try:
            download(RATE / PIECE)
        except (OSError, HTTPException) as error:
            print(f"firehose: {error!r}")
            time.sleep(1)


if __name__ == "__main__":
    main()
