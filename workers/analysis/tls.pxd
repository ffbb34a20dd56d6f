cimport cython

from workers.analysis.tls_known cimport Chain, Chains, Count, Hellos, Name, Said, counted, numbers
from workers.packets.scan cimport piece
from workers.packets.packet cimport Packet
from workers.packets.room cimport Room
from workers.packets.stream cimport Parser

cdef Py_ssize_t MAX_MESSAGE, MAX_HANDSHAKES, _ALERT_SIZE, _FREE

cdef int _CCS, _ALERT, _HANDSHAKE, _APPLICATION, _CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE, _MAX_RECORD
cdef unsigned long long _CH, _SH, _CERT


@cython.locals(kind=int, length=int)
cpdef bint looks_like_record(bytes buffer, Py_ssize_t at, Py_ssize_t end)


cdef class _Handshake:
    cdef public object conversation
    cdef public list alerts
    cdef public str asked, transport, match
    cdef public Said hello, answer
    cdef public Chain chain
    cdef public long long hello_frame, reply_frame, hello_time, latency, number
    cdef public bint answered, retried, expired

    cpdef bint trouble(self)


@cython.locals(handshake=_Handshake)
cdef _Handshake _begun(object conversation, long long number)


cdef class TlsParser(Parser)


cdef class TlsStage:
    cdef public Room room
    cdef list _done
    cdef dict _live, _versions
    cdef Hellos _hellos
    cdef Chains _chains
    cdef long long _client_hellos, _server_hellos, _alerts, _begun
    cdef public object certificates

    @cython.locals(parser=TlsParser)
    cpdef Parser start(self, object half)
    @cython.locals(handshake=_Handshake)
    cdef _Handshake _current(self, object flow)
    cpdef message(self, int kind, bytes body, object half, Packet packet, str transport=*)
    cdef part(self, int kind, bytes buffer, Py_ssize_t at, Py_ssize_t end, object half, object flow, Packet packet, str transport)
    @cython.locals(known=_Handshake, handshake=_Handshake, name=Name)
    cdef _client_hello(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, object flow, Packet packet, str transport)
    @cython.locals(handshake=_Handshake, said=Said)
    cdef _server_hello(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, object flow, Packet packet)
    @cython.locals(handshake=_Handshake)
    cpdef bint answered(self, object half)
    @cython.locals(handshake=_Handshake)
    cdef bint retrying(self, object half, object flow)
    @cython.locals(handshake=_Handshake, chain=Chain, match=str, now=double)
    cdef _certificate(self, bytes body, object half, object flow, Packet packet)
    @cython.locals(handshake=_Handshake)
    cpdef alert(self, int level, int description, object half, Packet packet)
    @cython.locals(handshake=_Handshake)
    cpdef end(self, object conversation)
    @cython.locals(hello=Said, answer=Said, chain=Chain)
    cdef object _facts(self, _Handshake handshake, dict places)


cdef class TlsParser(Parser):
    cdef TlsStage _stage
    cdef object _half, _flow
    cdef bytes _held, _message
    cdef int _kind
    cdef long long _left, _skip
    cdef bint _encrypted, _lost

    cdef begin(self, TlsStage stage, object half)
    cpdef int group(self)
    @cython.locals(taken=cython.longlong, rest=cython.longlong)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    cpdef skipped(self, Packet packet, bint whole)
    cpdef close(self, long long now)
    cpdef gap(self, long long size, Packet packet)
    @cython.locals(before=Py_ssize_t, now=Py_ssize_t, fits=bint)
    cdef bint _keep(self, bytes begun) except -1
    @cython.locals(taken=Py_ssize_t)
    cdef Py_ssize_t _header(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    @cython.locals(kind=int, length=int)
    cdef void _begin(self, const unsigned char *head, Py_ssize_t at) noexcept
    @cython.locals(skipped=Py_ssize_t, held=bytes)
    cdef _take(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    @cython.locals(after=Py_ssize_t)
    cdef _messages(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet)
    @cython.locals(held=bytes)
    cdef _complete(self, Packet packet)
