"""A report and its files in the formats people take away. One format a file; pure, no I/O.

In: a Report. Out: bytes, and file names safe on any system.
"""

from workers.export.names import filename
from workers.export.report_json import report_json

__all__ = ["filename", "report_json"]
