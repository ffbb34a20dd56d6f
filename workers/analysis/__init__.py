"""Capture bytes to facts, while they arrive; one protocol a file, no opinion.

In: chunks of one capture of any size. Out: `Facts`, the same for any chunking, and for a cut-off stream those so far.
Nothing here raises on what a capture holds, and memory does not grow with it: every table has a bound named at the top
of its file, and what a bound left out is told in `Facts.approximations`.
No I/O, no heavy imports: `cryptography` is loaded only once a certificate was seen.
"""

from workers.analysis.analyser import Analyser

__all__ = ["Analyser"]
