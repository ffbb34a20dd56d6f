cimport cython

from workers.analysis.http_message cimport text

cdef int _SERVER_NAME, _GROUPS, _POINTS, _SIGNATURES, _ALPN, _SUPPORTED_VERSIONS, _DRAFT, MAX_ALPN, MAX_EXTENSIONS


cdef class Hello:
    cdef public int version, cipher
    cdef public tuple alpn
    cdef public str sni, ja3, ja4
    cdef public bint retry


cdef class _Bytes:
    cdef public bytes data
    cdef public Py_ssize_t at

    @cython.locals(piece=bytes)
    cdef bytes take(self, Py_ssize_t size)
    @cython.locals(value=cython.longlong, piece=bytes, place=Py_ssize_t)
    cdef long long number(self, Py_ssize_t size)
    cdef bytes vector(self, Py_ssize_t prefix)
    cdef tuple codes(self, Py_ssize_t prefix)
    cdef Py_ssize_t left(self)


@cython.locals(at=Py_ssize_t)
cdef tuple _codes(bytes data)

@cython.locals(reader=_Bytes, legacy=int, suites=bytes, kinds=list, left=Py_ssize_t, extensions=dict, versions=tuple, hello=Hello)
cpdef Hello client_hello(bytes body, str transport=*)

@cython.locals(reader=_Bytes, version=int, retry=bint, draft=bint, cipher=int, extensions=dict, chosen=bytes, hello=Hello)
cpdef Hello server_hello(bytes body)

@cython.locals(chain=_Bytes, number=int, size=Py_ssize_t, kept=list)
cpdef tuple certificates(bytes body)

@cython.locals(found=dict, inner=_Bytes, kind=int, content=bytes)
cdef dict _extensions(_Bytes reader, list kinds=*)

@cython.locals(names=_Bytes, kind=int, name=bytes)
cdef str _server_name(dict extensions)

@cython.locals(names=_Bytes, found=list)
cdef tuple _protocols(dict extensions)
