"""Capture bytes to decoded packets, sans I/O and without opinion.

In: chunks of a capture as they arrive, of any size. Out: records (`capture`), and for each record one `Packet`
(`decode`) whose marks say which headers it shows. Nothing a capture holds raises: what cannot be read is marked
malformed, and a broken file ends in an error sentence with its byte offset. Memory is bounded by the constants here.
Plain Python, some of it compiled with types beside it; `workers.core` does the same in C structs.
"""
