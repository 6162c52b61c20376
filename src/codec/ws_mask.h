// SPDX-License-Identifier: MIT
//
// Masking and unmasking (RFC 6455, section 5.3), in place, at memory speed.
#pragma once

#include <stddef.h>
#include <stdint.h>

// XORs bytes with the mask, starting at mask[phase]; returns the phase that follows. phase: 0–3.
uint8_t ws_mask(uint8_t *bytes, size_t len, const uint8_t mask[4], uint8_t phase);

// The same, byte by byte: what ws_mask is tested against.
uint8_t ws_mask_plain(uint8_t *bytes, size_t len, const uint8_t mask[4], uint8_t phase);
