cimport cython

from workers.packets cimport words

cdef Py_ssize_t MAX_ANSWERS, MAX_RECORDS, _MAX_QUESTIONS

cdef unsigned long long _ONE_QUESTION

cdef int _A, _CNAME, _AAAA, _OPT, _DOT

cdef bytes _SHOWN


@cython.final
cdef class Message:
    cdef public Py_ssize_t start, end, asked, body, told
    cdef public int id, rcode, qtype, edns, answers, aliases, found, addresses
    cdef public bint response, truncated, malformed, dnssec_ok
    cdef Py_ssize_t places[8]
    cdef Py_ssize_t sizes[8]

    cpdef str name(self, const unsigned char *data)
    @cython.locals(found=list, at=Py_ssize_t, after=Py_ssize_t, kind=int)
    cpdef list what_was_found(self, const unsigned char *data)
    @cython.locals(aliases=dict, at=Py_ssize_t, after=Py_ssize_t, rest=Py_ssize_t, steps=int)
    cpdef int chain(self, const unsigned char *data) except -1


cpdef Message read_message(bytes buffer, Py_ssize_t at, Py_ssize_t end)

cpdef read_into(Message message, bytes buffer, Py_ssize_t at, Py_ssize_t end)

@cython.locals(counts=cython.ulonglong)
cpdef void read(
    Message message, const unsigned char *data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t asked
) noexcept

@cython.locals(questions=int, body=Py_ssize_t, behind=Py_ssize_t, index=int)
cdef void _read_questions(
    Message message, const unsigned char *data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t asked
) noexcept

@cython.locals(place=Py_ssize_t, after=Py_ssize_t, kind=int)
cdef void _read_records(Message message, const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept

cdef inline int _two(const unsigned char *data, Py_ssize_t at) noexcept

cdef inline bint _is_address(int kind, Py_ssize_t size) noexcept

cdef inline Py_ssize_t _behind_owner(
    Message message, const unsigned char *data, Py_ssize_t at, Py_ssize_t end
) noexcept

@cython.locals(after=Py_ssize_t)
cdef void _read_edns(Message message, const unsigned char *data, Py_ssize_t at, Py_ssize_t end, int number) noexcept

@cython.locals(first=Py_ssize_t, behind=Py_ssize_t, length=Py_ssize_t, size=int, target=Py_ssize_t)
cdef Py_ssize_t _behind_name(const unsigned char *data, Py_ssize_t start, Py_ssize_t at, Py_ssize_t end) noexcept

@cython.locals(lowest=Py_ssize_t, behind=Py_ssize_t, length=Py_ssize_t, size=int, target=Py_ssize_t, labels=list)
cpdef str name_text(const unsigned char *data, Py_ssize_t start, Py_ssize_t at, Py_ssize_t end)
