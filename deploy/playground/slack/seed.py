"""The people and channels a workspace starts with: the playground's own, and a second one for apps that serve two.

Ids are global in Slack: none of one workspace means anything in the other, the app's id excepted.
"""

from __future__ import annotations

from .state import (
    ALICE,
    BOB,
    BOT_USER,
    CAROL,
    GENERAL,
    HOME_TEAM,
    INCIDENTS,
    MALLORY,
    PRIVATE_ROOM,
    Channel,
    Seed,
    Team,
    User,
)

DAVE, ERIN = "U00000DAVE2", "U00000ERIN2"
OUTAGES, PARTNER_GENERAL = "C0OUTAGES02", "C0GENERAL02"

_EVERYBODY = {ALICE, BOB, CAROL, MALLORY}
PLAYGROUND = Seed(
    HOME_TEAM,
    (
        User(ALICE, "alice", "Alice Okafor", "engineer"),
        User(BOB, "bob", "Bob Lindqvist", "engineer"),
        User(CAROL, "carol", "Carol Mendes", "approver"),
        User(MALLORY, "mallory", "Mallory Stone", "stranger"),
    ),
    (
        Channel(INCIDENTS, "incidents", _EVERYBODY | {BOT_USER}, "Something is on fire, calmly"),
        Channel(GENERAL, "general", _EVERYBODY | {BOT_USER}, "Everything else"),
        Channel(PRIVATE_ROOM, "private-room", {ALICE, CAROL}, "No bots in here", is_private=True),
    ),
    {
        "S0ONCALLENG": {"handle": "oncall", "users": [ALICE, BOB]},
        "S0APPROVERS": {"handle": "approvers", "users": [CAROL]},
    },
)

_PARTNER = Team("T0PARTNERS", "Partner", "partner", "B0THREADC2", "U0THREADC2", PARTNER_GENERAL)
PARTNER = Seed(
    _PARTNER,
    (User(DAVE, "dave", "Dave Osei", "engineer"), User(ERIN, "erin", "Erin Kowalski", "approver")),
    (
        Channel(OUTAGES, "outages", {DAVE, ERIN, _PARTNER.bot_user}, "Their side of it"),
        Channel(PARTNER_GENERAL, "general", {DAVE, ERIN}, "The app was not invited"),
    ),
)
