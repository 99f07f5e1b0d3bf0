/* Connections to the public feed and its snapshot service: libzmq. A failure ends the program with its reason. */
#ifndef MATCHLINE_FEED_H
#define MATCHLINE_FEED_H
#include "book.h"
#include <errno.h>
#include <zmq.h>

enum { ML_PATIENCE_MS = 2000 };

static void *ml_opened(void *context, int kind, int port) {
    char address[64];
    void *made = zmq_socket(context, kind);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
    return zmq_connect(made, address) == 0 ? made : (perror(address), exit(1), NULL);
}

/* One part of a message as text. 0 where none came in the socket's time. */
static int ml_receive(void *from, char *to, size_t room) {
    int size = zmq_recv(from, to, room - 1, 0);
    if ((size < 0 && errno != EAGAIN) || size >= (int)room) exit((perror("receive"), 1));
    return size < 0 ? 0 : (to[size] = 0, 1);
}

/* The service's answer. On a connection of its own each time: what a service that died was asked is never answered. */
static void ml_snapshot(void *context, int port, const char *ask, char *to, size_t room) {
    for (int told = 0, patience_ms = ML_PATIENCE_MS, linger = 0; !told;) {
        void *service = ml_opened(context, ZMQ_DEALER, port);
        zmq_setsockopt(service, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
        zmq_setsockopt(service, ZMQ_LINGER, &linger, sizeof linger);
        zmq_send(service, ask, strlen(ask), 0);
        told = ml_receive(service, to, room);
        zmq_close(service);
    }
}
#endif
