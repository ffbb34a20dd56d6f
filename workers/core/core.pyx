# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled core: records, decode, conversations and TCP of a capture in C structs, without the GIL.

The same semantics as the plain Python of workers.packets and workers.analysis, which stay the reference and what is
used where there is no compiler. Application parsers exist once, beside this: what they may want is handed to them in
order, after each batch of records; bytes they said they don't need are passed over here. Each stage is a file:
`structs`, `pools`, `records`, `decode`, `transport`, `flows`, `options`, `control`, `tcp`, `timeline`, `steps`; what
Python sees is in `conversations`, `facts`, `results` and `views`. `glass` and `closeup` look at a capture once more, for its pictures.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memset

import os

from workers.contract.facts import Reset, Spread, Tally, TcpFacts, TcpSide

from workers.packets.stream cimport Direction, Handlers, Stream
from workers.packets.packet cimport Packet

cdef extern from "stdlib.h":
    int posix_memalign(void **memory, size_t alignment, size_t size) nogil

cdef extern from *:
    """
    #define M_IP4 (1ULL << 0)
    #define M_IP6 (1ULL << 1)
    #define M_ARP (1ULL << 2)
    #define M_TCP (1ULL << 3)
    #define M_UDP (1ULL << 4)
    #define M_ICMP (1ULL << 5)
    #define M_SCTP (1ULL << 6)
    #define M_SYN (1ULL << 7)
    #define M_SYNACK (1ULL << 8)
    #define M_FIN (1ULL << 9)
    #define M_RST (1ULL << 10)
    #define M_RETRANSMISSION (1ULL << 21)
    #define M_FAST (1ULL << 22)
    #define M_SPURIOUS (1ULL << 23)
    #define M_OUT_OF_ORDER (1ULL << 24)
    #define M_LOST_SEGMENT (1ULL << 25)
    #define M_ACK_LOST_SEGMENT (1ULL << 26)
    #define M_DUPLICATE_ACK (1ULL << 27)
    #define M_ZERO_WINDOW (1ULL << 28)
    #define M_ZERO_WINDOW_PROBE (1ULL << 29)
    #define M_KEEP_ALIVE (1ULL << 30)
    #define M_KEEP_ALIVE_ACK (1ULL << 31)
    #define M_REUSED_PORTS (1ULL << 32)
    #define M_MALFORMED (1ULL << 33)
    #define M_TUNNELLED (1ULL << 35)
    #define M_NOT_IP (1ULL << 37)
    #define M_WINDOW_FULL (1ULL << 38)
    #define M_ZERO_WINDOW_PROBE_ACK (1ULL << 39)
    #define M_WINDOW_UPDATE (1ULL << 40)
    #define M_SACK (1ULL << 41)
    #define M_ECE (1ULL << 42)
    #define M_CWR (1ULL << 43)
    #define M_CE (1ULL << 44)
    #define M_IN_EXTRA (M_WINDOW_FULL | M_ZERO_WINDOW_PROBE | M_ZERO_WINDOW_PROBE_ACK | M_SACK | M_ECE | M_CWR | M_CE)
    #define M_FOR_SIDE (M_IN_EXTRA | M_ACK_LOST_SEGMENT | M_WINDOW_UPDATE)
    #define MASK 0xFFFFFFFFLL
    #define HALF 0x80000000LL
    #define WRAP 0x100000000LL
    #define BEHIND_ALL (1LL << 62)
    #define trailing_zeros(mask) __builtin_ctzll(mask)
    #define prefetch(place) __builtin_prefetch(place)
    #include <sys/mman.h>
    #ifdef MADV_HUGEPAGE
    #define in_large_pages(memory, size) madvise(memory, size, MADV_HUGEPAGE)
    #else
    #define in_large_pages(memory, size) 0
    #endif
    static inline uint64_t folded(uint64_t one, uint64_t other) {
        unsigned __int128 product = (unsigned __int128)one * other;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    """
    const uint64_t M_IP4, M_IP6, M_ARP, M_TCP, M_UDP, M_ICMP, M_SCTP, M_SYN, M_SYNACK, M_FIN, M_RST
    const uint64_t M_RETRANSMISSION, M_FAST, M_SPURIOUS, M_OUT_OF_ORDER, M_LOST_SEGMENT, M_ACK_LOST_SEGMENT
    const uint64_t M_DUPLICATE_ACK, M_ZERO_WINDOW, M_ZERO_WINDOW_PROBE, M_KEEP_ALIVE, M_KEEP_ALIVE_ACK
    const uint64_t M_REUSED_PORTS, M_MALFORMED, M_TUNNELLED, M_NOT_IP, M_WINDOW_FULL
    const uint64_t M_ZERO_WINDOW_PROBE_ACK, M_WINDOW_UPDATE, M_SACK, M_ECE, M_CWR, M_CE, M_IN_EXTRA, M_FOR_SIDE
    const int64_t MASK, HALF, WRAP, BEHIND_ALL
    int trailing_zeros(uint64_t mask) nogil
    void prefetch(const void *place) nogil
    int in_large_pages(void *memory, size_t size) nogil
    uint64_t folded(uint64_t one, uint64_t other) nogil

include "structs.pxi"
include "pools.pxi"
include "timeline.pxi"
include "decode.pxi"
include "transport.pxi"
include "records.pxi"
include "options.pxi"
include "control.pxi"
include "tcp.pxi"
include "flows.pxi"
include "eviction.pxi"
include "steps.pxi"
include "facts.pxi"
include "results.pxi"
include "conversations.pxi"
include "order.pxi"
include "views.pxi"
include "copies.pxi"
include "glass.pxi"
include "closeup.pxi"

MARKS = {
    "ip4": M_IP4, "ip6": M_IP6, "arp": M_ARP, "tcp": M_TCP, "udp": M_UDP, "icmp": M_ICMP, "sctp": M_SCTP,
    "syn": M_SYN, "synack": M_SYNACK, "fin": M_FIN, "rst": M_RST, "retransmission": M_RETRANSMISSION,
    "fast_retransmission": M_FAST, "spurious_retransmission": M_SPURIOUS, "out_of_order": M_OUT_OF_ORDER,
    "lost_segment": M_LOST_SEGMENT, "ack_lost_segment": M_ACK_LOST_SEGMENT, "duplicate_ack": M_DUPLICATE_ACK,
    "zero_window": M_ZERO_WINDOW, "zero_window_probe": M_ZERO_WINDOW_PROBE, "keep_alive": M_KEEP_ALIVE,
    "keep_alive_ack": M_KEEP_ALIVE_ACK, "reused_ports": M_REUSED_PORTS, "malformed": M_MALFORMED,
    "tunnelled": M_TUNNELLED, "not_ip": M_NOT_IP, "window_full": M_WINDOW_FULL,
    "zero_window_probe_ack": M_ZERO_WINDOW_PROBE_ACK, "window_update": M_WINDOW_UPDATE, "sack": M_SACK, "ece": M_ECE,
    "cwr": M_CWR, "ce": M_CE,
}
"""Must be those of workers.packets.marks."""
