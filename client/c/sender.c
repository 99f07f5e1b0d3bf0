/* One limit order through shared memory and its answers: sender NAME LANE ACCOUNT CLIENT_ID SYMBOL_ID SIDE PRICE_TICKS
 * QTY_LOTS, SIDE 0 = buy, 1 = sell. NAME is the pipeline's, LANE the name of a lane of one's own. */
#include "matchline.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void *mapped(const char *name, const char *what, int64_t kind, int *fd) {
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "/%s.%s", name, what);
    void *at = (*fd = shm_open(path, O_RDWR, 0)) < 0 || fstat(*fd, &st) != 0 ? MAP_FAILED
             : mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (at == MAP_FAILED || ml_check(at, kind) != 0) exit((fprintf(stderr, "%s can't be used\n", path), 2));
    return at;
}
int main(int argc, char **argv) {
    if (argc != 9) return 2;
    int fd;
    const void *ring = mapped(argv[1], "events", ML_KIND_EVENT, &fd);
    void *lanes = mapped(argv[1], "lanes", ML_KIND_LANES, &fd);
    int64_t lane = ml_lane_own(lanes, fd, argv[2]), last = ml_ring_limit(ring), count = 0;
    if (lane < 0) return fprintf(stderr, "lane %s: %s\n", argv[2], lane == -1 ? "in use" : "all are taken"), 1;
    ml_command order = {.op = ML_OP_PLACE, .order_type = ML_ORDER_TYPE_LIMIT, .stp = ML_STP_CANCEL_TAKER,
        .mask = ML_HAS_PRICE | ML_HAS_QTY, .account = (uint32_t)atoll(argv[3]), .client_id = atoll(argv[4]),
        .orig_client_id = ML_NO_ID, .symbol = (uint32_t)atoll(argv[5]), .side = (uint8_t)atoi(argv[6]),
        .price_ticks = atoll(argv[7]), .qty_lots = atoll(argv[8]), .session = (uint32_t)getpid() & 0xFFFFFF};
    uint32_t mine = (uint32_t)lane << 24 | order.session;
    while (ml_lane_send(lanes, lane, &order, 1) == 0) sched_yield(); /* full: the engine takes what is before it */
    for (ml_event event; (count = ml_ring_read(ring, last, 1, &event)) >= 0; last += count) {
        if (count == 0) sched_yield(); /* or sleep on the event count */
        if (count == 0 || event.session != mine) continue;
        printf("seq=%lld type=%d reason=%d order_id=%lld\n", (long long)event.seq, event.type, event.reason,
               (long long)event.order_id);
        if (event.flags & ML_FLAG_LAST) return ml_lane_give_up(lanes, lane), 0;
    }
    return fputs("lapped: the journal has what was missed\n", stderr), 1;
}
