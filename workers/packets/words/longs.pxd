from cpython.array cimport array, resize_smart


cdef inline int append(array numbers, long long number) except -1:
    cdef Py_ssize_t size = len(numbers)
    resize_smart(numbers, size + 1)
    numbers.data.as_longlongs[size] = number
    return 0
