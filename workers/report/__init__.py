"""From targets with facts to a Report, and a Report to words, tables and pictures.

In: TargetResults, names, the clock's time. Out: `build` -> Report (findings, verdict, notes), `resolve_names`,
`text` and `tables` (pure), `Renderer` -> PNGs made in a process of its own. Nothing here talks to a cluster, a
store or a chat; only `render.py` starts a process. matplotlib is imported in that process alone.
"""

from workers.report.build import build
from workers.report.names import Known, resolve_names

__all__ = ["Known", "build", "resolve_names"]
