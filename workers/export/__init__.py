"""A report and its files in the formats people take away. One format a file.

In: a Report, or captures on disk. Out: bytes or a file, and file names safe on any system. No network, no cluster.
"""

from workers.export.merge import Merged, merged
from workers.export.names import filename
from workers.export.report_json import report_json
from workers.export.timebase import Source

__all__ = ["Merged", "Source", "filename", "merged", "report_json"]
