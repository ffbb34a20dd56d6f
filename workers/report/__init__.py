"""From targets with facts to a Report, and a Report to words, tables and pictures.

In: TargetResults, names, the clock's time. Out: `build` -> Report (findings, verdict, notes), `resolve_names`,
`text` and `tables` (pure), `album` -> which pictures and what of, `Renderer` -> an Album's PNGs made in a process of
its own. Nothing here talks to a cluster, a store or a chat; only `renderer.py` starts a process. matplotlib is imported
in that process alone: by `drawing` and the files that draw (`traffic`, `latency`, `sequence`, `ladder`, `heat`).
"""

from workers.report.build import build
from workers.report.names import Known, resolve_names

__all__ = ["Known", "build", "resolve_names"]
