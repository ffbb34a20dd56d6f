"""The scene's `cart`: asks vault for its secret twice a second over HTTPS, and web for the items once a second.

It saves three carts a second at web as well: requests of several packets, where all others here fit into one.
"""

import os
import signal
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

WEB = os.environ.get("WEB_HOST", "web")
VAULT = os.environ.get("VAULT_HOST", "vault")
HTTP_PORT = int(os.environ.get("HTTP_PORT", "8080"))
HTTPS_PORT = int(os.environ.get("HTTPS_PORT", "8443"))
CA = Path(os.environ.get("TLS_DIR", "/etc/scene/tls")) / "ca.crt"
REPORT_SECONDS = 10.0
CART = b'{"cart": 1, "items": [' + b", ".join(b'{"id": %d, "count": 1}' % number for number in range(130)) + b"]}"

results: Counter[str] = Counter()


def call_for_ever(connect: Callable[[], HTTPConnection], path: str, pace: float, body: bytes | None = None) -> None:
    """GET `path`, or POST `body`, on a fresh connection every `pace` seconds, counting answers and failures."""
    while True:
        try:
            with closing(connect()) as connection:
                connection.request("POST" if body else "GET", path, body, headers={"Connection": "close"})
                answer = connection.getresponse()
                answer.read()
                results[f"{path} {answer.status}"] += 1
        except (OSError, HTTPException) as error:
            results[f"{path} {type(error).__name__}"] += 1
        time.sleep(pace)


def main() -> None:
    """Start all callers and report until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    trusted = ssl.create_default_context(cafile=str(CA))

    def vault() -> HTTPConnection:
        return HTTPSConnection(VAULT, HTTPS_PORT, timeout=1.5, context=trusted)

    def web() -> HTTPConnection:
        return HTTPConnection(WEB, HTTP_PORT, timeout=1.5)

    def web_with_patience() -> HTTPConnection:
        return HTTPConnection(WEB, HTTP_PORT, timeout=2.5)

    threading.Thread(target=call_for_ever, args=(vault, "/secret", 0.5), daemon=True).start()
    threading.Thread(target=call_for_ever, args=(web, "/items", 1.0), daemon=True).start()
    for _ in range(3):
        threading.Thread(target=call_for_ever, args=(web_with_patience, "/cart", 1.0, CART), daemon=True).start()
    while True:
        time.sleep(REPORT_SECONDS)
        counts = dict(results)
        results.clear()
        print("cart:", ", ".join(f"{name} x{count}" for name, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
