cimport cython

cdef Py_ssize_t MAX_ANSWERS, MAX_RECORDS

cdef int _A, _CNAME, _AAAA, _OPT


cdef class Message:
    cdef bytes _buffer
    cdef Py_ssize_t _start
    cdef public Py_ssize_t end
    cdef public bytes id, question
    cdef public bint response, truncated, malformed, dnssec_ok
    cdef public int rcode, qtype, edns, cname_chain
    cdef public list found


@cython.locals(message=Message, questions=int, answers=int, more=int, body=Py_ssize_t, behind=Py_ssize_t, index=int)
cpdef Message read_message(bytes buffer, Py_ssize_t at, Py_ssize_t end)

cdef int _two(bytes buffer, Py_ssize_t at)

@cython.locals(behind=Py_ssize_t, after=Py_ssize_t, rest=Py_ssize_t, kind=int, aliases=dict, owner=str)
cdef Py_ssize_t _read_answers(Message message, bytes buffer, Py_ssize_t start, Py_ssize_t at, Py_ssize_t end, int number)

@cython.locals(after=Py_ssize_t)
cdef _read_edns(Message message, bytes buffer, Py_ssize_t start, Py_ssize_t at, Py_ssize_t end, int number)

cdef _answer(list found, int kind, bytes buffer, Py_ssize_t start, Py_ssize_t at, Py_ssize_t end)

@cython.locals(length=Py_ssize_t, size=int)
cdef Py_ssize_t _behind_name(bytes buffer, Py_ssize_t start, Py_ssize_t at, Py_ssize_t end)

@cython.locals(labels=list, behind=Py_ssize_t, lowest=Py_ssize_t, size=int, target=Py_ssize_t)
cpdef tuple read_name(bytes buffer, Py_ssize_t start, Py_ssize_t at, Py_ssize_t end, Py_ssize_t length=*)

@cython.locals(label=bytes)
cdef str _joined(list labels)
