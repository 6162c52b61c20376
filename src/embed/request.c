// SPDX-License-Identifier: MIT
//
// What the program asks of a request.
#include "embed/embed.h"

#include "codec/claims.h"
#include "codec/http_header.h"

#include <errno.h>
#include <string.h>

static const char *span(const struct ringcast_request *request, struct http_span span, size_t *len)
{
    *len = span.len;
    return http_text(request->conn->http, span);
}

const char *ringcast_request_method(const struct ringcast_request *request, size_t *len)
{
    return http_method(request->conn->http, len);
}

const char *ringcast_request_path(const struct ringcast_request *request, size_t *len)
{
    return span(request, request->conn->http->request.path, len);
}

const char *ringcast_request_query(const struct ringcast_request *request, size_t *len)
{
    return span(request, request->conn->http->request.query, len);
}

const char *ringcast_request_header(const struct ringcast_request *request, const char *name,
                                    size_t *len)
{
    return http_header_find(request->conn->http, name, len);
}

int ringcast_percent_decode(const char *text, size_t len, char *out, size_t out_bytes)
{
    if (out_bytes == 0)
        return -EINVAL;
    int decoded = http_percent_decode(text, len, (uint8_t *)out, out_bytes - 1);
    if (decoded < 0)
        return -EINVAL;
    out[decoded] = 0;
    return decoded;
}

int ringcast_request_parameter(const struct ringcast_request *request, const char *name,
                               char *value, size_t value_bytes)
{
    size_t query_len, len;
    const char *query = ringcast_request_query(request, &query_len);
    const char *found = http_query_find(query, query_len, name, &len);
    return found ? ringcast_percent_decode(found, len, value, value_bytes) : -ENOENT;
}

const char *ringcast_request_peer(const struct ringcast_request *request,
                                  char text[RINGCAST_ADDRESS_BYTES])
{
    _Static_assert(RINGCAST_ADDRESS_BYTES >= CONN_ADDRESS_BYTES, "an address fits");
    return conn_address(request->conn, text);
}

static const struct claims *claims_of(const struct conn *conn)
{
    return conn->edge ? conn->edge->claims : NULL;
}

const char *ringcast_request_subject(const struct ringcast_request *request)
{
    const struct claims *claims = claims_of(request->conn);
    return claims ? claims->sub : NULL;
}

const char *ringcast_request_claims(const struct ringcast_request *request)
{
    const struct claims *claims = claims_of(request->conn);
    return claims ? claims->payload : NULL;
}

int ringcast_decision_join(struct ringcast_decision *decision, const char *room, size_t room_len)
{
    if (!registry_name_valid(room, room_len))
        return -EINVAL;
    if (decision->room_count >= RINGCAST_ROOMS_AT_ONCE)
        return -ENOSPC;
    struct ringcast_room_name *name = &decision->rooms[decision->room_count++];
    name->len = (uint8_t)room_len;
    memcpy(name->bytes, room, room_len);
    return 0;
}

// --- The same of connections that are open

static const struct conn *own_conn(const struct ringcast *rc, ringcast_id id)
{
    struct shard *shard = embed_own_shard(rc);
    return shard ? registry_find(shard, id.value) : NULL;
}

const char *ringcast_subject(struct ringcast *rc, ringcast_id id)
{
    const struct conn *conn = own_conn(rc, id);
    const struct claims *claims = conn ? claims_of(conn) : NULL;
    return claims ? claims->sub : NULL;
}

const char *ringcast_claims(struct ringcast *rc, ringcast_id id)
{
    const struct conn *conn = own_conn(rc, id);
    const struct claims *claims = conn ? claims_of(conn) : NULL;
    return claims ? claims->payload : NULL;
}

const char *ringcast_peer(struct ringcast *rc, ringcast_id id, char text[RINGCAST_ADDRESS_BYTES])
{
    const struct conn *conn = own_conn(rc, id);
    return conn ? conn_address(conn, text) : NULL;
}
