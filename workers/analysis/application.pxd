cimport cython

from workers.analysis.dns cimport DnsStage
from workers.analysis.framing cimport ServiceParser
from workers.analysis.http cimport HttpParser, http_parser
from workers.analysis.http_stage cimport HttpStage
from workers.analysis.http_start cimport looks_like_start
from workers.analysis.kafka cimport recognise as kafka_begins
from workers.analysis.mongodb cimport recognise as mongodb_begins
from workers.analysis.mysql cimport recognise as mysql_begins
from workers.analysis.postgresql cimport recognise as postgresql_begins
from workers.analysis.redis cimport recognise as redis_begins
from workers.analysis.services cimport ServiceStage
from workers.analysis.tls cimport TlsParser, TlsStage, looks_like_record
from workers.packets.packet cimport Packet
from workers.packets.stream cimport Commons, Direction, Outer, Parser, Stream, opened

cdef Py_ssize_t _SHORT
cdef int _REDIS, _POSTGRESQL, _MYSQL, _MONGODB, _KAFKA, _HTTP, _DNS, _SERVICES
cdef bytes _EXPECTED


@cython.final
cdef class Applications:
    cdef public HttpStage http
    cdef public TlsStage tls
    cdef public DnsStage dns
    cdef public ServiceStage services
    cdef public object http2
    cdef public tuple rooms
    cdef Commons _commons

    @cython.locals(key=bytes, at=Py_ssize_t, ports=int)
    cpdef Stream open(self, Direction half)


@cython.locals(made=Recogniser)
cdef Recogniser _recogniser(Applications applications, Direction half, int ports)


cdef class Recogniser(Outer):
    cdef Applications _applications
    cdef Direction _half
    cdef public bytes short
    cdef int _ports, _refused
    cdef bint _lost

    @cython.locals(skip=cython.longlong, held=bytes, joined=bytes, inner=Parser, segment=bint)
    cpdef long long data(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    @cython.final
    @cython.locals(skip=cython.longlong)
    cdef long long _first(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    @cython.final
    @cython.locals(before=Parser, first=int, loose=bint)
    cdef bint _begins(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except -1
    @cython.final
    cdef _follow(self, Parser parser, long long now)
    cpdef long long succeed(self, bytes buffer, Py_ssize_t at, Py_ssize_t end, Packet packet) except? -2
    @cython.final
    @cython.locals(paired=ServiceParser, parser=ServiceParser, worth=int, kind=int)
    cdef ServiceParser _service(self, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    @cython.final
    cdef ServiceParser _recognised(self, int kind, bytes buffer, Py_ssize_t at, Py_ssize_t end)
    @cython.final
    @cython.locals(stream=Stream)
    cdef Recogniser _across(self)
    @cython.final
    @cython.locals(across=Recogniser)
    cdef ServiceParser _paired(self)
    @cython.final
    @cython.locals(one=Recogniser)
    cdef long long _give_up(self) except -1
    @cython.final
    @cython.locals(known=bint)
    cdef _keep(self, bytes start)
    @cython.final
    cdef bint _http(self, bytes buffer, Py_ssize_t at, Py_ssize_t end) except -1
    cpdef skipped(self, Packet packet, bint whole)
    cpdef gap(self, long long size, Packet packet)
    cpdef bint watching(self)
    cpdef int group(self)
    cpdef fin(self, Packet packet)
    @cython.locals(inner=Parser)
    cpdef close(self, long long now)


@cython.locals(first=int)
cdef bint _may_follow(bytes buffer, Py_ssize_t at, Py_ssize_t end) except -1

@cython.locals(first=int, size=Py_ssize_t, kind=int, found=int)
cdef int _alike(bytes buffer, Py_ssize_t at, Py_ssize_t end) except -1
