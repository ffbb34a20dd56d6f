cimport cython

from workers.packets.scan cimport find

cdef Py_ssize_t MAX_IDENTITY, _MAX_VALUE, _MAX_TARGET, _MAX_METHOD, _LOOK


cdef class Head:
    cdef public bytes method, path, host, identity
    cdef public long long status, length
    cdef public bint chunked


@cython.locals(head=Head)
cdef Head _head(bytes method, bytes path, int status)

@cython.locals(first=int, limit=Py_ssize_t, newline=Py_ssize_t)
cpdef bint looks_like_start(bytes buffer, Py_ssize_t at, Py_ssize_t end, bint loose=*)

@cython.locals(behind=Py_ssize_t, place=Py_ssize_t, limit=Py_ssize_t, byte=int)
cdef Py_ssize_t _method_end(bytes buffer, Py_ssize_t at, Py_ssize_t newline)

@cython.locals(end=Py_ssize_t, behind=Py_ssize_t)
cdef Py_ssize_t _version_at(bytes buffer, Py_ssize_t at, Py_ssize_t newline)

@cython.locals(newline=Py_ssize_t, status=int, method_end=Py_ssize_t, method=bytes, target=bytes, known_as=bytes, head=Head)
cpdef Head read_head(bytes raw, bint loose=*, bint cut=*)

@cython.locals(at=Py_ssize_t, digits=bytes)
cdef int _status(bytes raw, Py_ssize_t end)

@cython.locals(end=Py_ssize_t, mark=int, place=Py_ssize_t)
cdef bytes _path(bytes target)

@cython.locals(known_as=bytes, end=Py_ssize_t, at=Py_ssize_t, first=int, line_end=Py_ssize_t, colon=Py_ssize_t, name=bytes, value=bytes)
cdef bytes _fields(Head head, bytes raw, Py_ssize_t newline)

@cython.locals(value=bytes, cut=Py_ssize_t)
cdef bytes _value(bytes rest)

@cython.locals(piece=bytes, read=str)
cpdef str text(bytes raw, Py_ssize_t limit)
