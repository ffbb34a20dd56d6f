"""The wires between worker, nursery and child.

Worker to child: each frame is HEADER, target index and length, then that many bytes of its pcap; one of no bytes for
the target PEEK asks for the facts so far, and one for the target LOOK is `{"target": …, "look": Look}` as JSON: what
follows of that target is looked at so, instead of analysed. Worker to nursery:
ORDER, the child's memory limit in bytes, with the child's stdin and stdout attached (SCM_RIGHTS, unix(7)); the answer
is BORN, the child's process id, with a pidfd attached where the system has them.
"""

import struct

HEADER = struct.Struct(">II")
PEEK = 0xFFFFFFFF
LOOK = 0xFFFFFFFE
ORDER = struct.Struct(">Q")
BORN = struct.Struct(">I")
