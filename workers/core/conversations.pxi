# Conversations as the application parsers know them: analysis.flows.Half and Flow on the core's memory.

cdef class HalfView:
    """One direction, as analysis.flows.Half to the application parsers."""

    cdef Core core
    cdef int32_t index
    cdef readonly int side
    cdef readonly FlowView flow
    cdef readonly bytes key
    cdef Stream made

    cdef Half* half(self):
        return &self.core.s.flows[self.index].halves[self.side]

    @property
    def peer(self):
        return self.flow.half(1 - self.side)

    @property
    def tcp(self):
        return self

    @property
    def initial(self):
        return self.half().initial if self.flow.protocol == 6 else UNSET

    @property
    def last_ack(self):
        return self.half().last_ack if self.flow.protocol == 6 else UNSET

    @property
    def packets(self):
        return self.core.s.flows[self.index].counted[self.side].packets

    @property
    def bytes(self):
        return self.core.s.flows[self.index].counted[self.side].bytes

    @property
    def payload(self):
        return self.core.s.flows[self.index].counted[self.side].payload

    @property
    def stream(self):
        """The direction's stream, None before its first payload."""
        cdef Half *half = self.half()
        if self.flow.protocol != 6 or half.stream == NO_STREAM:
            return None
        if self.made is None:
            self.made = self.core.handlers.open_stream(self)
            self.made.next = half.stream_next
        elif not half.queued and not self.flow.over:
            self.made.next = half.stream_next
            self.made.skip = half.stream_skip
        return self.made


cdef class FlowView:
    """One conversation, as analysis.flows.Flow to the application parsers."""

    cdef Core core
    cdef int32_t index
    cdef readonly object id
    cdef readonly int protocol
    cdef HalfView one
    cdef HalfView other
    cdef int client_side
    cdef bint over          # the parsers hear the last of it: the streams are theirs alone

    cdef HalfView half(self, int side):
        return self.other if side else self.one

    cdef int let_go(self) except -1:
        """Nobody asks any more: drop what points in a circle, so that nothing waits for the garbage collector."""
        self.one.made = self.other.made = None
        self.one = self.other = None
        return 0

    @property
    def client(self):
        return self.half(self.client_side)

    @property
    def state(self):
        return self

    @property
    def fins(self):
        return self.core.s.flows[self.index].fins if self.protocol == 6 else 0

    @property
    def resets(self):
        return self.protocol == 6 and self.core.s.flows[self.index].resets != NONE

    @property
    def application(self):
        return self.core.names[self.core.s.flows[self.index].application]

    @application.setter
    def application(self, name):
        self.core.s.flows[self.index].application = self.core.named(name)
