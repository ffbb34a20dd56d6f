# What the stages share: one record, one decoded packet, flows in a table, and pools for what only some flows need.
# Everything is reached by index, not by pointer, so that a copy of the memory is a copy of the state.

ctypedef uint8_t byte

cdef enum:
    NOTHING = -1
    SLOW = -2               # the plain Python decoder reads this one
    UNSET = -1
    NONE = -1               # no entry of a pool
    KEY = 36                # most bytes of a conversation's key
    LINE = 64               # bytes of a cache line
    LARGE = 2097152         # and of a large page
    BLOCK = 512             # ports that are looked at together, and how many times that
    BLOCKS = 384
    OF_TCP = 3 * LINE       # where in a flow begins what is of TCP alone
    MAX_LIVE = 8192         # as flows.MAX_LIVE
    LASTING = 4             # as flows.LASTING
    MAX_EVENTS = 8192
    SLOTS = 16892           # live flows, those whose end waits as an event, one eviction, and those that are told
    KEPT = 500              # as flows.MAX_KEPT
    BUCKETS = 32768
    FRAMES = 20             # as facts.MAX_FRAMES
    BINS = 300              # as timeline.BINS
    SAMPLES = 64            # as tcp's Durations(64)
    ITEMS = 7               # of a list that a block holds
    MOST_BLOCKS = 131072    # with more, lists grow no further: 8 MB; each may begin

cdef enum:                  # what a direction's bytes are to the application parsers
    NO_STREAM = 0
    WATCHED = 1             # of no known protocol so far: only what may begin one is handed on
    PARSED = 2              # handed on, but for bytes the parser does not need

cdef enum:                  # bits of what a direction's bytes lack
    TOLD = 1                # some are missing, as the stream knows
    HOLE = 2                # a segment did not begin where the one before ended, and not all was acknowledged since

cdef enum:
    DOUBTS = 4
    ENOUGH = 8              # events of one direction: what the parser says to the first may spare it all that follow
    AT_ONCE = 512           # events that are handed on together, so that the code for them is loaded once
    SELDOM = 32             # of so many packets' events one asks whether a parser gave up, which later few do

cdef enum:                  # bits of a port
    READ_UDP = 1            # its datagrams are read
    READ_TCP = 2            # whatever its segments begin with is handed on

cdef enum:                  # bits of what is viewed, beside 1: parsers hear of it, and 2: Python has its view
    OTHER_CLIENT = 4        # the view says that side 1 is the client
    WANTS_KEY = 8           # its parsers look at the packet's key

cdef enum:                  # of events: what shares a stage's state, see order.pxi
    NO_GROUP = 0
    SERVICES = 1
    HTTP = 2
    TLS = 3
    DNS = 4
    REST = 5
    GROUPS = 6
    OVER = 254
    ALONE = 255             # it may go to several: what came before is handed on first

cdef enum:
    SEGMENT = 0
    DATAGRAM = 1
    CLOSE = 2
    LONG_HEADER = 3


cdef struct Record:
    uint32_t start
    uint32_t captured
    uint32_t wire
    int32_t link
    int64_t time


cdef struct Ends:           # of a key, and where the conversations are found that may have them
    uint64_t lesser
    uint64_t greater
    uint32_t bucket
    uint16_t sort           # protocol, and the key's length
    byte swapped            # the greater one is the sender's


cdef struct Pkt:
    const Ends *ends        # of its key, NULL while they are not known
    int64_t number
    int64_t time
    uint64_t mask
    uint32_t end
    uint32_t wire_end
    uint32_t payload
    uint32_t payload_length
    uint32_t ip_length
    uint32_t sequence
    uint32_t ack
    int32_t window
    int32_t kind
    int32_t depth
    uint32_t identification
    uint32_t tunnel_id
    byte hops
    byte flags
    byte options            # bytes of TCP options
    byte tunnel             # the outermost one's kind, 0 for none
    byte outer_length       # of its ends' addresses together
    byte key_length
    byte key[KEY]
    byte outer[32]


cdef struct Counted:        # of one direction
    int64_t packets
    int64_t bytes
    int64_t payload


cdef struct Samples:        # of durations: what is counted of them; a thinned choice lies in a pool
    int64_t count
    int64_t least
    int64_t most
    int64_t stride          # a power of two
    int32_t kept
    int32_t values          # a list of those kept
    int32_t latest          # block of the latest
    int32_t unused


cdef struct Half:           # a direction of TCP: two cache lines for every packet, one seldom needed, one of samples
    int64_t next
    int64_t next_time
    int64_t last_ack
    int64_t last_ack_time
    int64_t to_be_acked
    int64_t sample_end
    int64_t sample_time
    int64_t tried_end       # of the packet whose delivery is awaited
    int64_t stream_next
    int64_t stream_skip
    int32_t window
    int32_t room            # the window in bytes
    uint32_t largest_acknowledged
    uint32_t most_in_flight
    uint32_t duplicates
    uint32_t data_segments
    uint32_t tried_start
    uint32_t tried_size
    int32_t unused
    int32_t extra           # what few conversations have
    byte queued             # events of this direction that wait
    byte group              # whose parser reads it, see order.pxi; NO_GROUP while none is known
    byte stream
    byte pending            # segments wait behind a hole
    byte lost               # bytes: TOLD and HOLE
    byte doubts             # times to ask still whether its protocol is known
    byte latest             # what the latest packet was
    byte finished
    int64_t initial
    int64_t zero_since
    int64_t bin_base        # payload before the second at hand began
    int64_t most_per_second
    int32_t retransmissions
    int32_t zero_windows
    uint32_t window_updates
    uint32_t largest_resent
    uint32_t identification # of the latest SYN or SYN-ACK, and its hops
    byte hops
    byte offered            # by the SYN or SYN-ACK, bits
    uint16_t mss
    int64_t scale           # of the window, UNSET for none
    Samples rtt
    int64_t unused_behind[2]


cdef struct Flow:           # three cache lines, of which packets need two; from the halves on it is of TCP alone
    uint64_t lesser         # its ends, as in Ends
    uint64_t greater
    uint16_t sort
    byte swapped
    int32_t next_in_bucket
    int64_t last
    int64_t bin_end         # of the second at hand, counted from the first packet
    byte client
    byte stage
    byte viewed             # bits
    byte application        # place of its name, 0 for none
    byte group              # of its events, see order.pxi; NO_GROUP while nothing is known
    byte key_length
    byte kind
    uint32_t hash
    Counted counted[2]
    int64_t id
    int64_t first
    byte key[KEY]
    int64_t first_frame
    int64_t capture_end     # the latest packet time when it ended
    int64_t tunnel
    int64_t unused          # up to a whole cache line
    Half halves[2]
    int64_t handshake_rtt
    int64_t first_syn_time
    int64_t last_syn_time
    int64_t initial_rtt
    int64_t server_rtt
    int32_t syns
    int32_t out_of_order
    int32_t lost_segments
    int32_t duplicate_acks
    int32_t keep_alives
    int32_t resets
    int64_t reused_after
    int64_t zero_time
    int64_t longest_idle
    int64_t longest_idle_frame
    uint32_t idle_gaps
    uint32_t fins
    int64_t refused_by      # 0 nobody, 1 reset, 2 icmp
    int64_t unused_behind[2]


cdef struct Extra:
    int32_t window_full     # lists of frames
    int32_t zero_window_probes
    int32_t acked_unseen
    int32_t too_big
    int32_t undelivered
    uint32_t undelivered_size
    uint32_t undelivered_start
    int64_t undelivered_end
    uint32_t told_mtu
    uint32_t zero_window_probe_acks
    uint32_t sacks
    uint32_t congestion_marked
    uint32_t congestion_echoed
    uint32_t congestion_answered


cdef struct Carrier:        # a tunnel
    uint32_t id
    byte kind
    byte length
    byte ends[32]


cdef struct Block:          # of a list, a cache line; a list of frames begins with its count
    int64_t items[ITEMS]
    int32_t next            # NONE for the last
    int32_t unused


cdef struct ResetEntry:     # in a block of its own; behind it the first has the list's count
    int64_t frame
    int64_t after
    int64_t idle
    int64_t waited
    uint32_t identification
    uint32_t handshake_identification
    byte hops
    byte handshake_hops
    byte by_client
    byte stage


cdef struct Event:
    int64_t number
    int64_t time
    uint64_t mask
    int64_t acked
    uint32_t payload
    uint32_t end
    uint32_t wire_end
    uint32_t payload_length
    uint32_t sequence
    int32_t flow
    byte kind
    byte side
    byte client
    byte fin
    byte data               # there are payload bytes for the stream
    byte proof              # it acknowledges more of what may have a hole
    byte first              # nothing of this direction was waiting before
    byte group              # NO_GROUP where that is seen only when it is handed on; OVER when it was


cdef struct Pool:
    char *memory
    size_t size             # of one entry
    int32_t used
    int32_t room
    int32_t free            # head of the list of given back entries, linked through their first bytes


cdef struct Rank:
    int64_t place
    int32_t flow


cdef struct Kept:           # a conversation that ended and is told, unless others outrank it
    int64_t size
    int64_t id
    int32_t flow
    byte healthy


cdef struct Timeline:
    int64_t start
    int64_t width
    int64_t last_bin
    int64_t at              # the bin last asked for, and the times it holds
    int64_t since
    int64_t until
    int64_t packets[3][BINS]    # by servers, by clients, and those of no conversation
    int64_t bytes[3][BINS]
    int64_t problems[BINS]
    int64_t here            # bin and size of the packet at hand
    int64_t size


cdef struct State:
    uint64_t seed
    # what is counted
    int64_t frames
    int64_t wire
    int64_t captured
    int64_t cut
    int64_t cut_at
    int64_t first
    int64_t last
    int64_t back            # the largest step back of the times
    int64_t opened
    int64_t ended
    int64_t evicted
    int64_t unjudged
    int64_t handshakes[5]
    int64_t marks[64]
    int64_t ordinary        # frames whose only marks are those of most: M_IP4 | M_TCP
    int64_t datagrams       # and those with no more than M_IP4 | M_UDP
    Timeline timeline
    # the conversations that are told so far, as a heap whose first is the last to be told
    int32_t kept_number
    Kept kept[KEPT]
    # the table
    int32_t live
    int32_t free_flow
    int32_t touched         # slots used so far, of SLOTS
    int32_t waiting
    int32_t pressing        # a direction has many events waiting
    int32_t alone           # no parser is behind this: there are no events
    int32_t changing        # groups changed while the waiting events are handed on: theirs may not be true any more
    int64_t dispatched      # the last packet whose events were taken
    Pool blocks
    Pool extras
    Pool carriers
    int32_t *buckets
    Flow *flows
    int64_t *latest         # frame of each one's latest packet, NONE when it is over; apart, for the search of the idle
    uint64_t *ports
    byte port_blocks[BLOCKS]    # which of them hold any
    Event *events
    Rank *order
    byte *read_ports
    Ends soon[8]            # of the packets that come next, those that are as the most are
    # the packet at hand
    Pkt packet
    const byte *base
