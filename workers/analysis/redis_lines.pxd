cimport cython

from workers.packets cimport words

cdef unsigned long long _END, _NEWLINES, _ONES, _TOPS


@cython.locals(value=cython.longlong, first=Py_ssize_t, last=Py_ssize_t)
cpdef long long number_at(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

@cython.locals(word=cython.ulonglong)
cpdef Py_ssize_t behind_line(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

@cython.locals(head=cython.ulonglong, size=cython.longlong, behind=cython.longlong, number=cython.longlong)
cpdef Py_ssize_t behind_string(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

@cython.locals(number=cython.longlong, left=cython.longlong)
cpdef long long missing(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

@cython.locals(null=bint)
cpdef Py_ssize_t behind_null(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept
