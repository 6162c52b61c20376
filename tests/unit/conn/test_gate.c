// SPDX-License-Identifier: MIT
#include "conn/gate.h"

#include "support/jwt_make.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S 1700000000
#define KEYS  JWT_MAKE_JWKS(JWT_MAKE_HS256(""))

static struct http_parser parser;
static struct claims *claims;

static struct gate *make_gate(enum gate_auth auth, const char *origins)
{
    char error[JWT_KEYS_ERROR_BYTES];
    struct gate *gate = calloc(1, sizeof *gate);
    cr_assert_eq(origins_parse(&gate->origins, origins, error, sizeof error), 0);
    gate->auth = auth;
    gate->leeway_s = 10;
    gate->keys = jwt_keys_create();
    cr_assert_eq(jwt_keys_add_jwks(gate->keys, KEYS, strlen(KEYS), error), 0, "%s", error);
    return gate;
}

static struct gate_answer judge(struct gate *gate, const char *query, const char *headers,
                                const char *subject)
{
    static char head[HTTP_HEAD_MAX_BYTES];
    int status;
    const char *error = "";
    int len =
        snprintf(head, sizeof head, "GET /room/a%s HTTP/1.1\r\nHost: h\r\n%s\r\n", query, headers);
    const uint8_t *cursor = (const uint8_t *)head;
    http_parser_init(&parser);
    cr_assert_eq(http_parse(&parser, &cursor, cursor + len, &status, &error), HTTP_COMPLETE, "%s",
                 error);
    struct gate_client client = {.subject = subject};
    return gate_judge(gate, &parser, &client, NOW_S, &claims);
}

static const char *good_token(void)
{
    static char token[JWT_MAKE_TOKEN_MAX_BYTES];
    char payload[128];
    snprintf(payload, sizeof payload, "{\"sub\":\"alice\",\"exp\":%d}", NOW_S + 60);
    (void)jwt_make_token(token, JWT_HS256, "{\"alg\":\"HS256\"}", payload);
    return token;
}

static const struct {
    enum gate_auth auth;
    const char *query, *headers, *subject; // TOKEN stands for a good one
    int status;
    const char *reason, *sub; // sub NULL: no claims
} cases[] = {
    {GATE_OFF, "", "", NULL, 0, NULL, NULL},
    {GATE_OFF, "?token=nonsense", "Authorization: Bearer x\r\n", NULL, 0, NULL, NULL},
    {GATE_OFF, "", "", "CN=bob", 0, NULL, "CN=bob"},
    {GATE_OPTIONAL, "", "", NULL, 0, NULL, NULL},
    {GATE_REQUIRED, "", "", NULL, 401, "no_token", NULL},
    {GATE_REQUIRED, "?token=TOKEN", "", NULL, 0, NULL, "alice"},
    {GATE_REQUIRED, "?a=b&token=TOKEN&self=0", "", NULL, 0, NULL, "alice"},
    {GATE_REQUIRED, "", "Authorization: Bearer TOKEN\r\n", NULL, 0, NULL, "alice"},
    {GATE_REQUIRED, "", "Authorization: bearer TOKEN\r\n", NULL, 0, NULL, "alice"},
    {GATE_REQUIRED, "?token=TOKEN", "Authorization: Bearer TOKEN\r\n", NULL, 400, "two_tokens",
     NULL},
    {GATE_REQUIRED, "?token=TOKEN&token=x", "", NULL, 400, "two_tokens", NULL},
    {GATE_OPTIONAL, "?token=x&self=0&token", "", NULL, 400, "two_tokens", NULL},
    {GATE_REQUIRED, "?token=TOKEN&tokens=x&a=token", "", NULL, 0, NULL, "alice"},
    {GATE_OPTIONAL, "?token=x", "", NULL, 401, "malformed", NULL},
    {GATE_OPTIONAL, "?token=", "", NULL, 401, "malformed", NULL},
    {GATE_OPTIONAL, "?token=%zz", "", NULL, 401, "malformed", NULL},
    {GATE_OPTIONAL, "", "Authorization: Basic YTpi\r\n", NULL, 401, "malformed", NULL},
    {GATE_OPTIONAL, "", "Authorization: Bearer\r\n", NULL, 401, "malformed", NULL},
    {GATE_REQUIRED, "", "", "CN=bob", 0, NULL, "CN=bob"},
    {GATE_REQUIRED, "?token=TOKEN", "", "CN=bob", 0, NULL, "alice"},
    {GATE_REQUIRED, "?token=x", "", "CN=bob", 401, "malformed", NULL},
    {GATE_OPTIONAL, "", "", "", 403, "bad_subject", NULL},
};

static void put_token(const char *text, char *out, size_t out_bytes)
{
    const char *mark = strstr(text, "TOKEN");
    int before = mark ? (int)(mark - text) : (int)strlen(text);
    snprintf(out, out_bytes, "%.*s%s%s", before, text, mark ? good_token() : "",
             mark ? mark + 5 : "");
}

Test(gate, tokens_and_certificates)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static char query[2 * JWT_MAKE_TOKEN_MAX_BYTES], headers[2 * JWT_MAKE_TOKEN_MAX_BYTES];
        struct gate *gate = make_gate(cases[i].auth, "");
        put_token(cases[i].query, query, sizeof query);
        put_token(cases[i].headers, headers, sizeof headers);
        struct gate_answer answer = judge(gate, query, headers, cases[i].subject);
        cr_expect_eq(answer.status, cases[i].status, "row %zu: %d", i, answer.status);
        bool token = strstr(cases[i].query, "token") || strstr(cases[i].headers, "Authorization");
        cr_expect_eq(gate_verifies(gate, &parser), token && cases[i].auth != GATE_OFF, "row %zu",
                     i);
        if (cases[i].reason)
            cr_expect_str_eq(answer.reason, cases[i].reason, "row %zu", i);
        cr_expect_eq(answer.bad_subject,
                     cases[i].reason && strcmp(cases[i].reason, "bad_subject") == 0, "row %zu", i);
        cr_expect_eq(answer.status != 0, answer.text != NULL, "row %zu", i);
        cr_expect_eq(claims != NULL, cases[i].sub != NULL, "row %zu", i);
        if (claims && cases[i].sub)
            cr_expect_str_eq(claims->sub, cases[i].sub, "row %zu", i);
        claims_destroy(claims);
        gate_destroy(gate);
    }
}

// Of a token's end (NOW_S + 60) and a certificate's the first one counts.
static const struct {
    const char *query, *subject;
    uint64_t expires_s, exp_s;
} ends[] = {
    {"?token=TOKEN", NULL, 0, NOW_S + 60},
    {"?token=TOKEN", "CN=bob", NOW_S + 10, NOW_S + 10},
    {"?token=TOKEN", "CN=bob", NOW_S + 100, NOW_S + 60},
    {"?token=TOKEN", "CN=bob", 0, NOW_S + 60},
    {"", "CN=bob", NOW_S + 100, NOW_S + 100},
    {"", "CN=bob", 0, 0},
};

Test(gate, certificates_end)
{
    struct gate *gate = make_gate(GATE_REQUIRED, "");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        static char query[2 * JWT_MAKE_TOKEN_MAX_BYTES];
        put_token(ends[i].query, query, sizeof query);
        struct gate_client client = {.subject = ends[i].subject,
                                     .subject_expires_s = ends[i].expires_s};
        claims_destroy((judge(gate, query, "", ends[i].subject), claims)); // parses
        struct gate_answer answer = gate_judge(gate, &parser, &client, NOW_S, &claims);
        cr_assert_eq(answer.status, 0, "row %zu", i);
        cr_expect_eq(claims->exp_s, ends[i].exp_s, "row %zu", i);
        claims_destroy(claims);
    }
    gate_destroy(gate);
}

Test(gate, same_with_tls_is_https)
{
    struct gate *gate = make_gate(GATE_OFF, "same");
    for (int has_tls = 0; has_tls < 2; has_tls++) {
        struct gate_client client = {.has_tls = has_tls};
        (void)judge(gate, "", "Origin: http://h\r\n", NULL); // parses
        struct gate_answer answer = gate_judge(gate, &parser, &client, NOW_S, &claims);
        cr_expect_eq(answer.status, has_tls ? 403 : 0);
    }
    gate_destroy(gate);
}

Test(gate, origins_come_first)
{
    struct gate *gate = make_gate(GATE_REQUIRED, "https://a.example");
    cr_expect_str_eq(judge(gate, "", "Origin: https://evil\r\n", NULL).reason, "origin");
    cr_expect_eq(judge(gate, "", "Origin: https://evil\r\n", NULL).status, 403);
    cr_expect_str_eq(judge(gate, "", "Origin: https://a.example\r\n", NULL).reason, "no_token");
    cr_expect_str_eq(judge(gate, "", "", NULL).reason, "no_token");
    gate_destroy(gate);
}
