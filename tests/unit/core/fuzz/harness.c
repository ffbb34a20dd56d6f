/* libFuzzer's entry into the compiled core: the core is linked in, instrumented, and found as a built-in module, so that
 * workers.analysis runs on it unchanged. What one input means is said in target.py. Mutations know classic pcap files:
 * a frame is changed, repeated, moved, cut or dropped without tearing the records behind it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

PyMODINIT_FUNC PyInit_core(void);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { PREFIX = 2, FILE_HEADER = 24, HEADER = 16, MOST = 512 };

static PyObject *one;
static long alive;

static void complain(const char *what) {
    if (PyErr_Occurred()) PyErr_Print();
    fprintf(stderr, "%s\n", what);
    abort();
}

/* The core's own memory, counted: it is compiled to call these. target.py leaves nothing alive behind an input. */
void *core_malloc(size_t size) {
    void *memory = malloc(size);
    alive += memory != NULL;
    return memory;
}

void *core_calloc(size_t number, size_t size) {
    void *memory = calloc(number, size);
    alive += memory != NULL;
    return memory;
}

void *core_realloc(void *before, size_t size) {
    void *memory = realloc(before, size);
    alive += before == NULL && memory != NULL;
    return memory;
}

int core_posix_memalign(void **memory, size_t alignment, size_t size) {
    int failed = posix_memalign(memory, alignment, size);
    alive += failed == 0;
    return failed;
}

void core_free(void *memory) {
    alive -= memory != NULL;
    free(memory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    PyImport_AppendInittab("workers.core.core", PyInit_core);
    Py_InitializeEx(0);
    PyObject *target = PyImport_ImportModule("tests.unit.core.fuzz.target");
    if (target == NULL || (one = PyObject_GetAttrString(target, "one")) == NULL) complain("target.py can't be imported");
    Py_DECREF(target);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    PyObject *result = PyObject_CallFunction(one, "y#", data, (Py_ssize_t)size);
    if (result == NULL) complain("an input raised");
    Py_DECREF(result);
    if (alive > 1) complain("memory of the core was not freed");   /* one block waits for the next records */
    return 0;
}

static uint32_t word(const uint8_t *at, int big) {
    return big ? (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]
               : (uint32_t)at[3] << 24 | at[2] << 16 | at[1] << 8 | at[0];
}

static void put(uint8_t *at, int big, uint32_t value) {
    for (int i = 0; i < 4; i++) at[big ? 3 - i : i] = (uint8_t)(value >> 8 * i);
}

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Where each whole record of the pcap file behind the prefix begins, and where the last one ends; how many there are. */
static size_t records(const uint8_t *data, size_t size, int *big, size_t starts[MOST + 1]) {
    static const uint8_t magics[4][4] = {
        {0xd4, 0xc3, 0xb2, 0xa1}, {0x4d, 0x3c, 0xb2, 0xa1}, {0xa1, 0xb2, 0xc3, 0xd4}, {0xa1, 0xb2, 0x3c, 0x4d}};
    size_t found = 0, at = PREFIX + FILE_HEADER;
    int kind = 0;
    if (size < at) return 0;
    while (kind < 4 && memcmp(data + PREFIX, magics[kind], 4)) kind++;
    if (kind == 4) return 0;
    *big = kind >= 2;
    while (found < MOST && at + HEADER <= size) {
        size_t length = HEADER + (size_t)word(data + at + 8, *big);
        if (length > size - at) break;
        starts[found++] = at;
        at += length;
    }
    starts[found] = at;
    return found;
}

/* Replace `old` bytes at `at` by `new` ones; what is behind them moves. The new size, or 0 when there is no room. */
static size_t spliced(uint8_t *data, size_t size, size_t max, size_t at, size_t old, size_t new) {
    if (size - old + new > max) return 0;
    memmove(data + at + new, data + at + old, size - at - old);
    return size - old + new;
}

static size_t mutated_frame(uint8_t *data, size_t size, size_t max, size_t at, int big) {
    static uint8_t frame[1 << 16];
    size_t length = word(data + at + 8, big), after;
    if (length > sizeof frame / 2) return 0;
    memcpy(frame, data + at + HEADER, length);
    size_t made = LLVMFuzzerMutate(frame, length, length + 64);
    if (!(after = spliced(data, size, max, at + HEADER, length, made))) return 0;
    memcpy(data + at + HEADER, frame, made);
    put(data + at + 8, big, (uint32_t)made);
    put(data + at + 12, big, (uint32_t)made);
    return after;
}

static size_t repeated(uint8_t *data, size_t size, size_t max, size_t at, size_t length, size_t where) {
    static uint8_t kept[1 << 16];
    size_t after;
    if (length > sizeof kept) return 0;
    memcpy(kept, data + at, length);
    if (!(after = spliced(data, size, max, where, 0, length))) return 0;
    memcpy(data + where, kept, length);
    return after;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed) {
    static size_t starts[MOST + 1];
    uint32_t state = seed;
    int big = 0;
    size_t after = 0, found = records(data, size, &big, starts);
    if (found && next_random(&state) % 8) {
        size_t which = next_random(&state) % found, at = starts[which], length = starts[which + 1] - at;
        switch (next_random(&state) % 8) {
        case 0: /* once more, or elsewhere too */
            after = repeated(data, size, max, at, length, starts[next_random(&state) % (found + 1)]);
            break;
        case 1:
            after = spliced(data, size, max, at, length, 0);
            break;
        case 2: /* captured in part only */
            if (length > HEADER) {
                size_t kept = next_random(&state) % (length - HEADER);
                after = spliced(data, size, max, at + HEADER + kept, length - HEADER - kept, 0);
                put(data + at + 8, big, (uint32_t)kept);
            }
            break;
        case 3: /* at another time */
            put(data + at, big, word(data + at, big) + next_random(&state) % 64 - 8);
            put(data + at + 4, big, next_random(&state) % 1000000);
            after = size;
            break;
        default:
            after = mutated_frame(data, size, max, at, big);
        }
    }
    return after ? after : LLVMFuzzerMutate(data, size, max);
}
