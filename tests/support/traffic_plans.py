"""What the traffic model may be asked for: hypothesis strategies of plans."""

from hypothesis import strategies as st

from tests.support.traffic_model import Act, Plan

KINDS = (
    "data", "lost_after", "lost_before", "fast", "not_captured", "reordered", "duplicated", "spurious", "kept_alive",
    "closed", "filled", "repeated_ack", "idle", "congested",
)  # fmt: skip
ENDINGS = ("fin", "fin_reset", "reset_client", "reset_server", "open", "vanish", "missed")
OPENINGS = ("complete", "complete", "complete", "middle", "unanswered", "refused", "half-open", "given-up")
SCALES = st.none() | st.integers(0, 9)

acts = st.builds(
    Act, st.sampled_from(KINDS), st.sampled_from("cs"), count=st.integers(1, 4), size=st.integers(2, 1_200)
)
plans = st.builds(
    Plan,
    opening=st.sampled_from(OPENINGS),
    acts=st.lists(acts, max_size=6).map(tuple),
    ending=st.sampled_from(ENDINGS),
    near=st.integers(1_600, 9_000),
    far=st.integers(1_600, 9_000),
    scales=st.tuples(SCALES, SCALES),
    sack=st.booleans(),
    stamps=st.booleans(),
    ecn=st.booleans(),
    view=st.sampled_from(("cs", "cs", "cs", "c", "s")),
    version=st.sampled_from((4, 6)),
    isn=st.tuples(*[st.sampled_from((0, 1_000, 2**31 - 500, 2**32 - 700)) | st.integers(0, 2**32 - 1)] * 2),
    offset=st.integers(0, 2_000_000),
    tries=st.integers(1, 3),
    again=st.booleans(),
)
captures = st.lists(plans, min_size=1, max_size=8)
snaplens = st.sampled_from((262_144, 128, 114))
"""Whole packets, or all headers: 14 of Ethernet, 40 of IPv6, 60 of TCP at most."""
