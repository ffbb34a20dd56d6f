cimport cython

from workers.packets cimport words
from workers.packets.scan cimport find

cdef unsigned long long _BLANKS, _BELOW_14, _TOPS, _LETTERS, _VERSION, _SEVEN
cdef unsigned long long _CONTENT, _LENGTH, _HOST, _FOUR, _TRANSFER, _REQUEST, _IDEMPOTENCY
cdef unsigned int _GET, _POST

cdef Py_ssize_t MAX_IDENTITY, _MAX_VALUE, _MAX_TARGET, _MAX_METHOD, _MAX_DIGITS, _LOOK, _HOST_LINE


@cython.final
cdef class Head:
    cdef public int status
    cdef public long long length
    cdef public bint chunked
    cdef public Py_ssize_t method, method_end, path, path_end, target_end, host, host_end
    cdef public Py_ssize_t known_as, known_as_end
    cdef Py_ssize_t _at, _end

    cdef inline void _clear(self) noexcept
    cdef Py_ssize_t read(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
    @cython.locals(line_end=Py_ssize_t)
    cdef inline Py_ssize_t _read(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t look) noexcept
    @cython.locals(target=bytes, newline=Py_ssize_t)
    cpdef bint read_odd(self, bytes raw, bint loose, bint cut)
    cdef bytes identity(self, bytes data)
    cpdef bytes host_as_told(self, bytes data)
    @cython.locals(place=Py_ssize_t, first=int, second=int, third=int, blank=bint)
    cdef inline Py_ssize_t _status_line(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
    @cython.locals(method_end=Py_ssize_t, path=Py_ssize_t, path_end=Py_ssize_t, stop=Py_ssize_t, newline=Py_ssize_t, target_end=Py_ssize_t)
    cdef Py_ssize_t request_line(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
    @cython.locals(word=cython.ulonglong, newlines=cython.ulonglong, newline=Py_ssize_t, line=Py_ssize_t)
    cdef Py_ssize_t _fields(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
    cdef void _cut_field(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
    cdef void _host(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
    @cython.locals(place=Py_ssize_t, length=cython.longlong)
    cdef inline void _length(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
    @cython.locals(size=Py_ssize_t)
    cdef void _field(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, unsigned long long word) noexcept
    @cython.locals(stop=Py_ssize_t)
    cdef bint _value(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, const unsigned char* name, Py_ssize_t size) noexcept
    @cython.locals(at=Py_ssize_t, end=Py_ssize_t, length=cython.longlong)
    cdef void _take_length(self, const unsigned char* data) noexcept


cpdef bint is_version(const unsigned char* data, Py_ssize_t at) noexcept

cdef inline bint _ends_line(const unsigned char* data, Py_ssize_t at) noexcept

@cython.locals(word=cython.uint)
cpdef Py_ssize_t behind_method(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept

cdef inline bint _ends_path(int byte) noexcept

cdef inline Py_ssize_t _path_end(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept

@cython.locals(low=cython.ulonglong, word=cython.ulonglong)
cdef Py_ssize_t _line_stop(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept

@cython.locals(behind=Py_ssize_t)
cdef Py_ssize_t _version_at(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept

cdef inline bint _blank(int byte) noexcept

cdef inline bint _alike(unsigned long long word, unsigned long long wanted) noexcept

@cython.locals(place=Py_ssize_t, last=Py_ssize_t)
cdef bint _is(const unsigned char* data, Py_ssize_t at, Py_ssize_t end, const unsigned char* name, Py_ssize_t size) noexcept

@cython.locals(piece=bytes, read=str)
cpdef str text(bytes raw, Py_ssize_t limit)

cpdef bytes printable(bytes raw, Py_ssize_t limit)
