// SPDX-License-Identifier: MIT
//
// Private to src/net: the output side of a link as its life (link.c) sees it.
#pragma once

struct link;
struct net;
struct ring_completion;

// Starts the slow-path send of a link that has a backlog and nothing in flight.
void output_start(struct net *net, struct link *link);

// A completion of the slow-path send, or its zero-copy notification.
void output_on_send(struct net *net, struct link *link, const struct ring_completion *completion);

// Drops all that is queued. Nothing may be in flight.
void output_drop(struct net *net, struct link *link);
