ctypedef const unsigned char *Bytes

cdef extern from *:
    """
    #include <string.h>
    #ifdef __SSE2__
    #include <emmintrin.h>
    #endif
    static CYTHON_INLINE unsigned int words_four(const unsigned char *data, Py_ssize_t at) {
        unsigned int word;
        memcpy(&word, data + at, 4);
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap32(word);
    #endif
        return word;
    }
    static CYTHON_INLINE unsigned long long words_eight(const unsigned char *data, Py_ssize_t at) {
        unsigned long long word;
        memcpy(&word, data + at, 8);
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
    #endif
        return word;
    }
    static CYTHON_INLINE unsigned long long words_rest(const unsigned char *data, Py_ssize_t at, Py_ssize_t end) {
        Py_ssize_t size = end - at;
        if (size >= 4)
            return words_four(data, at) | (unsigned long long)words_four(data, end - 4) << (8 * (size - 4));
        if (size <= 0)
            return 0;
        return data[at] | (unsigned long long)data[at + size / 2] << (8 * (size / 2))
            | (unsigned long long)data[end - 1] << (8 * (size - 1));
    }
    static CYTHON_INLINE unsigned long long words_fold(unsigned long long one, unsigned long long other) {
    #ifdef __SIZEOF_INT128__
        unsigned __int128 both = (unsigned __int128)one * other;
        return (unsigned long long)both ^ (unsigned long long)(both >> 64);
    #else
        unsigned long long low = (one & 0xFFFFFFFFu) * (other & 0xFFFFFFFFu), high = (one >> 32) * (other >> 32);
        unsigned long long left = (one >> 32) * (other & 0xFFFFFFFFu), right = (one & 0xFFFFFFFFu) * (other >> 32);
        unsigned long long middle = (low >> 32) + (left & 0xFFFFFFFFu) + (right & 0xFFFFFFFFu);
        return ((low & 0xFFFFFFFFu) | middle << 32) ^ (high + (left >> 32) + (right >> 32) + (middle >> 32));
    #endif
    }
    static CYTHON_INLINE unsigned int words_big(const unsigned char *data, Py_ssize_t at) {
        return __builtin_bswap32(words_four(data, at));
    }
    static CYTHON_INLINE Py_ssize_t words_find(const unsigned char *data, int byte, Py_ssize_t at, Py_ssize_t end) {
        const unsigned char *found = at < end ? memchr(data + at, byte, end - at) : NULL;
        return found ? found - data : -1;
    }
    static CYTHON_INLINE Py_ssize_t words_first(unsigned long long word) {
        return __builtin_ctzll(word) >> 3;
    }
    static CYTHON_INLINE Py_ssize_t words_lowest(unsigned long long word) {
        return __builtin_ctzll(word);
    }
    static CYTHON_INLINE unsigned long long words_alike(unsigned long long word, unsigned char byte) {
    #ifdef __SSE2__
        return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_cvtsi64_si128(word), _mm_set1_epi8(byte))) & 255;
    #else
        word ^= 0x0101010101010101ULL * byte;
        word = ~((word & 0x7F7F7F7F7F7F7F7FULL) + 0x7F7F7F7F7F7F7F7FULL | word) & 0x8080808080808080ULL;
        return (word >> 7) * 0x0102040810204080ULL >> 56;
    #endif
    }
    static CYTHON_INLINE unsigned long long words_which(
        const unsigned char *data, unsigned char byte, Py_ssize_t at, Py_ssize_t end
    ) {
        const unsigned char *from = data + at;
        Py_ssize_t size = end - at > 64 ? 64 : end - at, place = 0;
        unsigned long long found = 0;
        if (size < 8)
            return size > 0 ? words_alike(words_rest(from, 0, size), byte) & ((1ULL << size) - 1) : 0;
    #ifdef __SSE2__
    #define SIXTEEN(place) (unsigned long long)_mm_movemask_epi8( \
            _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(from + (place))), _mm_set1_epi8(byte))) << (place)
        if (size >= 16) {
            found = SIXTEEN(size - 16);
            if (size > 16)
                found |= SIXTEEN(0);
            if (size > 32)
                found |= SIXTEEN(16);
            if (size > 48)
                found |= SIXTEEN(32);
            return found;
        }
    #undef SIXTEEN
    #endif
        for (; place < size - 8; place += 8)
            found |= words_alike(words_eight(from, place), byte) << place;
        return found | words_alike(words_eight(from, size - 8), byte) << (size - 8);
    }
    static CYTHON_INLINE Py_ssize_t words_path(const unsigned char *data, Py_ssize_t at, Py_ssize_t end) {
    #ifdef __SSE2__
        for (; end - at >= 16; at += 16) {
            __m128i sixteen = _mm_loadu_si128((const __m128i *)(data + at));
            int found = _mm_movemask_epi8(_mm_or_si128(
                _mm_or_si128(_mm_cmpeq_epi8(sixteen, _mm_set1_epi8('#')), _mm_cmpeq_epi8(sixteen, _mm_set1_epi8('?'))),
                _mm_cmpeq_epi8(_mm_min_epu8(sixteen, _mm_set1_epi8(32)), sixteen)));
            if (found)
                return at + __builtin_ctz(found);
        }
    #endif
        while (at < end && data[at] > 32 && data[at] != '#' && data[at] != '?')
            at++;
        return at;
    }
    static CYTHON_INLINE int words_printable(const unsigned char *data, Py_ssize_t at, Py_ssize_t end) {
    #ifdef __SSE2__
    #define PRINTABLE(sixteen) _mm_movemask_epi8(_mm_and_si128( \
            _mm_cmpgt_epi8(sixteen, _mm_set1_epi8(31)), _mm_cmplt_epi8(sixteen, _mm_set1_epi8(127))))
        int all = 0xFFFF;
        if (end - at >= 16) {
            for (; at < end - 16; at += 16)
                all &= PRINTABLE(_mm_loadu_si128((const __m128i *)(data + at)));
            return (all & PRINTABLE(_mm_loadu_si128((const __m128i *)(data + end - 16)))) == 0xFFFF;
        }
        if (end - at >= 8)
            return PRINTABLE(_mm_set_epi64x(words_eight(data, at), words_eight(data, end - 8))) == 0xFFFF;
    #undef PRINTABLE
    #endif
        while (at < end && data[at] >= 32 && data[at] < 127)
            at++;
        return at >= end;
    }
    static CYTHON_INLINE int words_equal(
        const unsigned char *one, Py_ssize_t at, const unsigned char *other, Py_ssize_t there, Py_ssize_t size
    ) {
        return memcmp(one + at, other + there, size) == 0;
    }
    static CYTHON_INLINE unsigned long long words_zeros(unsigned long long word) {
        return (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
    }
    """
    unsigned int four "words_four"(const unsigned char *data, Py_ssize_t at) noexcept nogil
    unsigned int big "words_big"(const unsigned char *data, Py_ssize_t at) noexcept nogil
    unsigned long long eight "words_eight"(const unsigned char *data, Py_ssize_t at) noexcept nogil
    unsigned long long rest "words_rest"(const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept nogil
    Py_ssize_t first "words_first"(unsigned long long word) noexcept nogil
    Py_ssize_t lowest "words_lowest"(unsigned long long word) noexcept nogil
    unsigned long long which "words_which"(
        const unsigned char *data, unsigned char byte, Py_ssize_t at, Py_ssize_t end
    ) noexcept nogil
    Py_ssize_t path "words_path"(const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept nogil
    bint printable "words_printable"(const unsigned char *data, Py_ssize_t at, Py_ssize_t end) noexcept nogil
    Py_ssize_t find "words_find"(const unsigned char *data, int byte, Py_ssize_t at, Py_ssize_t end) noexcept nogil
    unsigned long long fold "words_fold"(unsigned long long one, unsigned long long other) noexcept nogil
    bint equal "words_equal"(
        const unsigned char *one, Py_ssize_t at, const unsigned char *other, Py_ssize_t there, Py_ssize_t size
    ) noexcept nogil
    unsigned long long zeros "words_zeros"(unsigned long long word) noexcept nogil
