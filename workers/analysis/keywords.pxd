cimport cython

from workers.packets cimport words

cdef Py_ssize_t _LONGEST
cdef unsigned long long _CAPITALS, _SPREAD, _MASK


@cython.final
cdef class Keywords:
    cdef public list names
    cdef unsigned char special[512]
    cdef list _wires
    cdef unsigned long long _packed[1024]
    cdef unsigned long long _exact[1024]
    cdef unsigned char _sizes[1024]
    cdef short _numbers[1024]

    @cython.locals(size=Py_ssize_t, packed=cython.ulonglong, place=cython.ulonglong, number=int, wire=bytes)
    cdef int find(self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) except -2


cdef unsigned long long _pack(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

cdef unsigned long long _place(unsigned long long packed, Py_ssize_t size) noexcept

@cython.locals(letter=int, first=Py_ssize_t)
cdef bint _same(const unsigned char *word, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept
