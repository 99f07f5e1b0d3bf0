/* Keep a symbol's book from the public feed: subscriber SYMBOL [PORT_BASE]. Stopped, it recovers. Link with -lzmq. */
#include "feed.h"

static char name[64], text[1 << 24]; /* the last message: its topic, its JSON */

int main(int argc, char **argv) {
    char topic[64], topic_key[80], ask[128];
    if (argc < 2 || snprintf(topic, sizeof topic, "depth/%s/", argv[1]) > 40) return 2;
    snprintf(topic_key, sizeof topic_key, "\"%s\":", topic);
    snprintf(ask, sizeof ask, "{\"op\":\"snapshot\",\"symbol\":\"%s\"}", argv[1]);
    int base = argc > 2 ? atoi(argv[2]) : 5550;
    void *context = zmq_ctx_new(), *feed = ml_opened(context, ZMQ_SUB, base + 1);
    zmq_setsockopt(feed, ZMQ_SUBSCRIBE, topic, strlen(topic)), zmq_setsockopt(feed, ZMQ_SUBSCRIBE, "hb/", 3);
    ml_book book = {{NULL}, {0}, {0}};
    for (long long epoch = 0, seq = 0;;) {
        ml_receive(feed, name, sizeof name), ml_receive(feed, text, sizeof text);
        int is_depth = strcmp(name, topic) == 0, is_new = is_depth && ml_json_number(text, "\"seq\":") > seq;
        if (ml_json_number(text, "\"epoch\":") != epoch || ml_json_number(text, is_depth ? "\"prev\":" : topic_key) > seq) {
            ml_snapshot(context, base + 3, ask, text, sizeof text);
            book.count[0] = book.count[1] = 0, is_new = 1, epoch = ml_json_number(text, "\"epoch\":");
        }
        if (is_new && ml_book_apply(&book, text) != 0) return fprintf(stderr, "%.200s\n", text), 1;
        if (is_new) seq = ml_json_number(text, "\"seq\":");
        ml_book_print(&book, seq);
    }
}
