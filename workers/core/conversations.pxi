# Conversations as the application parsers know them: analysis.flows.Half and Flow on the core's memory.

@cython.final
cdef class HalfView(Direction):
    """One direction, as analysis.flows.Half to the application parsers. Its stream is made when it is needed."""

    cdef Core core
    cdef int32_t index
    cdef readonly int side

    cdef Half* half(self):
        return &self.core.s.flows[self.index].halves[self.side]

    cpdef speaks(self, str application):
        self.core.s.flows[self.index].application = self.core.named(application)

    cpdef long long awaited(self):
        cdef Half *half = self.half()
        if self.core.s.flows[self.index].kind != 6:
            return UNSET
        if half.stream == NO_STREAM:
            return (half.initial + 1) & MASK if half.initial >= 0 else UNSET
        if self.stream is not None and (half.queued or (<FlowView>self.flow).over):
            return self.stream.next
        return half.stream_next

    @property
    def tcp(self):
        return self

    @property
    def initial(self):
        return self.half().initial if (<FlowView>self.flow).protocol == 6 else UNSET

    @property
    def last_ack(self):
        return self.half().last_ack if (<FlowView>self.flow).protocol == 6 else UNSET

    @property
    def packets(self):
        return self.core.s.flows[self.index].counted[self.side].packets

    @property
    def bytes(self):
        return self.core.s.flows[self.index].counted[self.side].bytes

    @property
    def payload(self):
        return self.core.s.flows[self.index].counted[self.side].payload

    cdef int last(self) except -1:
        """The stream goes on from here without the core."""
        if self.stream is not None:
            self.stream.next = self.half().stream_next
            self.stream.skip = self.half().stream_skip
        return 0


@cython.final
@cython.freelist(64)
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
        self.one.stream = self.other.stream = None
        self.one.peer = self.other.peer = None
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
