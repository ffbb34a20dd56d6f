cimport cython

from workers.packets cimport words

cdef unsigned long long _SEED, _ODD


@cython.locals(whole=Py_ssize_t, size=Py_ssize_t, ports=Py_ssize_t)
cpdef bytes reverse(bytes key, int protocol)

@cython.locals(size=Py_ssize_t, ports=Py_ssize_t, source=int, destination=int)
cpdef tuple endpoints(bytes key)

@cython.locals(place=int)
cpdef str unpacked(unsigned long long word, unsigned long long rest, int size)


@cython.final
cdef class Ends:
    cdef public unsigned long long client, client_rest, server, server_rest, kind, both, hash
    cdef public int size

    @cython.locals(at=Py_ssize_t, both=cython.ulonglong, ports=cython.ulonglong)
    cdef read(self, const unsigned char *key, Py_ssize_t length, bint turned)
