"""How packets are got out of a cluster.

In: a CaptureSpec. Out: byte-equal pcap chunks per target and the proof. `targets`, `tcpdump`, `filters` (but for
its subprocess) and `planner` are pure; `cluster` is the only kubernetes import; `methods/` holds one way each.
Nothing here knows Slack, Redis or how facts are made.
"""
