/* Test only: the wall clock of a process, shifted by the nanoseconds in the file FILE, as if its machine's were.
 *
 * LD_PRELOAD it (see clock.py). Covers clock_gettime, gettimeofday and time, and the times libpcap gives to packets
 * it captures live, which come from the kernel. Not covered: static programs, file times, timers at wall times.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FILE "/run/threadcap/clock/offset"
#define BILLION 1000000000LL

static int64_t offset(void)
{
    static const volatile int64_t *shared;
    if (shared == NULL) {
        int fd = open(FILE, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return 0;
        void *found = mmap(NULL, sizeof *shared, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (found == MAP_FAILED)
            return 0;
        shared = found;
    }
    return *shared;
}

/* A second's parts are `unit` long: 1e9 for nanoseconds, 1e6 for microseconds. */
static void shift(int64_t *seconds, int64_t *parts, int64_t unit)
{
    int64_t total = *parts + offset() / (BILLION / unit);
    int64_t carried = total / unit - (total % unit < 0);
    *seconds += carried;
    *parts = total - carried * unit;
}

int clock_gettime(clockid_t which, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(which, out);
    if (code == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        shift(&out->tv_sec, &out->tv_nsec, BILLION);
    return code;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec moment;
    (void)zone;
    if (out == NULL)
        return 0;
    int code = clock_gettime(CLOCK_REALTIME, &moment);
    out->tv_sec = moment.tv_sec;
    out->tv_usec = moment.tv_nsec / 1000;
    return code;
}

time_t time(time_t *out)
{
    struct timespec moment = {0, 0};
    clock_gettime(CLOCK_REALTIME, &moment);
    if (out != NULL)
        *out = moment.tv_sec;
    return moment.tv_sec;
}

/* libpcap's public types, as in pcap.h. */
typedef struct pcap pcap_t;
struct pcap_pkthdr {
    struct timeval ts;
    uint32_t caplen, len;
};
typedef void (*handler)(unsigned char *, const struct pcap_pkthdr *, const unsigned char *);

struct call {
    handler told;
    unsigned char *user;
    int64_t unit;
};

static void shifted(unsigned char *opaque, const struct pcap_pkthdr *header, const unsigned char *bytes)
{
    struct call *call = (struct call *)opaque;
    struct pcap_pkthdr copy = *header;
    shift(&copy.ts.tv_sec, &copy.ts.tv_usec, call->unit);
    call->told(call->user, &copy, bytes);
}

int pcap_loop(pcap_t *capture, int count, handler told, unsigned char *user)
{
    int (*real)(pcap_t *, int, handler, unsigned char *) = dlsym(RTLD_NEXT, "pcap_loop");
    void *(*file)(pcap_t *) = dlsym(RTLD_NEXT, "pcap_file");
    int (*precision)(pcap_t *) = dlsym(RTLD_NEXT, "pcap_get_tstamp_precision");
    struct call call = {told, user, precision(capture) == 1 ? BILLION : 1000000};
    if (file(capture) != NULL) /* reading, not capturing */
        return real(capture, count, told, user);
    return real(capture, count, shifted, (unsigned char *)&call);
}
