cimport cython

from workers.analysis.http_message cimport Head, printable
from workers.analysis.samples cimport Durations, Frames, durations, frames
from workers.packets cimport words
from workers.packets.scan cimport digest, same

cdef Py_ssize_t MAX_GROUPS, _METHOD, _HOST, _PATH, _STATUSES
cdef long long MAX_TRIES, PATIENCE, MAX_POOLS
cdef int _OTHER_STATUS
cdef unsigned long long _LAST, _TAG, _PLACE, _ONE, _LAST_POOL


@cython.final
cdef class _Status:
    cdef int status
    cdef long long count
    cdef _Status next


@cython.final
cdef class Statuses:
    cdef _Status _first, _latest
    cdef Py_ssize_t _different, _limit

    cpdef int add(self, int status) except -1
    @cython.locals(one=_Status)
    cdef int _other(self, int status) except -1
    @cython.locals(one=_Status)
    cdef _Status _find(self, int status)
    @cython.locals(found=dict, one=_Status)
    cpdef dict told(self)


@cython.final
cdef class Group:
    cdef bytes _server, _method, _host, _path
    cdef int _protocol
    cdef public Frames requests, errors, unanswered, repeats, grpc_errors
    cdef public Statuses statuses
    cdef public dict resets, grpc
    cdef public Durations latency, upload, download
    cdef public long long slowest, slowest_frame

    cpdef repeated(self, long long frame)
    cpdef int responded(self, int status, long long took, long long frame) except -1
    cdef int _failed(self, long long frame) except -1
    cpdef silent(self, long long frame)
    cpdef int answered(self, Request request) except -1
    cpdef int received(self, long long nanoseconds) except -1


@cython.final
cdef class Groups:
    cdef public list all
    cdef unsigned int _slots[8192]
    cdef unsigned int _paths[2048]

    @cython.locals(full=bint, place=cython.ulonglong, bit=cython.uint, slot=cython.ulonglong, found=cython.ulonglong, group=Group)
    cpdef Group find(self, Head head, bytes data, bytes key, int protocol, unsigned long long hashed)
    @cython.locals(size=Py_ssize_t, method=bytes, path=bytes, server=bytes, group=Group)
    cdef Group _new(self, Head head, bytes data, bytes key, int protocol)
    @cython.locals(head=Head)
    cpdef Group named(self, bytes key, bytes method, bytes host, bytes path, int protocol)
    cdef Group _plainly(self, Head head, bytes data, bytes key, int protocol)


@cython.locals(size=Py_ssize_t, method_size=Py_ssize_t, host_size=Py_ssize_t, path_size=Py_ssize_t)
cdef bint _asked(Group group, Head head, bytes data, bytes key, int protocol) except -1

@cython.locals(size=Py_ssize_t)
cpdef unsigned long long served(bytes key, int protocol)


@cython.final
cdef class Request:
    cdef public bint is_head, is_connect, kept
    cdef public Group group
    cdef public Request next
    cdef public long long frame, begun, end, status


@cython.final
cdef class Tries:
    cdef dict _latest

    @cython.locals(before=Request)
    cpdef bint again(self, bytes key, bytes identity, Request request)


@cython.final
cdef class Pool:
    cdef bytes _key
    cdef public long long connections, requests, busy, first, last

    @cython.locals(took=cython.longlong)
    cpdef int answered(self, Request request, long long first_byte, bint first) except -1


@cython.final
cdef class Pools:
    cdef list _all
    cdef unsigned int _slots[4096]

    @cython.locals(size=Py_ssize_t, slot=cython.ulonglong, pool=Pool)
    cpdef Pool find(self, bytes key, Request request)
