// SPDX-License-Identifier: MIT
//
// codec/tls.h without cryptography: records with a header, a sequence number and bytes that are
// only made unreadable. It is as strict as TLS: a record that is lost, doubled, torn or out of
// order ends the session. Deterministic, so that a seed replays.
#pragma once

#include "codec/tls.h"

// The next record asks the peer for an answer, as a key update does.
void fake_tls_request_update(struct tls_session *session);

// How many of these have not been answered yet.
uint32_t fake_tls_unanswered(const struct tls_session *session);
