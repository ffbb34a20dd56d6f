cimport cython

from workers.analysis.keywords cimport Keyword, Keywords

cdef Keywords _VERBS


cpdef str verb(bytes statement)

@cython.locals(behind=Py_ssize_t, word=Keyword, comment=bint)
cpdef str verb_at(bytes buffer, Py_ssize_t at, Py_ssize_t end)

cdef Py_ssize_t _behind_space(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept

cdef Py_ssize_t _behind_word(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t end) noexcept
