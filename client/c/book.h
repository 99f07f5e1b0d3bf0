/* One symbol's book out of the public feed's JSON (as matchline writes it: no spaces), for C without a JSON library.
 * Prices and quantities stay the decimal texts that they are. */
#ifndef MATCHLINE_BOOK_H
#define MATCHLINE_BOOK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ml_level {
    char price[32], qty[32];
} ml_level;

/* Both sides (0 bids, 1 asks), each from its lowest price on. Begin with all zero. */
typedef struct ml_book {
    ml_level *level[2];
    size_t count[2], room[2];
} ml_book;

/* Compares two prices of one symbol: they have the same number of places, so the longer text is the greater one. */
static inline int ml_price_order(const char *one, const char *other) {
    size_t a = strlen(one), b = strlen(other);
    return a != b ? (a < b ? -1 : 1) : strcmp(one, other);
}

/* Put a level in, replace it, or (quantity "0") take it out. Returns 0, or -1: no memory. */
static inline int ml_book_set(ml_book *book, int side, const ml_level *now) {
    if (book->count[side] == book->room[side]) {
        size_t room = book->room[side] ? 2 * book->room[side] : 1024;
        void *more = realloc(book->level[side], room * sizeof(ml_level));
        if (more == NULL) return -1;
        book->level[side] = (ml_level *)more;
        book->room[side] = room;
    }
    size_t low = 0, high = book->count[side];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ml_price_order(book->level[side][middle].price, now->price) < 0) low = middle + 1;
        else high = middle;
    }
    ml_level *at = book->level[side] + low;
    size_t behind = book->count[side] - low;
    int is_here = behind > 0 && strcmp(at->price, now->price) == 0, is_gone = strcmp(now->qty, "0") == 0;
    if (is_gone && !is_here) return 0;
    if (is_gone) {
        memmove(at, at + 1, (behind - 1) * sizeof *at);
        book->count[side]--;
        return 0;
    }
    if (!is_here) {
        memmove(at + 1, at, behind * sizeof *at);
        book->count[side]++;
    }
    *at = *now;
    return 0;
}

/* What stands behind a key, as in "\"seq\":"; 0 where it is not there. */
static inline long long ml_json_number(const char *json, const char *key) {
    const char *at = strstr(json, key);
    return at ? atoll(at + strlen(key)) : 0;
}

/* Every level of a snapshot or a depth message. Returns 0, or -1: no memory, or no such message. */
static inline int ml_book_apply(ml_book *book, const char *json) {
    for (int side = 0; side < 2; side++) {
        const char *at = strstr(json, side ? "\"asks\":[" : "\"bids\":[");
        if (at == NULL) return -1;
        for (at += 8; *at == '[' || *at == ','; ) {
            ml_level now;
            /* Each text ends within its bounds before it is read: sscanf would measure the whole rest each time. */
            const char *price = strchr(at, '"'), *price_end = price ? strchr(price + 1, '"') : NULL;
            const char *qty = price_end ? strchr(price_end + 1, '"') : NULL;
            const char *qty_end = qty ? strchr(qty + 1, '"') : NULL;
            if (qty_end == NULL || price_end - price > 31 || qty_end - qty > 31) return -1;
            snprintf(now.price, sizeof now.price, "%.*s", (int)(price_end - price - 1), price + 1);
            snprintf(now.qty, sizeof now.qty, "%.*s", (int)(qty_end - qty - 1), qty + 1);
            if (ml_book_set(book, side, &now) != 0) return -1;
            at = qty_end + 2; /* behind the level's bracket */
        }
    }
    return 0;
}

/* One line of JSON: {"seq":N,"bids":{price:quantity,…},"asks":{…}}, rising prices. */
static inline void ml_book_print(const ml_book *book, long long seq) {
    printf("{\"seq\":%lld", seq);
    for (int side = 0; side < 2; side++) {
        printf(",\"%s\":{", side ? "asks" : "bids");
        for (size_t i = 0; i < book->count[side]; i++)
            printf("%s\"%s\":\"%s\"", i ? "," : "", book->level[side][i].price, book->level[side][i].qty);
        putchar('}');
    }
    puts("}");
    fflush(stdout);
}

#endif
