// SPDX-License-Identifier: MIT
#include "conn/gate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BEARER       "Bearer "
#define BEARER_BYTES (sizeof BEARER - 1)

void gate_destroy(struct gate *gate)
{
    jwt_keys_destroy(gate->keys);
    free(gate->audience);
    free(gate->issuer);
    free(gate);
}

static const struct gate_answer welcome = {.status = 0};

static struct gate_answer refuse(int status, const char *reason, const char *text)
{
    return (struct gate_answer){.status = status, .reason = reason, .text = text};
}

static bool origin_allowed(const struct gate *gate, const struct http_parser *http, bool has_tls)
{
    const struct http_request *request = &http->request;
    return origins_allow(&gate->origins, http_text(http, request->origin), request->origin.len,
                         http_text(http, request->host), request->host.len, has_tls);
}

struct token {
    const char *text; // NULL: there is none
    size_t len;
    bool twice;
    char decoded[JWT_MAX_BYTES + 1]; // of a target
};

static void find_token(const struct http_parser *http, struct token *token)
{
    const struct http_request *request = &http->request;
    const char *header = http_text(http, request->authorization);
    const char *query = http_text(http, request->query), *end = query + request->query.len;
    size_t len, other_len;
    const char *value = http_query_find(query, request->query.len, "token", &len);
    token->text = NULL;
    token->twice =
        value && (request->authorization.len ||
                  http_query_find(value + len, (size_t)(end - value) - len, "token", &other_len));
    if (value) {
        // What does not decode is too long, or no token either way.
        int decoded =
            http_percent_decode(value, len, (uint8_t *)token->decoded, sizeof token->decoded);
        token->text = decoded < 0 ? "" : token->decoded;
        token->len = decoded < 0 ? 0 : (size_t)decoded;
    } else if (request->authorization.len > BEARER_BYTES &&
               strncasecmp(header, BEARER, BEARER_BYTES) == 0) {
        token->text = header + BEARER_BYTES;
        token->len = request->authorization.len - BEARER_BYTES;
    } else if (request->authorization.len) {
        token->text = ""; // another scheme: not a token of ours
        token->len = 0;
    }
}

bool gate_verifies(const struct gate *gate, const struct http_parser *http)
{
    size_t len;
    const struct http_request *request = &http->request;
    return gate->auth != GATE_OFF &&
           (request->authorization.len ||
            http_query_find(http_text(http, request->query), request->query.len, "token", &len));
}

static struct gate_answer judge_token(const struct gate *gate, const struct token *token,
                                      uint64_t unix_s, struct claims **claims)
{
    struct jwt_options options = {.now_s = unix_s,
                                  .leeway_s = gate->leeway_s,
                                  .audience = gate->audience,
                                  .issuer = gate->issuer};
    enum jwt_result result = jwt_verify(token->text, token->len, gate->keys, &options, claims);
    const struct jwt_result_info *info = jwt_result_info(result);
    if (result == JWT_OK)
        return welcome;
    struct gate_answer answer = refuse(result == JWT_NO_MEMORY ? 503 : 401, info->name, info->text);
    answer.bad_token = answer.status == 401;
    return answer;
}

static struct gate_answer judge_subject(const char *subject, struct claims **claims)
{
    enum claims_result result = claims_from_subject(claims, subject, strlen(subject));
    if (result == CLAIMS_OK)
        return welcome;
    if (result == CLAIMS_NO_MEMORY)
        return refuse(503, "no_memory", "Try again later: the server is out of memory.");
    struct gate_answer answer =
        refuse(403, "bad_subject",
               "Show a certificate with a subject: UTF-8, without control characters, "
               "at most 256 bytes as RFC 4514 writes it.");
    answer.bad_subject = true;
    return answer;
}

static struct gate_answer judge(const struct gate *gate, const struct http_parser *http,
                                const struct gate_client *client, uint64_t unix_s,
                                struct claims **claims)
{
    struct token token;
    if (!origin_allowed(gate, http, client->has_tls))
        return refuse(403, "origin", "Connect from a page of an origin that this server allows.");
    if (gate->auth == GATE_OFF)
        return client->subject ? judge_subject(client->subject, claims) : welcome;
    find_token(http, &token);
    if (token.twice)
        return refuse(400, "two_tokens",
                      "Send the token once: as Authorization: Bearer, or as ?token=.");
    if (token.text)
        return judge_token(gate, &token, unix_s, claims);
    if (client->subject)
        return judge_subject(client->subject, claims);
    if (gate->auth == GATE_OPTIONAL)
        return welcome;
    return refuse(401, "no_token",
                  "Send a token: as Authorization: Bearer, or as ?token= in the address.");
}

struct gate_answer gate_judge(const struct gate *gate, const struct http_parser *http,
                              const struct gate_client *client, uint64_t unix_s,
                              struct claims **claims)
{
    *claims = NULL;
    struct gate_answer answer = judge(gate, http, client, unix_s, claims);
    uint64_t end_s = client->subject_expires_s;
    if (*claims && end_s && (!(*claims)->exp_s || end_s < (*claims)->exp_s))
        (*claims)->exp_s = end_s;
    return answer;
}
