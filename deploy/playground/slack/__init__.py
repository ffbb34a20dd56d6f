"""The playground's Slack: one workspace emulator for tests, demo and console, as strict as Slack.

    async with SlackEmulator() as slack:      # or: python -m deploy.playground.slack --port N --rundir D
        AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)

Loopback only; a foreign Host or Origin is refused. Seed: people `alice`, `bob` (engineers), `carol`
(approver), `mallory` (stranger); channels #incidents, #general (with @threadcap), #private-room (without).

Acting as a person, in process: `slack.people.say(who, where, text, thread_ts)`,
`await slack.people.command(who, where, "/capture …")`, `await slack.people.click(who, where, ts, action_id)`.
`/invite @threadcap` brings the app into a channel, as in Slack. A second workspace with the same app:
`SlackEmulator(others=(PARTNER,))`, then `slack.at(PARTNER).people` and `.bot_token`.

Page API (JSON; a refusal is HTTP 400 with Slack's error object; users and channels by id or name):
  GET  /_page/state?user=alice    me, users, channels, messages (replies and own ephemerals included), commands
                                  (descriptions), shortcuts, views (open modals), home, panels
  GET  /_page/events?user=alice   server-sent events: {"type": message|changed|removed, channel, message},
                                  channel, views, view_errors, home, reset
  POST /_page/message             {user, channel, text, thread_ts?, smart?} -> {ts}; a leading slash runs a command
  POST /_page/command             {user, channel, text, smart?}; `smart: false` types plain quotes and dashes
  POST /_page/click               {user, channel, ts | view_id, action_id, block_id?, value?, values?}: `value` is
                                  what was chosen (option value, id, date; a list of them), `values` state.values
  POST /_page/suggest             {user, channel, ts | view_id, action_id, block_id?, value} -> options, option_groups
  POST /_page/shortcut            {user, callback_id, channel?, ts?}: global, or on a message
  POST /_page/submit, /close      {user, view_id, values?}: modals; close with `all` is the X in the corner
  POST /_page/home, /react        {user}, {user, channel, ts, name}
  POST /_page/upload?user=&channel=&name=[&thread_ts=][&text=]   raw bytes

Panels: what the host of the emulator puts beside it (see panels.py) has its routes under /_panel/<name>.

Control (/_control): GET state, GET journal?kind=&name=, POST reset, POST clock {advance},
POST sockets {do: drop|refresh|warning}, POST withdraw {team?, error?} (the app's token is refused),
POST faults {ratelimit: {method: times}, retry_after,
duplicate_events, reorder_events,
strict_history, ack_delay, lose_answers: {method: times},
fail_calls: {method: [times, error]}, limits: bool}, POST archive {channel, archived}.

The page's stable data-testids: composer, send, message-<ts>, thread-open-<ts>, thread-pane, thread-composer,
thread-send, thread-close, button-<action_id>, file-<id>, ephemeral, channel-<name>, me, modal, modal-submit,
input-<action_id> (fields, selects, pickers, menus), tab-home, tab-messages, home, shortcuts, more-<ts>,
preview-<file id>, react-<ts>, reply-<ts>, messages, newest, usage, viewer, switcher; of the scene
panel: scene-open, scene, scene-close, scene-said, pod-<name>, fault-<name>, fault-dialog, fault-inject, log-of, log.
"""

from __future__ import annotations

from .clock import Clock
from .context import AppConfig
from .panels import Panel
from .seed import PARTNER
from .server import SlackEmulator

__all__ = ["PARTNER", "AppConfig", "Clock", "Panel", "SlackEmulator"]
