// SPDX-License-Identifier: MIT
//
// Headers by name, for programs that look at more than the parser keeps (http_parse.h).
#pragma once

#include "codec/http_parse.h"

// The value of the first header of this name, whatever its case, in a head that is HTTP_COMPLETE,
// without the blanks around it; NULL when there is none. Good as long as the parser is.
const char *http_header_find(const struct http_parser *parser, const char *name,
                             size_t *value_bytes);

// The method as it was sent.
const char *http_method(const struct http_parser *parser, size_t *bytes);
