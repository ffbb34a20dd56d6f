"""The playground's node: an agent like a kubelet, with real containers in real namespaces.

In: Pod objects and Services, over HTTP on a unix socket (api). Out: PodStatus events, logs, exec streams.
One process tree a node, in PID, mount, network, UTS and IPC namespaces of its own; its first process
(init) ends everything it started when it ends. Nothing here touches the host's network or mounts, and
nothing here decides what should run: that is the API server's part.
"""
