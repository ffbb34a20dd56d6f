cimport cython

from workers.analysis.http_message cimport text
from workers.analysis.tls_messages cimport Hello, client_hello, server_hello
from workers.packets.scan cimport digest, piece, same

cdef tuple _OTHERS
cdef Py_ssize_t MAX_PROTOCOLS, MAX_SHAPES, MAX_SHAPE_BYTES, MAX_NAME, MAX_NAMES, MAX_CHAINS, MAX_CHAIN_BYTES, _BUCKETS

cdef int _SERVER_NAME, _GROUPS, _POINTS, _SIGNATURES, _ALPN, _VERSIONS, _KEY_SHARE, _FIRST_RANDOM, _PIECES


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


@cython.final
cdef class Shape:
    cdef bytes joined
    cdef unsigned long long hash
    cdef Said said
    cdef Shape next


@cython.final
cdef class Pieces:
    cdef unsigned long long hash
    cdef int number
    cdef Py_ssize_t begins[32]
    cdef Py_ssize_t ends[32]
    cdef Py_ssize_t name_at, name_end

    @cython.locals(suites=Py_ssize_t, behind=Py_ssize_t)
    cdef bint client(self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end)
    @cython.locals(suite=Py_ssize_t)
    cdef bint server(self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end)
    @cython.locals(kind=int, after=Py_ssize_t)
    cdef bint _extensions(
        self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wanted, bint client
    ) noexcept
    cdef bint _finds_name(self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept
    cdef bint add(self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept
    @cython.locals(done=Py_ssize_t, index=int, at=Py_ssize_t, end=Py_ssize_t)
    cdef bint are(self, const unsigned char *shape, Py_ssize_t size, const unsigned char *data) noexcept


@cython.final
cdef class Shapes:
    cdef list _buckets
    cdef int _number

    @cython.locals(shape=Shape)
    cdef Said find(self, Pieces pieces, const unsigned char *data)
    @cython.locals(place=int, bucket=Py_ssize_t, shape=Shape, joined=bytes)
    cdef keep(self, Said said, Pieces pieces, const unsigned char *data)


cdef class Name:
    cdef public str text
    cdef public Count count


cdef class Hellos:
    cdef public dict names
    cdef public Name asked
    cdef Shapes _tcp, _quic, _servers
    cdef Pieces _pieces
    cdef dict _named, _protocols

    @cython.locals(shapes=Shapes, pieces=Pieces, kept=bint, said=Said, hello=Hello)
    cpdef Said client(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, str transport)
    @cython.locals(shapes=Shapes, pieces=Pieces, kept=bint, said=Said, hello=Hello)
    cpdef Said server(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    @cython.locals(known=tuple)
    cdef tuple _once(self, tuple protocols)
    @cython.locals(name=Name)
    cdef Name _name(self, bytes raw)
    cdef Name _name_of(self, str name)


cdef bint _retries(const unsigned char *buffer, Py_ssize_t at)


cdef class Chain:
    cdef public long long number
    cdef public tuple numbers
    cdef public bint readable
    cdef public double not_before, not_after
    cdef public dict matches


cdef class Chains:
    cdef dict _known

    @cython.locals(known=tuple)
    cpdef Chain find(self, bytes body)
    cpdef keep(self, bytes body, Chain chain)


@cython.locals(size=Py_ssize_t, step=Py_ssize_t, at=Py_ssize_t, mixed=cython.longlong)
cpdef long long sampled(bytes body)
