cimport cython


@cython.locals(whole=Py_ssize_t, size=Py_ssize_t, ports=Py_ssize_t)
cpdef bytes reverse(bytes key, int protocol)
