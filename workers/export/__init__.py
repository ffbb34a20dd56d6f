"""A report and its files in the formats people take away. One format a file.

In: a Report, or captures on disk. Out: bytes or a file, and file names safe on any system. No network, no cluster.
The merge is not named here: `merge` and `timebase` are imported by those few who need them.
"""

from workers.export.names import filename
from workers.export.report_json import report_json

__all__ = ["filename", "report_json"]
