cimport cython

from workers.packets cimport words

cdef Py_ssize_t _LONGEST
cdef unsigned long long _CAPITALS, _SPREAD


@cython.final
cdef class Keyword:
    cdef public str name
    cdef public bint special
    cdef public bytes wire
    cdef Py_ssize_t _size
    cdef unsigned long long _packed, _exact


@cython.final
cdef class Keywords:
    cdef unsigned long long _mask
    cdef list _slots

    @cython.locals(size=Py_ssize_t, packed=cython.ulonglong, place=cython.ulonglong, word=Keyword)
    cdef Keyword find(self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end)


cdef unsigned long long _pack(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

cdef unsigned long long _hash(unsigned long long packed, Py_ssize_t size) noexcept

@cython.locals(letter=int, first=Py_ssize_t)
cdef bint _same(const unsigned char *word, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept
