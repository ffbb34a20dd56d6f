# cython: annotation_typing=False
"""Requests of HTTP/1 that wait on their connection for responses, which come in the same order (RFC 9112 section 9.3).

Few wait in ordinary traffic. Of those that are too many, the latest are counted alone: the responses to all that are
remembered come before theirs, so that each response is still known to be of a certain request, or of none.
"""

from workers.analysis.flows import Half
from workers.analysis.http_groups import UNKNOWN, Request
from workers.analysis.http_stage import HttpStage, answer_not_captured
from workers.packets.stream import Parser

MAX_WAITING, MAX_PIPELINED = 128, 8192
"""Requests remembered a conversation; those of all conversations that wait behind another one."""


class HttpWaiting(Parser):
    """The requests of one direction, that wait for the other one's responses."""

    __slots__ = ("_half", "_latest", "_odd", "_oldest", "_stage", "_unkept", "_waiting")

    _stage: HttpStage
    _half: Half
    _oldest: Request | None
    _latest: Request | None
    """The first of the requests that wait; the last of them, when there are more."""
    _waiting: int
    """How many are remembered."""
    _unkept: int
    """Requests sent after those, whose responses are still to come: no other is remembered until then."""
    _odd: bool
    """One of these is HEAD or CONNECT, whose response is framed in a way of its own."""

    def _behind(self, request: Request) -> None:
        """A request that others were sent before: it waits behind them, or is counted and not remembered."""
        if self._unkept or self._waiting >= MAX_WAITING or self._stage.pipelined >= MAX_PIPELINED:
            self._odd = (self._odd and self._unkept > 0) or request.is_head or request.is_connect
            self._unkept += 1
            self._stage.unkept += 1
            request.status = UNKNOWN
        else:
            assert self._oldest is not None
            if self._latest is None:
                self._oldest.next = self._latest = request
            else:
                self._latest.next = request
                self._latest = request
            self._waiting += 1
            self._stage.pipelined += 1

    def _take(self) -> Request:
        """The oldest request no longer waits."""
        request = self._oldest
        assert request is not None
        self._waiting -= 1
        self._oldest = request.next
        if self._oldest is not None:
            request.next = None
            self._stage.pipelined -= 1
            if self._oldest is self._latest:
                self._latest = None
        return request

    def _unanswered(self, now: int) -> None:
        state = self._half.flow.state
        over = state is not None and bool(state.fins or state.resets)
        if answer_not_captured(self._half):
            self._not_captured(0)
        else:
            self._judge(now, over=over)

    def _not_captured(self, left: int) -> None:
        """The responses to all requests that wait here but so many are in gaps of the capture."""
        while self._waiting > left:
            self._take()
            self._stage.not_captured += 1

    def _judge(self, now: int, *, over: bool) -> None:
        while self._waiting:
            self._stage.silence(self._take(), now, over=over)
