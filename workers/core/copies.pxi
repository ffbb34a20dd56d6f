# What a copy of the core is made of.

def _empty():
    cdef Core core = Core.__new__(Core)
    core.make()
    return core


cdef bytes pooled(Pool *pool):
    return PyBytes_FromStringAndSize(pool.memory, pool.used * pool.size) if pool.used else b""


cdef int unpool(Pool *pool, bytes data) except -1:
    pool.memory = NULL
    pool.room = pool.used
    if pool.used:
        pool.memory = <char*>malloc(PyBytes_GET_SIZE(data))
        if pool.memory == NULL:
            pool.used = pool.room = 0
            raise MemoryError
        memcpy(pool.memory, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    return 0
