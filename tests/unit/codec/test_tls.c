// SPDX-License-Identifier: MIT
//
// A client's and a server's session, talking over memory that is cut anywhere.
#include "base/rand.h"
#include "codec/tls.h"
#include "support/tls_pair.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <wolfssl/options.h>

static struct tls_context *server_with(const char *const *names, unsigned count)
{
    char error[256] = "";
    struct tls_context *context = tls_pair_server_context(names, count, NULL, error);
    cr_assert_not_null(context, "%s", error);
    return context;
}

static struct tls_context *client(void)
{
    return tls_pair_client_context(&(struct tls_client_options){.ca = NULL});
}

static const char *const both[] = {"server-ec", "other"};

static void expect_echo(struct tls_pair *pair)
{
    static const size_t sizes[] = {1, 100, 1000, 16384, 16385, 70000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        cr_assert(tls_pair_echo(pair, sizes[i]), "%zu bytes: %s", sizes[i],
                  tls_session_error(pair->server));
}

// At every size of pieces, down to single bytes.
Test(tls, handshake_at_any_cut)
{
    struct tls_context *server = server_with(both, 2), *from = client();
    for (size_t cut = 1; cut < 40; cut++) {
        struct tls_pair pair;
        tls_pair_init(&pair, server, from, "localhost", cut);
        cr_assert_eq(tls_pair_handshake(&pair), TLS_DONE, "%s", tls_session_error(pair.server));
        cr_expect_str_eq(tls_session_version(pair.server), "TLSv1.3");
        cr_assert(tls_pair_echo(&pair, 3000));
        tls_pair_fini(&pair);
    }
    struct tls_pair pair;
    tls_pair_init(&pair, server, from, "localhost", SIZE_MAX);
    cr_assert_eq(tls_pair_handshake(&pair), TLS_DONE);
    expect_echo(&pair);
    tls_pair_fini(&pair);
    tls_context_destroy(server);
    tls_context_destroy(from);
}

static const struct {
    const char *certificate;
    bool tls12, p256;
} kinds[] = {
    {"server-ec", false, false}, {"server-ec", true, false},  {"server-ec", true, true},
    {"server-rsa", false, true}, {"server-rsa", true, false}, {"server-rsa", false, false},
};

Test(tls, versions_groups_and_kinds_of_keys)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct tls_context *server = server_with(&kinds[i].certificate, 1);
        struct tls_context *from = tls_pair_client_context(&(struct tls_client_options){
            .tls12_only = kinds[i].tls12, .groups = kinds[i].p256 ? "P-256" : NULL});
        struct tls_pair pair;
        tls_pair_init(&pair, server, from, NULL, SIZE_MAX);
        cr_assert_eq(tls_pair_handshake(&pair), TLS_DONE, "%zu: %s", i,
                     tls_session_error(pair.server));
        cr_expect_str_eq(tls_session_version(pair.server), kinds[i].tls12 ? "TLSv1.2" : "TLSv1.3");
        cr_expect_not_null(strstr(tls_session_cipher(pair.server), "AES"));
        expect_echo(&pair);
        tls_pair_fini(&pair);
        tls_context_destroy(server);
        tls_context_destroy(from);
    }
}

// The client trusts the authority and checks the name: it is content only with the right one.
static const struct {
    const char *asked;
    enum tls_result result;
} names[] = {
    {"localhost", TLS_DONE},      {"LOCALHOST", TLS_DONE},      {"other.test", TLS_DONE},
    {"a.example.test", TLS_DONE}, {"example.test", TLS_FAILED}, {"a.b.example.test", TLS_FAILED},
    {"ignored.test", TLS_FAILED}, {"unknown", TLS_FAILED},
};

Test(tls, certificates_by_name)
{
    struct tls_context *server = server_with(both, 2);
    size_t ca_bytes;
    char *ca = tls_pair_file("ca.pem", &ca_bytes);
    struct tls_context *from =
        tls_pair_client_context(&(struct tls_client_options){.ca = ca, .ca_bytes = ca_bytes});
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t cut = 1; cut < 1000; cut += 499) {
            struct tls_pair pair;
            tls_pair_init(&pair, server, from, names[i].asked, cut);
            enum tls_result result = tls_pair_handshake(&pair);
            cr_expect_eq(result, names[i].result, "%s: %s", names[i].asked,
                         tls_session_error(pair.client));
            tls_pair_fini(&pair);
        }
    tls_context_destroy(server);
    tls_context_destroy(from);
    free(ca);
}

Test(tls, authorities_are_checked)
{
    static const char *const files[] = {"ca.pem", "server-rsa.pem"};
    struct tls_context *server = server_with(both, 1);
    for (size_t i = 0; i < 2; i++) {
        size_t ca_bytes;
        char *ca = tls_pair_file(files[i], &ca_bytes);
        struct tls_context *from =
            tls_pair_client_context(&(struct tls_client_options){.ca = ca, .ca_bytes = ca_bytes});
        struct tls_pair pair;
        tls_pair_init(&pair, server, from, "localhost", SIZE_MAX);
        cr_expect_eq(tls_pair_handshake(&pair), i == 0 ? TLS_DONE : TLS_FAILED, "%s", files[i]);
        tls_pair_fini(&pair);
        tls_context_destroy(from);
        free(ca);
    }
    tls_context_destroy(server);
}

Test(tls, close_notify_tells_the_end)
{
    struct tls_context *server = server_with(both, 1), *from = client();
    struct tls_pair pair;
    tls_pair_init(&pair, server, from, NULL, SIZE_MAX);
    cr_assert_eq(tls_pair_handshake(&pair), TLS_DONE);
    tls_close(pair.client);
    tls_close(pair.client); // once
    cr_expect_eq(tls_pair_receive(&pair, pair.client, pair.server), TLS_CLOSED);
    tls_close(pair.server);
    cr_expect_eq(tls_pair_receive(&pair, pair.server, pair.client), TLS_CLOSED);
    tls_pair_fini(&pair);
    tls_context_destroy(server);
    tls_context_destroy(from);
}

// What a session has to say for itself comes in front of what is written next.
Test(tls, pending_comes_first)
{
    struct tls_context *server = server_with(both, 1), *from = client();
    struct tls_pair pair;
    tls_pair_init(&pair, server, from, NULL, SIZE_MAX);
    cr_assert_eq(tls_pair_handshake(&pair), TLS_DONE);
    cr_assert(tls_pair_echo(&pair, 10)); // takes the tickets
    cr_expect_eq(tls_pending_bytes(pair.server), 0);
    uint8_t out[512];
    cr_expect_eq(tls_write(pair.server, NULL, 0, out), 0);
    tls_close(pair.server);
    size_t pending = tls_pending_bytes(pair.server);
    cr_expect_gt(pending, 0);
    cr_expect_eq(tls_write(pair.server, NULL, 0, out), pending);
    cr_expect_eq(tls_write(pair.server, (const uint8_t *)"x", 1, out), 0, "nothing after the end");
    tls_pair_fini(&pair);
    tls_context_destroy(server);
    tls_context_destroy(from);
}

Test(tls, client_certificates)
{
    char error[256] = "";
    const char *const name = "server-ec";
    struct tls_context *server = tls_pair_server_context(&name, 1, "ca.pem", error);
    cr_assert_not_null(server, "%s", error);
    struct tls_certificate alice = tls_pair_certificate("client");
    struct tls_client_options with = {.certificate = &alice}, without = {.ca = NULL};
    for (int tls12 = 0; tls12 < 2; tls12++) {
        with.tls12_only = without.tls12_only = tls12;
        struct tls_context *known = tls_pair_client_context(&with);
        struct tls_pair pair;
        tls_pair_init(&pair, server, known, NULL, SIZE_MAX);
        cr_assert_eq(tls_pair_handshake(&pair), TLS_DONE, "%s", tls_session_error(pair.server));
        cr_expect_str_eq(tls_session_subject(pair.server), "CN=alice,O=ringcast");
        expect_echo(&pair);
        tls_pair_fini(&pair);
        struct tls_context *nobody = tls_pair_client_context(&without);
        tls_pair_init(&pair, server, nobody, NULL, SIZE_MAX);
        cr_expect_eq(tls_pair_handshake(&pair), TLS_FAILED);
        cr_expect_null(tls_session_subject(pair.server));
        tls_pair_fini(&pair);
        tls_context_destroy(known);
        tls_context_destroy(nobody);
    }
    tls_context_destroy(server);
    tls_pair_certificate_free(&alice);
}

// What a subject's text is decides over rooms: "" when it cannot be told from another's.
static const struct {
    const char *client, *subject;
    uint64_t expires_s; // 0: in years
} subjects[] = {
    {"client", "CN=alice,O=ringcast", 0},
    {"client-slash", "O=o/CN\\=alice", 0},
    {"client-long", "", 0},
    {"client-ends", "CN=bob", 2208988800}, // 2040-01-01
};

Test(tls, subjects_of_clients)
{
    char error[256] = "";
    const char *const name = "server-ec";
    struct tls_context *server = tls_pair_server_context(&name, 1, "ca.pem", error);
    cr_assert_not_null(server, "%s", error);
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct tls_certificate certificate = tls_pair_certificate(subjects[i].client);
        struct tls_context *from =
            tls_pair_client_context(&(struct tls_client_options){.certificate = &certificate});
        struct tls_pair pair;
        tls_pair_init(&pair, server, from, NULL, SIZE_MAX);
        cr_assert_eq(tls_pair_handshake(&pair), TLS_DONE, "%s", tls_session_error(pair.server));
        cr_expect_str_eq(tls_session_subject(pair.server), subjects[i].subject);
        uint64_t expires_s = tls_session_subject_expires_s(pair.server);
        cr_expect(subjects[i].expires_s ? expires_s == subjects[i].expires_s
                                        : expires_s > 1900000000);
        tls_pair_fini(&pair);
        tls_context_destroy(from);
        tls_pair_certificate_free(&certificate);
    }
    tls_context_destroy(server);
}

// Once contexts are made no file is needed, and where none can be opened nothing fails: our wolfSSL
// asks the kernel for entropy, while Debian's opens /dev/urandom.
Test(tls, sessions_open_no_file)
{
#ifdef WOLFSSL_GETRANDOM
    struct tls_context *server = server_with(both, 2), *from = client();
    struct rlimit before, none;
    struct tls_pair pair;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    tls_pair_init(&pair, server, from, "localhost", SIZE_MAX);
    // Criterion needs files too, so nothing is said until they are back.
    setrlimit(RLIMIT_NOFILE, &none);
    int opened = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    enum tls_result result = tls_pair_handshake(&pair);
    bool echoed = result == TLS_DONE && tls_pair_echo(&pair, 3000);
    setrlimit(RLIMIT_NOFILE, &before);
    cr_expect_eq(opened, -1);
    cr_expect_eq(result, TLS_DONE, "%s", tls_session_error(pair.server));
    cr_expect(echoed);
    tls_pair_fini(&pair);
    tls_context_destroy(server);
    tls_context_destroy(from);
#endif
}

// A context may go while sessions of it are in any state.
Test(tls, sessions_outlive_their_context)
{
    struct tls_context *server = server_with(both, 2), *from = client();
    struct tls_pair begun, open;
    tls_pair_init(&open, server, from, "localhost", SIZE_MAX);
    cr_assert_eq(tls_pair_handshake(&open), TLS_DONE);
    tls_pair_init(&begun, server, from, "localhost", SIZE_MAX);
    tls_context_destroy(server);
    cr_assert_eq(tls_pair_handshake(&begun), TLS_DONE);
    cr_assert(tls_pair_echo(&open, 100));
    cr_assert(tls_pair_echo(&begun, 100));
    tls_pair_fini(&open);
    tls_pair_fini(&begun);
    tls_context_destroy(from);
}

// Random bytes, and a true handshake with one byte changed: failure or, where the byte does not
// matter, success; never more memory than was sent.
Test(tls, garbage_fails_in_order)
{
    struct tls_context *server = server_with(both, 2), *from = client();
    struct rand rand;
    rand_seed(&rand, 1);
    for (int round = 0; round < 300; round++) {
        uint8_t garbage[600];
        for (size_t i = 0; i < sizeof garbage; i++)
            garbage[i] = (uint8_t)rand_next(&rand);
        if (round % 3)
            memcpy(garbage, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                   round % 3 == 1 ? 5 : 11);
        struct tls_session *session = tls_session_create(server, NULL);
        const uint8_t *cursor = garbage;
        enum tls_result result = tls_handshake(session, &cursor, garbage + sizeof garbage);
        cr_expect(result == TLS_FAILED || result == TLS_WANT_INPUT);
        cr_expect_lt(tls_pending_bytes(session), 64);
        tls_session_destroy(session);
    }
    tls_context_destroy(server);
    tls_context_destroy(from);
}

Test(tls, says_what_is_wrong_with_certificates)
{
    static const char nonsense[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    struct tls_certificate good = tls_pair_certificate("server-ec");
    struct tls_certificate other = tls_pair_certificate("other");
    const struct {
        struct tls_certificate certificate;
        const char *says;
    } cases[] = {
        {{"a", nonsense, sizeof nonsense - 1, good.key, good.key_bytes}, "a: is not a certificate"},
        {{"b", "", 0, good.key, good.key_bytes}, "b: is not a certificate"},
        {{"c", good.chain, good.chain_bytes, "", 0}, "c: its key is not"},
        {{"d", good.chain, good.chain_bytes, good.chain, good.chain_bytes}, "d: its key is not"},
        {{"e", good.chain, good.chain_bytes, other.key, other.key_bytes},
         "e: the private key is not"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tls_options options = {.certificates = &cases[i].certificate,
                                      .certificate_count = 1};
        struct tls_context *context;
        char error[256] = "";
        cr_expect_lt(tls_context_create(&context, &options, 0, error, sizeof error), 0);
        cr_expect_eq(strstr(error, cases[i].says), error, "%s: %s", cases[i].says, error);
    }
    tls_pair_certificate_free(&good);
    tls_pair_certificate_free(&other);
}

// Every pair of a certificate and a key: only its own is taken, in whichever form.
static const struct {
    const char *chain, *key;
} owners[] = {
    {"server-ec", "server-ec.key"},
    {"server-ec", "server-ec.sec1"},
    {"other", "other.key"},
    {"server-rsa", "server-rsa.key"},
    {"server-rsa", "server-rsa.pkcs1"},
    {"server-ed25519", "server-ed25519.key"},
    {"rsa-too", "rsa-too.key"},
    {"ed25519-too", "ed25519-too.key"},
};

Test(tls, a_key_is_taken_with_its_certificate_only)
{
    const size_t count = sizeof owners / sizeof *owners;
    for (size_t i = 0; i < count * count; i++) {
        const char *chain = owners[i / count].chain, *key = owners[i % count].key;
        struct tls_certificate certificate = tls_pair_certificate(chain);
        free((void *)(uintptr_t)certificate.key);
        certificate.key = tls_pair_file(key, &certificate.key_bytes);
        struct tls_options options = {.certificates = &certificate, .certificate_count = 1};
        struct tls_context *context = NULL;
        char error[256] = "";
        bool own = strcmp(chain, owners[i % count].chain) == 0;
        int result = tls_context_create(&context, &options, 0, error, sizeof error);
        cr_expect_eq(result == 0, own, "%s with %s: %s", chain, key, error);
        if (result == 0)
            tls_context_destroy(context);
        tls_pair_certificate_free(&certificate);
    }
}

Test(tls, knows_when_certificates_end)
{
    static const char *const ended[] = {"server-ec", "ended"};
    struct tls_context *good = server_with(both, 2), *bad = server_with(ended, 2);
    cr_expect_gt(tls_context_expires_s(good), 1900000000);
    cr_expect_eq(tls_context_expires_s(bad), 1580515200); // 2020-02-01
    tls_context_destroy(good);
    tls_context_destroy(bad);
}
