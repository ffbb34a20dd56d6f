cdef class Packet:
    cdef public long long ack, depth, end, error_code, error_mtu, error_type, flags, hops, identification, ip_length
    cdef public long long kind, number, payload, payload_length, quoted_kind, sequence, time, window, wire_end
    cdef public unsigned long long mask
    cdef public bytes buffer, key, quoted_key
