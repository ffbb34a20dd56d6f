cimport cython

from workers.analysis.keywords cimport Keywords

cdef Keywords _VERBS
cdef str OTHER


cpdef str verb(bytes statement)

@cython.locals(behind=Py_ssize_t, number=int)
cpdef str verb_at(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end)

@cython.locals(first=int, second=int)
cdef Py_ssize_t _behind_comments(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

cdef Py_ssize_t _behind_line(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

cdef Py_ssize_t _behind_comment(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

cdef Py_ssize_t _behind_word(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept
