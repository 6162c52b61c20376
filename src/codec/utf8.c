// SPDX-License-Identifier: MIT
#include "codec/utf8.h"

#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

// The automaton of RFC 3629, section 4. A state is the bit offset of its slot in a row; a row
// holds, for one byte, the next state of every state. So a step is one shift, and the load of the
// row does not wait for the step before.
enum state {
    BORDER = 0,    // between characters
    ONE = 6,       // one continuation byte to come
    TWO = 12,      // two
    THREE = 18,    // three
    AFTER_E0 = 24, // A0..BF, then one: 80..9F would be overlong
    AFTER_ED = 30, // 80..9F, then one: A0..BF would be a surrogate
    AFTER_F0 = 36, // 90..BF, then two: 80..8F would be overlong
    AFTER_F4 = 42, // 80..8F, then two: 90..BF would be above U+10FFFF
    BAD = 48,
};

#define SLOT_MASK 63

// A row in which every state goes to BAD, and the change that lets one state go elsewhere.
#define DEAD            (BAD * UINT64_C(0x1041041041041))
#define GO(state, next) ((uint64_t)(BAD ^ (next)) << (state))

#define ANY_CONTINUATION (DEAD ^ GO(ONE, BORDER) ^ GO(TWO, ONE) ^ GO(THREE, TWO))

#define ASCII       (DEAD ^ GO(BORDER, BORDER))
#define FROM_80     (ANY_CONTINUATION ^ GO(AFTER_ED, ONE) ^ GO(AFTER_F4, TWO))
#define FROM_90     (ANY_CONTINUATION ^ GO(AFTER_ED, ONE) ^ GO(AFTER_F0, TWO))
#define FROM_A0     (ANY_CONTINUATION ^ GO(AFTER_E0, ONE) ^ GO(AFTER_F0, TWO))
#define LEADS(next) (DEAD ^ GO(BORDER, next))

#define X2(row)  row, row
#define X4(row)  X2(row), X2(row)
#define X8(row)  X4(row), X4(row)
#define X16(row) X8(row), X8(row)
#define X32(row) X16(row), X16(row)

static const uint64_t rows[256] = {
    // 00..7F
    X32(ASCII), X32(ASCII), X32(ASCII), X32(ASCII),
    // 80..BF
    X16(FROM_80), X16(FROM_90), X32(FROM_A0),
    // C0, C1 would be overlong; C2..DF
    X2(DEAD), X2(LEADS(ONE)), X4(LEADS(ONE)), X8(LEADS(ONE)), X16(LEADS(ONE)),
    // E0, E1..EC, ED, EE, EF
    LEADS(AFTER_E0), X4(LEADS(TWO)), X8(LEADS(TWO)), LEADS(AFTER_ED), X2(LEADS(TWO)),
    // F0, F1..F3, F4, and F5..FF, which would be above U+10FFFF
    LEADS(AFTER_F0), X2(LEADS(THREE)), LEADS(THREE), LEADS(AFTER_F4), X8(DEAD), X2(DEAD), DEAD};

static uint8_t step(uint8_t state, uint8_t byte)
{
    return (uint8_t)(rows[byte] >> state & SLOT_MASK);
}

bool utf8_feed_plain(struct utf8_state *utf8, const uint8_t *bytes, size_t len)
{
    uint8_t state = utf8->state;
    for (size_t i = 0; i < len; i++)
        state = step(state, bytes[i]);
    utf8->state = state;
    return state != BAD;
}

#ifdef __x86_64__
static inline __m128i load_block(const uint8_t *bytes)
{
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}
#endif

// Returns the start of a stretch that may hold the first byte which is not ASCII, or end. The last
// block overlaps the one before it, so that short texts, too, end here.
static const uint8_t *skip_ascii(const uint8_t *cursor, const uint8_t *end)
{
#ifdef __x86_64__
    if (end - cursor >= 16) {
        const uint8_t *last = end - 16;
        for (; last - cursor >= 16; cursor += 32) {
            __m128i blocks = _mm_or_si128(load_block(cursor), load_block(cursor + 16));
            if (_mm_movemask_epi8(blocks) != 0)
                return cursor;
        }
        __m128i rest = load_block(last);
        if (cursor < last)
            rest = _mm_or_si128(rest, load_block(cursor));
        return _mm_movemask_epi8(rest) == 0 ? end : cursor;
    }
#endif
    for (; end - cursor >= 8; cursor += 8) {
        uint64_t word;
        memcpy(&word, cursor, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            return cursor;
    }
    return cursor;
}

#ifdef __x86_64__

// The lookup algorithm of Keiser and Lemire ("Validating UTF-8 in less than one instruction per
// byte", 2021): three tables, indexed by the nibbles of two neighbouring bytes, give a set of
// errors each; what is left in their intersection is an error. Only the third and fourth bytes of a
// character need a look further back.
//
// Unlike the paper, the neighbours come from loads one, two and three bytes earlier instead of
// from the register before. So every block can be checked by itself, blocks may overlap, and
// nothing but the automaton's state is carried from feed to feed; the price is that three bytes
// have to stand before the first block.
enum pair_error {
    TOO_SHORT = 1 << 0,  // a lead, then no continuation
    TOO_LONG = 1 << 1,   // ASCII, then a continuation
    OVERLONG_3 = 1 << 2, // E0 80..9F
    TOO_LARGE = 1 << 3,  // F4 90..BF, F5..FF 90..BF
    SURROGATE = 1 << 4,  // ED A0..BF
    OVERLONG_2 = 1 << 5, // C0..C1 80..BF
    OVERLONG_4 = 1 << 6, // F0 80..8F
    TOO_LARGE_1000 =
        1 << 6, // F5..FF 80..8F: shares its bit, as the lead's low nibble tells them apart
    TWO_CONTINUATIONS = 1 << 7,
    // What says nothing about the low nibble of the first byte.
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS,
    CONTINUED = TOO_LONG | TWO_CONTINUATIONS | OVERLONG_2,
    ABOVE = CARRY | TOO_LARGE | TOO_LARGE_1000,
};

static const uint8_t first_high[16] = {
    // 0_ to 7_: ASCII; 8_ to B_: continuations; then the leads
    X8(TOO_LONG),
    X4(TWO_CONTINUATIONS),
    TOO_SHORT | OVERLONG_2,
    TOO_SHORT,
    TOO_SHORT | OVERLONG_3 | SURROGATE,
    TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4,
};

static const uint8_t first_low[16] = {
    CARRY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4, // _0
    CARRY | OVERLONG_2,                           // _1
    X2(CARRY),                                    // _2, _3
    CARRY | TOO_LARGE,                            // _4
    X8(ABOVE),                                    // _5 to _C
    ABOVE | SURROGATE,                            // _D
    X2(ABOVE),                                    // _E, _F
};

static const uint8_t second_high[16] = {
    X8(TOO_SHORT),                                        // 0_ to 7_
    CONTINUED | OVERLONG_3 | OVERLONG_4 | TOO_LARGE_1000, // 8_
    CONTINUED | OVERLONG_3 | TOO_LARGE,                   // 9_
    X2(CONTINUED | SURROGATE | TOO_LARGE),                // A_, B_
    X4(TOO_SHORT),                                        // C_ to F_
};

#define BEFORE_FIRST_BYTES 3

#define AVX2  __attribute__((target("avx2")))
#define SSSE3 __attribute__((target("ssse3")))

AVX2 static inline __m256i load32(const uint8_t *bytes)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

AVX2 static inline __m256i look_up32(const uint8_t table[16], __m256i nibbles)
{
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)table);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(half), nibbles);
}

// Nonzero where a byte cannot follow the bytes before it.
AVX2 static inline __m256i errors32(const uint8_t *bytes)
{
    __m256i byte = load32(bytes), back3 = load32(bytes - 3);
    if (_mm256_movemask_epi8(_mm256_or_si256(byte, back3)) == 0)
        return _mm256_setzero_si256();

    __m256i back1 = load32(bytes - 1), back2 = load32(bytes - 2);
    __m256i nibble = _mm256_set1_epi8(0x0F);
    __m256i back1_high = _mm256_and_si256(_mm256_srli_epi16(back1, 4), nibble);
    __m256i byte_high = _mm256_and_si256(_mm256_srli_epi16(byte, 4), nibble);
    __m256i pairs =
        _mm256_and_si256(_mm256_and_si256(look_up32(first_high, back1_high),
                                          look_up32(first_low, _mm256_and_si256(back1, nibble))),
                         look_up32(second_high, byte_high));

    // Behind E_ or F_ two bytes ago, or F_ three bytes ago, two continuations in a row are due;
    // then TWO_CONTINUATIONS, the top bit, is no error but required.
    __m256i due = _mm256_or_si256(_mm256_subs_epu8(back2, _mm256_set1_epi8(0xE0 - 0x80)),
                                  _mm256_subs_epu8(back3, _mm256_set1_epi8(0xF0 - 0x80)));
    return _mm256_xor_si256(_mm256_and_si256(due, _mm256_set1_epi8((char)0x80)), pairs);
}

// Checks from cursor, with three bytes before it and at least a block to come. The last block
// overlaps the one before it.
AVX2 static bool blocks_valid32(const uint8_t *cursor, const uint8_t *end)
{
    __m256i errors = errors32(end - 32);
    for (; end - cursor > 32; cursor += 32)
        errors = _mm256_or_si256(errors, errors32(cursor));
    return _mm256_testz_si256(errors, errors);
}

// errors32 for 16 bytes.
SSSE3 static inline __m128i errors16(const uint8_t *bytes)
{
    __m128i byte = load_block(bytes), back3 = load_block(bytes - 3);
    if (_mm_movemask_epi8(_mm_or_si128(byte, back3)) == 0)
        return _mm_setzero_si128();

    __m128i back1 = load_block(bytes - 1), back2 = load_block(bytes - 2);
    __m128i nibble = _mm_set1_epi8(0x0F);
    __m128i back1_high = _mm_and_si128(_mm_srli_epi16(back1, 4), nibble);
    __m128i byte_high = _mm_and_si128(_mm_srli_epi16(byte, 4), nibble);
    __m128i pairs = _mm_and_si128(
        _mm_and_si128(_mm_shuffle_epi8(load_block(first_high), back1_high),
                      _mm_shuffle_epi8(load_block(first_low), _mm_and_si128(back1, nibble))),
        _mm_shuffle_epi8(load_block(second_high), byte_high));
    __m128i due = _mm_or_si128(_mm_subs_epu8(back2, _mm_set1_epi8(0xE0 - 0x80)),
                               _mm_subs_epu8(back3, _mm_set1_epi8(0xF0 - 0x80)));
    return _mm_xor_si128(_mm_and_si128(due, _mm_set1_epi8((char)0x80)), pairs);
}

// blocks_valid32 for processors without AVX2.
SSSE3 static bool blocks_valid16(const uint8_t *cursor, const uint8_t *end)
{
    __m128i errors = errors16(end - 16);
    for (; end - cursor > 16; cursor += 16)
        errors = _mm_or_si128(errors, errors16(cursor));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(errors, _mm_setzero_si128())) == 0xFFFF;
}

// Where the automaton has to start to be in the right state at `end`, given that the bytes before
// are valid as far as pairs of bytes tell. An invalid lead at the very end is left for it to find.
static const uint8_t *last_character(const uint8_t *end)
{
    for (int back = 1; back <= 3; back++) {
        if (end[-back] >= 0xC0)
            return end - back;
        if (end[-back] < 0x80)
            return end;
    }
    return end; // three continuations: a character of four bytes ends here
}

// Below this length the automaton is as fast.
#define VECTOR_MIN_BYTES 48

// `begin` stands at a character's border, and everything up to `cursor` is ASCII. Returns where the
// automaton has to go on, at a character's border; NULL when a byte is invalid.
static const uint8_t *feed_blocks(const uint8_t *begin, const uint8_t *cursor, const uint8_t *end)
{
    uint8_t state = BORDER;
    while (state != BAD && (cursor - begin < BEFORE_FIRST_BYTES || state != BORDER))
        state = step(state, *cursor++);
    if (state == BAD)
        return NULL;
    bool valid =
        __builtin_cpu_supports("avx2") ? blocks_valid32(cursor, end) : blocks_valid16(cursor, end);
    return valid ? last_character(end) : NULL;
}

static bool blocks_supported(void)
{
    return __builtin_cpu_supports("ssse3");
}

#else

// Elsewhere only the automaton and the ASCII skip; both are portable.
#define VECTOR_MIN_BYTES SIZE_MAX

static const uint8_t *feed_blocks(const uint8_t *begin, const uint8_t *cursor, const uint8_t *end)
{
    (void)begin, (void)end;
    return cursor;
}

static bool blocks_supported(void)
{
    return false;
}

#endif

bool utf8_feed(struct utf8_state *utf8, const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return true; // bytes may be NULL
    const uint8_t *begin = bytes, *end = bytes + len;
    while (begin < end && utf8->state != BORDER) {
        utf8->state = step(utf8->state, *begin++);
        if (utf8->state == BAD)
            return false;
    }
    const uint8_t *cursor = skip_ascii(begin, end);
    if ((size_t)(end - cursor) >= VECTOR_MIN_BYTES && blocks_supported()) {
        cursor = feed_blocks(begin, cursor, end);
        if (cursor == NULL)
            return false;
    }
    return utf8_feed_plain(utf8, cursor, (size_t)(end - cursor));
}

bool utf8_valid(const uint8_t *bytes, size_t len)
{
    struct utf8_state utf8 = {0};
    return utf8_feed(&utf8, bytes, len) && utf8_complete(&utf8);
}
