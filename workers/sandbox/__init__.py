"""Hostile bytes meet no credentials: decoding and analysis in a process of their own.

In: pcap chunks by target, over a pipe. Out: one Facts a target as JSON. The child has an empty environment, a memory
limit, and after its start can open neither file nor socket. If it dies the capture is delivered all the same.
"""
