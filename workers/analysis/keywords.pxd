cimport cython

cdef Py_ssize_t _LONGEST


@cython.final
cdef class Keyword:
    cdef public str name
    cdef public bint special
    cdef public bytes wire


@cython.final
cdef class Keywords:
    cdef long _mask
    cdef list _slots

    @cython.locals(place=Py_ssize_t, word=Keyword)
    cdef Keyword find(self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end)


@cython.locals(value=cython.ulong)
cdef long _hash(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

@cython.locals(letter=int, first=Py_ssize_t)
cdef bint _same(const unsigned char *word, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept
