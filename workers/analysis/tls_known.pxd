cimport cython

from workers.analysis.http_message cimport text
from workers.analysis.tls_messages cimport Hello, client_hello, server_hello

cdef Py_ssize_t MAX_SHAPES, MAX_NAMES, MAX_CHAINS, MAX_CHAIN_BYTES

cdef int _SERVER_NAME, _GROUPS, _POINTS, _SIGNATURES, _ALPN, _VERSIONS, _KEY_SHARE, _FIRST_RANDOM


cdef class Count:
    cdef public long long number


@cython.locals(found=Count)
cpdef Count counted(dict counts, str name, Py_ssize_t limit)
cpdef dict numbers(dict counts)


cdef class Said:
    cdef public str version, suite, ja3, ja4
    cdef public tuple alpn
    cdef public bint retry
    cdef public Count count


cdef class Name:
    cdef public str text
    cdef public Count count


cdef class Hellos:
    cdef public dict names
    cdef public Name asked
    cdef dict _tcp, _quic, _servers, _named
    cdef Py_ssize_t _name_at, _name_end

    @cython.locals(known=dict, shape=bytes, said=Said, hello=Hello)
    cpdef Said client(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, str transport)
    @cython.locals(shape=bytes, said=Said, hello=Hello)
    cpdef Said server(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    @cython.locals(name=Name)
    cdef Name _name(self, bytes raw)
    cdef Name _name_of(self, str name)
    @cython.locals(suites=Py_ssize_t, behind=Py_ssize_t, wanted=Py_ssize_t, after=Py_ssize_t, kind=int, pieces=list)
    cdef bytes _client_shape(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    cdef bint _finds_name(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)


@cython.locals(wanted=Py_ssize_t, after=Py_ssize_t, kind=int, pieces=list)
cdef bytes _server_shape(bytes buffer, Py_ssize_t at, Py_ssize_t end)
cpdef bytes piece(const unsigned char *data, Py_ssize_t at, Py_ssize_t end)
cdef bint _retries(bytes buffer, Py_ssize_t at)


cdef class Chain:
    cdef public bytes body
    cdef public long long number
    cdef public tuple numbers
    cdef public bint readable
    cdef public double not_before, not_after
    cdef public dict matches


cdef class Chains:
    cdef dict _known

    @cython.locals(chain=Chain)
    cpdef Chain find(self, bytes body)
    cpdef keep(self, Chain chain)


@cython.locals(size=Py_ssize_t, step=Py_ssize_t, at=Py_ssize_t, mixed=cython.longlong)
cpdef long long sampled(bytes body)
