cimport cython


@cython.locals(end=Py_ssize_t, behind=Py_ssize_t)
cpdef str verb(bytes statement)
