// SPDX-License-Identifier: MIT
//
// Prices from a thread of the program's own:  prices [ADDRESS]
//
// /prices/SYMBOL is a WebSocket, in the room of that symbol. The feed, a thread that is no shard's,
// publishes "SYMBOL NUMBER PRICE" there. A price that is not taken at once (-EAGAIN) is left out:
// the next one is newer anyway. Who opens gets the last price; that may arrive behind a newer one,
// since only what goes to the room has an order, and the number tells.
#include <ringcast/ringcast.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FEED_PAUSE_NS 2000000
#define TEXT_BYTES    64

struct instrument {
    const char *symbol;
    _Atomic int cents;
    _Atomic unsigned number; // of the last price, from 1
};

static struct instrument instruments[] = {{.symbol = "EUR", .cents = 10832},
                                          {.symbol = "GBP", .cents = 12641},
                                          {.symbol = "JPY", .cents = 65}};
#define INSTRUMENT_COUNT (sizeof instruments / sizeof *instruments)

static int write_price(const struct instrument *of, char text[TEXT_BYTES])
{
    int cents = of->cents;
    return snprintf(text, TEXT_BYTES, "%s %u %d.%02d", of->symbol, of->number, cents / 100,
                    cents % 100);
}

// --- The feed

struct feed {
    struct ringcast *rc;
    pthread_t thread;
    _Atomic bool ends;
    unsigned long published, left_out;
};

static void publish(struct feed *feed, struct instrument *of)
{
    char text[TEXT_BYTES];
    of->cents += rand() % 3 - 1;
    of->number++;
    int len = write_price(of, text);
    int result = ringcast_broadcast_room_text(feed->rc, of->symbol, strlen(of->symbol), text,
                                              (size_t)len, (ringcast_id){0});
    if (result == 0)
        feed->published++;
    else
        feed->left_out++;
}

static void *run_feed(void *argument)
{
    struct feed *feed = argument;
    while (!feed->ends) {
        for (size_t i = 0; i < INSTRUMENT_COUNT; i++)
            publish(feed, &instruments[i]);
        nanosleep(&(struct timespec){.tv_nsec = FEED_PAUSE_NS}, NULL);
    }
    return NULL;
}

// --- Callbacks, on the shards' threads

static struct instrument *find(const char *symbol, size_t len)
{
    for (size_t i = 0; i < INSTRUMENT_COUNT; i++)
        if (strlen(instruments[i].symbol) == len && memcmp(instruments[i].symbol, symbol, len) == 0)
            return &instruments[i];
    return NULL;
}

static void on_upgrade(struct ringcast *rc, const struct ringcast_request *request,
                       struct ringcast_decision *decision)
{
    static const char prefix[] = "/prices/";
    size_t len, before = sizeof prefix - 1;
    const char *path = ringcast_request_path(request, &len);
    struct instrument *of = NULL;
    if (len > before && memcmp(path, prefix, before) == 0)
        of = find(path + before, len - before);
    if (!of) {
        decision->status = 404;
        decision->reason = "there are /prices/EUR, /prices/GBP and /prices/JPY";
        return;
    }
    decision->connection = of; // what they say goes to on_message, and so nowhere
    (void)ringcast_decision_join(decision, of->symbol, strlen(of->symbol));
}

static void on_open(struct ringcast *rc, ringcast_id id, void *connection)
{
    char text[TEXT_BYTES];
    const struct instrument *of = connection;
    if (of->number)
        (void)ringcast_send_text(rc, id, text, (size_t)write_price(of, text));
}

static void on_http(struct ringcast *rc, const struct ringcast_request *request,
                    struct ringcast_answer *answer)
{
    char *body = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&body, &len);
    for (size_t i = 0; out && i < INSTRUMENT_COUNT; i++) {
        char text[TEXT_BYTES];
        write_price(&instruments[i], text);
        fprintf(out, "%s\n", text);
    }
    answer->status = out && fclose(out) == 0 ? 200 : 503;
    answer->body = answer->owned = body; // free() is the library's from here on
    answer->body_bytes = len;
}

// --- The program

static void wait_for_signal(const sigset_t *signals)
{
    int number;
    sigwait(signals, &number);
}

int main(int argc, char **argv)
{
    struct ringcast_listener listener = {.address = argc > 1 ? argv[1] : "127.0.0.1:8080"};
    struct ringcast_callbacks callbacks = {
        .on_upgrade = on_upgrade, .on_http = on_http, .on_open = on_open};
    struct ringcast_options options;
    struct feed feed = {.rc = NULL};
    char error[256], address[RINGCAST_ADDRESS_BYTES];
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); // the feed inherits it, the shards take none anyway

    ringcast_options_init(&options, sizeof options);
    options.listeners = &listener;
    options.listener_count = 1;
    options.callbacks = &callbacks;
    if (ringcast_create(&feed.rc, &options, error, sizeof error) ||
        ringcast_start(feed.rc, error, sizeof error)) {
        fprintf(stderr, "prices: %s\n", error);
        ringcast_destroy(feed.rc);
        return 1;
    }
    ringcast_local_address(feed.rc, 0, address, sizeof address);
    printf("listening on %s\n", address);
    fflush(stdout);
    if (pthread_create(&feed.thread, NULL, run_feed, &feed) == 0) {
        wait_for_signal(&signals);
        feed.ends = true;
        pthread_join(feed.thread, NULL); // nobody may use the instance when it is destroyed
    }
    ringcast_stop(feed.rc, 1000); // a second for goodbyes
    ringcast_wait(feed.rc);
    ringcast_destroy(feed.rc);
    printf("published %lu prices, left out %lu\n", feed.published, feed.left_out);
    return 0;
}
