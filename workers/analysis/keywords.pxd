cimport cython

from workers.packets cimport words

cdef Py_ssize_t _LONGEST
cdef unsigned long long _CAPITALS, _SPREAD, _MASK


@cython.final
cdef class Keyword:
    cdef public str name
    cdef public bint special
    cdef public bytes wire


@cython.final
cdef class Keywords:
    cdef unsigned long long _packed[1024]
    cdef unsigned long long _exact[1024]
    cdef unsigned char _sizes[1024]
    cdef list _words

    @cython.locals(size=Py_ssize_t, packed=cython.ulonglong, place=cython.ulonglong, word=Keyword)
    cdef Keyword find(self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end)


cdef unsigned long long _pack(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

cdef unsigned long long _place(unsigned long long packed, Py_ssize_t size) noexcept

@cython.locals(letter=int, first=Py_ssize_t)
cdef bint _same(const unsigned char *word, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept
