"""The nursery's process: has the decoders loaded once and forks a confined child for each order.

It never reads a byte of a capture. It ends when the worker closes its end of the control socket (stdin); a child
ends when its own stdin does.
"""

import gc
import os
import signal
import socket
import sys

from workers.analysis import late
from workers.sandbox.child import serve
from workers.sandbox.frames import BORN, ORDER


def main() -> None:
    """Fork until told to end. No threads, so that a fork is safe."""
    late.load()  # a child can't open it any more
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the worker to handle
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    gc.freeze()  # pages stay shared: the collector writes to every object it looks at
    control = socket.socket(fileno=0)
    while True:
        order, fds, _, _ = socket.recv_fds(control, ORDER.size, 2)
        if len(order) < ORDER.size or len(fds) < 2:
            return
        _bear(control, ORDER.unpack(order)[0], fds)
        for fd in fds:
            os.close(fd)


def _bear(control: socket.socket, memory: int, fds: list[int]) -> None:
    child = os.fork()
    if child == 0:
        _live(memory, fds)
    handle = os.pidfd_open(child) if hasattr(os, "pidfd_open") else None
    socket.send_fds(control, [BORN.pack(child)], [] if handle is None else [handle])
    if handle is not None:
        os.close(handle)


def _live(memory: int, fds: list[int]) -> None:
    """Be the child, with nothing open but its two pipes and /dev/null as stderr; never returns."""
    code = 1
    try:
        os.dup2(fds[0], 0)
        os.dup2(fds[1], 1)
        os.closerange(3, 1024)
        serve(memory)
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
    sys.exit(0)
