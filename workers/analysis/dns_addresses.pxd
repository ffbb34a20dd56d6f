cimport cython

from workers.packets.packet cimport Packet


cdef class DnsAddresses:
    cdef dict _told
    cdef public long long forgotten

    @cython.locals(key=bytes, client=bytes, ports=Py_ssize_t)
    cpdef note(self, Packet packet, str name, list found)
    @cython.locals(names=list)
    cdef _keep(self, tuple pair, long long time, str name)
