"""Hostile bytes meet no credentials: decoding and analysis in a process of their own.

In: pcap chunks by target, over a pipe. Out: one Facts a target as JSON. The child has an empty environment, a memory
limit, and after its start can open neither file nor socket. If it dies the capture is delivered all the same.

`parent` is what the worker uses; `nursery` is its end of the one process a worker starts, which has the decoders
loaded and forks a child for each job; `__main__` is that process, `child` what runs in each fork.
"""
