# What is told of a TCP conversation once it is over, as workers.analysis.tcp_facts.

STAGES = ("refused", "handshake", "before-response", "after-data", "after-fin")
REFUSED_BY = ("", "reset", "icmp")
NEVER = Tally()
UNTIMED = Spread()

cdef double NANO = 1e-9


cdef object tcp_facts(State *s, Flow *flow):
    cdef Half *client = &flow.halves[flow.client]
    cdef Half *server = &flow.halves[1 - flow.client]
    asked, answered = spread(s, &client.rtt), spread(s, &server.rtt)
    return TcpFacts(
        handshake=HANDSHAKES[handshake(flow)],
        judged=judged(s, flow),
        syns=tallied(s, flow.syns),
        handshake_rtt=seconds(flow.handshake_rtt),
        server_rtt=seconds(flow.server_rtt),
        reused_after=seconds(flow.reused_after),
        refused_by=REFUSED_BY[flow.refused_by],
        data_segments_client=client.data_segments,
        data_segments_server=server.data_segments,
        retransmissions_client=tallied(s, client.retransmissions),
        retransmissions_server=tallied(s, server.retransmissions),
        largest_resent_client=client.largest_resent,
        largest_resent_server=server.largest_resent,
        unacknowledged_client=unacknowledged(client, server),
        unacknowledged_server=unacknowledged(server, client),
        out_of_order=tallied(s, flow.out_of_order),
        lost_segments=tallied(s, flow.lost_segments),
        duplicate_acks=tallied(s, flow.duplicate_acks),
        zero_windows_client=tallied(s, client.zero_windows),
        zero_windows_server=tallied(s, server.zero_windows),
        zero_window_seconds=(flow.zero_time + still_zero(flow, client) + still_zero(flow, server)) * NANO,
        keep_alives=tallied(s, flow.keep_alives),
        resets=resets(s, flow),
        fins=flow.fins,
        rtt=answered if is_slower(&server.rtt, &client.rtt) else asked,
        ecn=client.offered & server.offered & OFFERS_ECN != 0,
        idle_gaps=flow.idle_gaps,
        longest_idle=flow.longest_idle * NANO,
        longest_idle_frame=flow.longest_idle_frame,
        client=tcp_side(s, client, flow.counted[flow.client].payload, asked),
        server=tcp_side(s, server, flow.counted[1 - flow.client].payload, answered),
    )


cdef object tcp_side(State *s, Half *half, int64_t payload, object rtt):
    cdef Extra *more
    window_scale = half.scale if half.scale != UNSET else None
    most_per_second = max(half.most_per_second, payload - half.bin_base)
    if half.extra == NONE:
        return TcpSide(
            offered=half.offered & WHOLE != 0,
            mss=half.mss,
            window_scale=window_scale,
            sack_permitted=half.offered & OFFERS_SACK != 0,
            timestamps=half.offered & OFFERS_TIMESTAMPS != 0,
            window_updates=half.window_updates,
            most_in_flight=half.most_in_flight,
            most_per_second=most_per_second,
            rtt=rtt,
            largest_acknowledged=half.largest_acknowledged,
        )
    more = <Extra*>entry(&s.extras, half.extra)
    return TcpSide(
        offered=half.offered & WHOLE != 0,
        mss=half.mss,
        window_scale=window_scale,
        sack_permitted=half.offered & OFFERS_SACK != 0,
        timestamps=half.offered & OFFERS_TIMESTAMPS != 0,
        sacks=more.sacks,
        window_full=tallied(s, more.window_full),
        zero_window_probes=tallied(s, more.zero_window_probes),
        zero_window_probe_acks=more.zero_window_probe_acks,
        window_updates=half.window_updates,
        most_in_flight=half.most_in_flight,
        most_per_second=most_per_second,
        rtt=rtt,
        congestion_marked=more.congestion_marked,
        congestion_echoed=more.congestion_echoed,
        congestion_answered=more.congestion_answered,
        acked_unseen=tallied(s, more.acked_unseen),
        too_big=tallied(s, more.too_big),
        told_mtu=more.told_mtu,
        largest_acknowledged=half.largest_acknowledged,
        undelivered=tallied(s, more.undelivered),
        undelivered_size=more.undelivered_size,
    )


cdef int64_t still_zero(Flow *flow, Half *half) noexcept nogil:
    """How long a window has stood at zero to the conversation's end."""
    return max(<int64_t>0, flow.last - half.zero_since) if half.zero_since != UNSET else 0


cdef object seconds(int64_t nanoseconds):
    return nanoseconds * NANO if nanoseconds >= 0 else None


cdef object tallied(State *s, int32_t where):
    """A count and its first frames; most are of nothing, and then the same one."""
    cdef int64_t count = count_of(&s.blocks, where)
    cdef int64_t *frame
    cdef list frames = []
    if where == NONE:
        return NEVER
    while len(frames) < min(count, <int64_t>FRAMES):
        frame = item(&s.blocks, where, len(frames) + 1)
        if frame == NULL or frame[0] == 0:
            break               # there was no memory for it
        frames.append(frame[0])
    return Tally(count, tuple(frames))


cdef object spread(State *s, Samples *samples):
    """A distribution in seconds; percentiles by nearest rank, as samples.Durations."""
    cdef int64_t values[SAMPLES]
    cdef int64_t i, at, one
    if samples.kept == 0:
        return UNTIMED
    for i in range(samples.kept):
        one = item(&s.blocks, samples.values, i)[0]
        at = i
        while at and values[at - 1] > one:
            values[at] = values[at - 1]
            at -= 1
        values[at] = one
    return Spread(
        samples.count,
        samples.least * NANO,
        values[(samples.kept - 1) // 2] * NANO,
        values[(95 * samples.kept + 99) // 100 - 1] * NANO,
        samples.most * NANO,
    )


cdef bint is_slower(Samples *one, Samples *other) noexcept nogil:
    """Whether the fastest of these samples took longer than that of others, or there are no others."""
    if one.count == 0 or other.count == 0:
        return other.count == 0
    return one.least > other.least


cdef tuple resets(State *s, Flow *flow):
    cdef int64_t i
    if flow.resets == NONE:
        return ()
    return tuple([reset_fact(reset_entry(s, flow, i)) for i in range(count_of_resets(s, flow))])


cdef object reset_fact(ResetEntry *one):
    return Reset(
        frame=one.frame,
        by="client" if one.by_client else "server",
        stage=STAGES[one.stage],
        after=one.after * NANO,
        idle=one.idle * NANO,
        waited=one.waited * NANO,
        ttl=one.hops,
        handshake_ttl=one.handshake_hops,
        ip_id=one.identification,
        handshake_ip_id=one.handshake_identification,
    )
