cimport cython

from workers.analysis.http_message cimport Head, behind_method, is_version
from workers.packets.scan cimport find

cdef Py_ssize_t _LOOK
cdef Head _scratch

@cython.locals(limit=Py_ssize_t, method_end=Py_ssize_t, behind=int)
cpdef bint looks_like_start(bytes buffer, Py_ssize_t at, Py_ssize_t end, bint loose=*)

@cython.locals(known=bytes, place=Py_ssize_t, last=Py_ssize_t)
cdef bint _short_start(bytes buffer, Py_ssize_t at, Py_ssize_t end)

@cython.locals(newline=Py_ssize_t)
cpdef Py_ssize_t head_end(bytes buffer, Py_ssize_t at, Py_ssize_t end) except -2
