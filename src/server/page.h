// SPDX-License-Identifier: MIT
//
// page.html, embedded when building (scripts/embed.py).
#pragma once

#include <stddef.h>

extern const unsigned char page_html[];
extern const size_t page_html_bytes;
