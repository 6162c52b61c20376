// SPDX-License-Identifier: MIT
#include "codec/tls_tickets.h"

#include "base/rand.h"

#include <string.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/hmac.h>

#define GCM_NONCE_BYTES 12
#define GCM_TAG_BYTES   16

// HMAC-SHA-256 over a label and the epoch.
static void derive(const uint8_t secret[TLS_TICKET_SECRET_BYTES], const char *label, uint64_t epoch,
                   uint8_t out[WC_SHA256_DIGEST_SIZE])
{
    Hmac hmac;
    uint8_t number[8];
    for (int i = 0; i < 8; i++)
        number[i] = (uint8_t)(epoch >> (8 * i));
    int error = wc_HmacInit(&hmac, NULL, INVALID_DEVID);
    if (!error)
        error = wc_HmacSetKey(&hmac, WC_SHA256, secret, TLS_TICKET_SECRET_BYTES);
    if (!error)
        error = wc_HmacUpdate(&hmac, (const byte *)label, (word32)strlen(label));
    if (!error)
        error = wc_HmacUpdate(&hmac, number, sizeof number);
    if (!error)
        error = wc_HmacFinal(&hmac, out);
    CHECK(!error); // takes no memory and cannot fail with these arguments
    wc_HmacFree(&hmac);
}

static void make_key(const struct tls_tickets *tickets, uint64_t epoch, struct tls_ticket_key *key)
{
    uint8_t name[WC_SHA256_DIGEST_SIZE];
    derive(tickets->secret, "ticket name", epoch, name);
    derive(tickets->secret, "ticket key", epoch, key->key);
    memcpy(key->name, name, sizeof key->name);
    key->valid = true;
}

// Replaces a secret by what is hashed from it.
static void hash_on(uint8_t secret[TLS_TICKET_SECRET_BYTES], const char *label, uint64_t number)
{
    uint8_t next[WC_SHA256_DIGEST_SIZE];
    derive(secret, label, number, next);
    memcpy(secret, next, sizeof next);
    explicit_bzero(next, sizeof next);
}

static void enter_block(struct tls_tickets *tickets, uint64_t block)
{
    derive(tickets->next_block, "ticket block", block, tickets->secret);
    hash_on(tickets->next_block, "next ticket block", block);
}

static void step(struct tls_tickets *tickets)
{
    tickets->epoch++;
    if (tickets->epoch % TLS_TICKET_BLOCK_EPOCHS == 0)
        enter_block(tickets, tickets->epoch / TLS_TICKET_BLOCK_EPOCHS);
    else
        hash_on(tickets->secret, "ticket chain", tickets->epoch);
}

// Leaves out the blocks before that of this epoch.
static void skip_blocks(struct tls_tickets *tickets, uint64_t epoch)
{
    uint64_t block = tickets->epoch / TLS_TICKET_BLOCK_EPOCHS;
    while (block < epoch / TLS_TICKET_BLOCK_EPOCHS)
        enter_block(tickets, ++block);
    tickets->epoch = block * TLS_TICKET_BLOCK_EPOCHS;
}

void tls_tickets_init(struct tls_tickets *tickets, const uint8_t secret[TLS_TICKET_SECRET_BYTES],
                      bool shared, uint32_t lifetime_s, uint64_t now_s)
{
    memset(tickets, 0, sizeof *tickets);
    tickets->shared = shared;
    tickets->lifetime_s = lifetime_s;
    tickets->epoch = now_s / lifetime_s;
    if (shared) {
        memcpy(tickets->secret, secret, TLS_TICKET_SECRET_BYTES);
        if (tickets->epoch)
            make_key(tickets, tickets->epoch - 1, &tickets->previous);
    } else {
        memcpy(tickets->next_block, secret, TLS_TICKET_SECRET_BYTES);
        enter_block(tickets, tickets->epoch / TLS_TICKET_BLOCK_EPOCHS);
    }
    make_key(tickets, tickets->epoch, &tickets->current);
}

void tls_tickets_advance(struct tls_tickets *tickets, uint64_t now_s)
{
    uint64_t epoch = now_s / tickets->lifetime_s;
    if (epoch <= tickets->epoch)
        return;
    if (tickets->shared)
        tickets->epoch = epoch - 1;
    else if (epoch - tickets->epoch > 2 * TLS_TICKET_BLOCK_EPOCHS)
        skip_blocks(tickets, epoch - 1);
    while (tickets->epoch < epoch - 1)
        step(tickets);
    make_key(tickets, tickets->epoch, &tickets->previous);
    if (tickets->shared)
        tickets->epoch++;
    else
        step(tickets);
    make_key(tickets, tickets->epoch, &tickets->current);
}

static int start(Aes *aes, const struct tls_ticket_key *key)
{
    int error = wc_AesInit(aes, NULL, INVALID_DEVID);
    return error ? error : wc_AesGcmSetKey(aes, key->key, sizeof key->key);
}

static bool opened(const struct tls_ticket_key *key, const uint8_t *nonce, const uint8_t *tag,
                   uint8_t *bytes, size_t len)
{
    Aes aes;
    int error = start(&aes, key);
    if (!error)
        error = wc_AesGcmDecrypt(&aes, bytes, bytes, (word32)len, nonce, GCM_NONCE_BYTES, tag,
                                 GCM_TAG_BYTES, key->name, sizeof key->name);
    wc_AesFree(&aes);
    return !error;
}

void tls_ticket_seal(const struct tls_tickets *tickets, uint8_t name[TLS_TICKET_NAME_BYTES],
                     uint8_t nonce[TLS_TICKET_NONCE_BYTES], uint8_t tag[TLS_TICKET_TAG_BYTES],
                     uint8_t *bytes, size_t len)
{
    memset(nonce, 0, TLS_TICKET_NONCE_BYTES);
    memset(tag, 0, TLS_TICKET_TAG_BYTES);
    memcpy(name, tickets->current.name, TLS_TICKET_NAME_BYTES);
    rand_entropy(nonce, GCM_NONCE_BYTES);
    Aes aes;
    int error = start(&aes, &tickets->current);
    if (!error)
        error = wc_AesGcmEncrypt(&aes, bytes, bytes, (word32)len, nonce, GCM_NONCE_BYTES, tag,
                                 GCM_TAG_BYTES, name, TLS_TICKET_NAME_BYTES);
    CHECK(!error); // as in derive()
    wc_AesFree(&aes);
}

enum tls_ticket_result tls_ticket_open(const struct tls_tickets *tickets,
                                       const uint8_t name[TLS_TICKET_NAME_BYTES],
                                       const uint8_t nonce[TLS_TICKET_NONCE_BYTES],
                                       const uint8_t tag[TLS_TICKET_TAG_BYTES], uint8_t *bytes,
                                       size_t len)
{
    const struct tls_ticket_key *keys[] = {&tickets->current, &tickets->previous};
    for (unsigned i = 0; i < 2; i++) {
        if (!keys[i]->valid || memcmp(keys[i]->name, name, TLS_TICKET_NAME_BYTES) != 0)
            continue;
        if (!opened(keys[i], nonce, tag, bytes, len))
            return TLS_TICKET_BAD;
        return i == 0 ? TLS_TICKET_GOOD : TLS_TICKET_OLD;
    }
    return TLS_TICKET_BAD;
}
