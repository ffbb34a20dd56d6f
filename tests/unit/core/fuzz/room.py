"""How many conversations the fuzzed core and the plain one follow at once, in place of flows.MAX_LIVE."""

MAX_LIVE = 16
