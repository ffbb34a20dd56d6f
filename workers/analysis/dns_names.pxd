cimport cython

from workers.analysis.dns_message cimport Message
from workers.packets cimport words
from workers.packets.scan cimport piece
from workers.packets.words cimport Bytes

cdef Py_ssize_t _SEEN

cdef unsigned long long _SEED, _ODD


@cython.final
cdef class Name:
    cdef public bytes wire
    cdef public str text, key
    cdef public unsigned long long hash, told
    cdef public Py_ssize_t size

    @cython.locals(wire=Bytes, place=Py_ssize_t, last=Py_ssize_t)
    cdef bint begins(self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept
    cdef bint _begins_short(self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept
    cdef bint same(self, Name other)


@cython.locals(hashed=cython.ulonglong, word=cython.ulonglong, zeros=cython.ulonglong)
cdef inline unsigned long long _hashed(const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept


@cython.final
cdef class Names:
    cdef list _slots
    cdef Name _none
    cdef unsigned int _hashes[1024]

    @cython.locals(hashed=cython.ulonglong, slot=Py_ssize_t, name=Name)
    cdef Name known(self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end)
    @cython.locals(begin=Py_ssize_t, hashed=cython.ulonglong, slot=Py_ssize_t, name=Name, text=str)
    cdef Name of(self, Message message, const unsigned char *data)
