cimport cython


@cython.locals(whole=Py_ssize_t, size=Py_ssize_t, ports=Py_ssize_t)
cpdef bytes reverse(bytes key, int protocol)

@cython.locals(size=Py_ssize_t, ports=Py_ssize_t, source=int, destination=int)
cpdef tuple endpoints(bytes key)

@cython.locals(place=int)
cpdef str unpacked(unsigned long long word, unsigned long long rest, int size)
