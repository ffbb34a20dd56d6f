"""The scene's `checkout`: calls web and payments all the time, about 15 requests a second, whatever happens.

Each caller is a thread with its own pace. Some keep one connection alive, most open a fresh one each time, which
also asks DNS. A call that fails is tried once more; failures are counted and printed every ten seconds.
"""

import os
import random
import signal
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

WEB = os.environ.get("WEB_HOST", "web")
PAYMENTS = os.environ.get("PAYMENTS_HOST", "payments")
HTTP_PORT = int(os.environ.get("HTTP_PORT", "8080"))
HTTPS_PORT = int(os.environ.get("HTTPS_PORT", "8443"))
CA = Path(os.environ.get("TLS_DIR", "/etc/scene/tls")) / "ca.crt"
REPORT_SECONDS = 10.0
ORDER = b'{"order": 1, "cents": 1999, "card": "test-0000"}'

results: Counter[str] = Counter()


@dataclass(frozen=True)
class Caller:
    """One kind of call: `pace` seconds apart (jittered by 20 %), `timeout` seconds for each step of it."""

    name: str
    connect: Callable[[], HTTPConnection]
    method: str
    path: str
    pace: float
    body: bytes | None = None
    keep_alive: bool = False

    def run(self) -> None:
        """Call for ever; one retry on a fresh connection."""
        connection = self.connect()
        while True:
            for _attempt in range(2):
                if self._call(connection):
                    break
                connection.close()
                connection = self.connect()
            time.sleep(self.pace * random.uniform(0.8, 1.2))

    def _call(self, connection: HTTPConnection) -> bool:
        headers = {} if self.keep_alive else {"Connection": "close"}
        try:
            connection.request(self.method, self.path, self.body, headers)
            answer = connection.getresponse()
            answer.read()
            if not self.keep_alive:
                connection.close()
        except (OSError, HTTPException) as error:
            results[f"{self.name} {type(error).__name__}"] += 1
            return False
        results[f"{self.name} {answer.status}"] += 1
        return True


def callers() -> list[Caller]:
    """What checkout does: together about 15 calls a second."""
    trusted = ssl.create_default_context(cafile=str(CA))

    def web() -> HTTPConnection:
        return HTTPConnection(WEB, HTTP_PORT, timeout=1.5)

    def web_tls() -> HTTPConnection:
        return HTTPSConnection(WEB, HTTPS_PORT, timeout=1.5, context=trusted)

    def payments() -> HTTPConnection:
        return HTTPConnection(PAYMENTS, HTTP_PORT, timeout=1.5)

    def payments_tls() -> HTTPConnection:
        return HTTPSConnection(PAYMENTS, HTTPS_PORT, timeout=1.5, context=trusted)

    return [
        Caller("items", web, "GET", "/items", pace=0.25),
        Caller("item", web, "GET", "/items/7", pace=0.25, keep_alive=True),
        Caller("items-tls", web_tls, "GET", "/items", pace=0.5),
        Caller("charge", payments, "POST", "/charge", pace=0.4, body=ORDER),
        Caller("charge-again", payments, "POST", "/charge", pace=0.4, body=ORDER),
        Caller("charge-tls", payments_tls, "POST", "/charge", pace=1.0, body=ORDER),
        Caller("charge-kept", payments, "POST", "/charge", pace=1.0, body=ORDER, keep_alive=True),
    ]


def main() -> None:
    """Start all callers and report until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for caller in callers():
        threading.Thread(target=caller.run, name=caller.name, daemon=True).start()
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(REPORT_SECONDS)
            counts = dict(results)
            results.clear()
            print("checkout:", ", ".join(f"{name} x{count}" for name, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
