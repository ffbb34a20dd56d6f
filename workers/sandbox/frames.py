"""The wire between worker and sandbox: each frame is target index and length, then that many bytes of its pcap."""

import struct

HEADER = struct.Struct(">II")
