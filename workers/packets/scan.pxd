cpdef Py_ssize_t find(bytes data, int byte, Py_ssize_t at, Py_ssize_t end)
