cimport cython

from workers.packets cimport words

cdef unsigned long long _SEED, _ODD

cpdef Py_ssize_t find(bytes data, int byte, Py_ssize_t at, Py_ssize_t end)

cpdef bint same(
    const unsigned char *one, Py_ssize_t at, const unsigned char *other, Py_ssize_t there, Py_ssize_t size
) noexcept

@cython.locals(hashed=cython.ulonglong, size=cython.ulonglong, last=cython.ulonglong)
cpdef unsigned long long digest(
    const unsigned char *data, Py_ssize_t at, Py_ssize_t end, unsigned long long before
) noexcept

cpdef bytes piece(const unsigned char *data, Py_ssize_t at, Py_ssize_t end)
