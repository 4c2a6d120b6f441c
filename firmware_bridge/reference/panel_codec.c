/* Frames and bodies of the panel protocol: COBS, CRC-16/IBM-3740, deterministic CBOR maps. */
#include "panel.h"

#include <string.h>

#define HEAD 3
#define CRC 2
#define U8 0xFF
#define U16 0xFFFF
#define U32 0xFFFFFFFFLL
#define I32_LOW (-0x80000000LL)
#define I32_HIGH 0x7FFFFFFFLL
#define UNIX_HIGH 253402300799LL
#define MINUTE_HIGH 1439
#define OFFSET 1080

#define WHOLE(type, key, required, low, high) {type, key, PANEL_WHOLE, required, low, high}
#define WORDS(type, key, required, bytes) {type, key, PANEL_WORDS, required, 0, bytes}
#define FLAG(type, key) {type, key, PANEL_FLAG, 0, 0, 1}
#define ENERGY(key) WHOLE(PANEL_DISPLAY, key, 0, 0, U32)
#define MONEY(key) WHOLE(PANEL_DISPLAY, key, 0, I32_LOW, I32_HIGH)

const struct panel_field panel_fields[] = {
    WHOLE(PANEL_HELLO, 0, 1, 1, U8),
    WHOLE(PANEL_HELLO, 1, 1, 1, U8),
    WORDS(PANEL_HELLO, 2, 0, 16),
    WORDS(PANEL_HELLO, 3, 0, 16),
    WHOLE(PANEL_HELLO, 4, 1, 0, U32),
    WHOLE(PANEL_HELLO, 5, 0, 0, U32),
    WHOLE(PANEL_HELLO, 6, 0, PANEL_FRAME_MAX, U16),
    WHOLE(PANEL_HELLO, 7, 0, 0, U16),
    WHOLE(PANEL_HELLO, 8, 0, 0, U16),
    WHOLE(PANEL_HELLO, 9, 0, 0, U8),
    WHOLE(PANEL_WELCOME, 0, 1, 1, PANEL_VERSION_LAST),
    WHOLE(PANEL_WELCOME, 1, 1, 0, U32),
    WORDS(PANEL_WELCOME, 2, 0, 32),
    WHOLE(PANEL_WELCOME, 3, 1, 0, U32),
    WHOLE(PANEL_REFUSED, 0, 1, 1, PANEL_VERSION_LAST),
    WHOLE(PANEL_REFUSED, 1, 1, 1, PANEL_VERSION_LAST),
    WORDS(PANEL_REFUSED, 2, 0, 80),
    WHOLE(PANEL_ACK, 0, 1, 0, U8),
    WHOLE(PANEL_ACK, 1, 1, 0, U8),
    MONEY(PANEL_POWER_W),
    WHOLE(PANEL_DISPLAY, PANEL_LIGHT, 0, 0, 2),
    MONEY(PANEL_COST_PER_H_MILLIPENCE),
    ENERGY(PANEL_TODAY_WH),
    MONEY(PANEL_TODAY_MILLIPENCE),
    ENERGY(PANEL_YESTERDAY_WH),
    MONEY(PANEL_YESTERDAY_MILLIPENCE),
    ENERGY(PANEL_WEEK_WH),
    MONEY(PANEL_WEEK_MILLIPENCE),
    ENERGY(PANEL_MONTH_WH),
    MONEY(PANEL_MONTH_MILLIPENCE),
    ENERGY(PANEL_BUDGET_MILLIPENCE),
    ENERGY(PANEL_EXPORT_TODAY_WH),
    ENERGY(PANEL_GAS_TODAY_WH),
    MONEY(PANEL_GAS_TODAY_MILLIPENCE),
    WHOLE(PANEL_DISPLAY, PANEL_GAS_AS_OF_MIN, 0, 0, MINUTE_HIGH),
    MONEY(PANEL_RATE_MILLIPENCE_PER_KWH),
    WHOLE(PANEL_DISPLAY, PANEL_NEXT_CHEAP_MIN, 0, 0, MINUTE_HIGH),
    MONEY(PANEL_BALANCE_MILLIPENCE),
    MONEY(PANEL_EMERGENCY_MILLIPENCE),
    ENERGY(PANEL_DEBT_MILLIPENCE),
    ENERGY(PANEL_POWER_AGE_S),
    ENERGY(PANEL_GAS_AGE_S),
    WHOLE(PANEL_DISPLAY, PANEL_LINK, 0, 0, 2),
    WORDS(PANEL_DISPLAY, PANEL_CURRENCY, 0, 3),
    ENERGY(PANEL_SELF_USE_TODAY_WH),
    WHOLE(PANEL_TEXT, 0, 1, 0, U32),
    WORDS(PANEL_TEXT, 1, 1, 160),
    FLAG(PANEL_TEXT, 2),
    WHOLE(PANEL_TIME, 0, 1, 0, UNIX_HIGH),
    WHOLE(PANEL_TIME, 1, 1, -OFFSET, OFFSET),
    WHOLE(PANEL_TIME, 2, 0, -OFFSET, OFFSET),
    WHOLE(PANEL_TIME, 3, 0, 0, UNIX_HIGH),
    WHOLE(PANEL_BUTTON, 0, 1, 1, U32),
    WHOLE(PANEL_BUTTON, 1, 1, 0, U8),
    WHOLE(PANEL_BUTTON, 2, 1, 0, 1),
    WHOLE(PANEL_BUTTON, 3, 0, 0, U32),
    WHOLE(PANEL_STATUS, 0, 1, 0, U32),
    WHOLE(PANEL_STATUS, 1, 0, 0, U8),
    WHOLE(PANEL_STATUS, 2, 0, 0, U32),
    WHOLE(PANEL_STATUS, 3, 0, 0, U32),
    WHOLE(PANEL_STATUS, 4, 0, 0, U32),
    WHOLE(PANEL_LOG, 0, 1, 0, 4),
    WORDS(PANEL_LOG, 1, 1, 160),
    FLAG(PANEL_PING, 0),
};
const size_t panel_fields_count = sizeof panel_fields / sizeof panel_fields[0];

bool panel_knows(const struct panel_message *message, unsigned key)
{
    return key < PANEL_FIELDS_MAX && (message->known >> key & 1) != 0;
}

void panel_set_number(struct panel_message *message, unsigned key, int64_t number)
{
    panel_set_text(message, key, NULL, 0);
    message->value[key].number = number;
}

void panel_set_text(struct panel_message *message, unsigned key, const char *text, size_t length)
{
    message->known |= (uint32_t)1 << key;
    message->value[key].text = text;
    message->value[key].number = (int64_t)length;
}

uint16_t panel_crc(const uint8_t *bytes, size_t length)
{
    uint16_t crc = 0xFFFF;
    while (length-- > 0) {
        crc = (uint16_t)(crc ^ *bytes++ << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

size_t panel_uncobs(uint8_t *bytes, size_t length)
{
    size_t from = 0, to = 0;
    while (from < length) {
        const uint8_t code = bytes[from++];
        if (code == 0 || (size_t)(code - 1) > length - from)
            return PANEL_COBS_MAX + 1;
        for (uint8_t run = 1; run < code; run++) {
            if (bytes[from] == 0)
                return PANEL_COBS_MAX + 1;
            bytes[to++] = bytes[from++];
        }
        if (code != 0xFF && from < length)
            bytes[to++] = 0;
    }
    return to;
}

/* One item of a body: a cursor over `bytes`, and what was read last. */
struct cursor {
    const uint8_t *bytes;
    size_t place, length;
    uint8_t major;
    uint64_t argument;
    const char *text;
};

/* Reads a head in its shortest form; false where it is none, or one that no body may have. */
static bool read_head(struct cursor *at)
{
    if (at->place >= at->length)
        return false;
    const uint8_t first = at->bytes[at->place++], low = first & 31;
    at->major = first >> 5;
    at->argument = low;
    if (low < 24)
        return true;
    if (low > 27 || at->major == 7)
        return false;
    const size_t size = (size_t)1 << (low - 24);
    if (size > at->length - at->place)
        return false;
    at->argument = 0;
    for (size_t i = 0; i < size; i++)
        at->argument = at->argument << 8 | at->bytes[at->place++];
    static const uint64_t least[] = {24, 0x100, 0x10000, 0x100000000ULL};
    return at->argument >= least[low - 24];
}

/* Tells whether bytes are UTF-8 as RFC 3629 has it: nothing overlong, no surrogate. */
static bool is_utf8(const uint8_t *at, size_t length)
{
    size_t i = 0;
    while (i < length) {
        const uint8_t first = at[i++];
        if (first < 0x80)
            continue;
        const size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
        if (first < 0xC2 || first > 0xF4 || more > length - i)
            return false;
        const uint8_t second = at[i];
        if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
            (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
            return false;
        for (size_t n = 0; n < more; n++)
            if ((at[i++] & 0xC0) != 0x80)
                return false;
    }
    return true;
}

/* Reads a value: an integer, bytes, text, false, true or null. */
static bool read_value(struct cursor *at)
{
    if (!read_head(at))
        return false;
    if (at->major == 7)
        return at->argument >= 20 && at->argument <= 22;
    if (at->major > 3)
        return false;
    at->text = NULL;
    if (at->major < 2)
        return true;
    if (at->argument > at->length - at->place)
        return false;
    at->text = (const char *)at->bytes + at->place;
    at->place += (size_t)at->argument;
    return at->major == 2 || is_utf8((const uint8_t *)at->text, (size_t)at->argument);
}

/* Walks the whole map: keys rise, values are plain, nothing follows. */
static bool is_body(struct cursor at)
{
    if (!read_head(&at) || at.major != 5)
        return false;
    uint64_t last = 0;
    for (uint64_t left = at.argument, count = left; left > 0; left--) {
        if (!read_head(&at) || at.major != 0 || (left < count && at.argument <= last))
            return false;
        last = at.argument;
        if (!read_value(&at))
            return false;
    }
    return at.place == at.length;
}

static const struct panel_field *field_of(uint8_t type, uint64_t key)
{
    for (size_t i = 0; i < panel_fields_count; i++)
        if (panel_fields[i].type == type && panel_fields[i].key == key)
            return &panel_fields[i];
    return NULL;
}

/* Takes the value that was read last as the field's, if it is one. */
static bool take_value(const struct cursor *at, const struct panel_field *field,
                       struct panel_message *message)
{
    struct panel_value *value = &message->value[field->key];
    const bool is_flag = at->major == 7 && (at->argument == 20 || at->argument == 21);
    if (field->kind == PANEL_WORDS) {
        if (at->major != 3 || at->argument > (uint64_t)field->high)
            return false;
    } else if (field->kind == PANEL_FLAG ? !is_flag : at->major > 1 || at->argument > INT64_MAX) {
        return false;
    }
    const int64_t said = (int64_t)at->argument;
    value->text = field->kind == PANEL_WORDS ? at->text : NULL;
    value->number = is_flag ? said - 20 : at->major == 1 ? -1 - said : said;
    message->known |= (uint32_t)1 << field->key;
    return value->number >= field->low && value->number <= field->high;
}

static enum panel_fault read_body(struct cursor at, struct panel_message *message)
{
    if (!is_body(at))
        return PANEL_BODY;
    read_head(&at);
    for (uint64_t left = at.argument; left > 0; left--) {
        read_head(&at);
        const struct panel_field *field = field_of(message->type, at.argument);
        read_value(&at);
        if (field != NULL && !take_value(&at, field, message))
            return PANEL_FIELD;
    }
    for (size_t i = 0; i < panel_fields_count; i++) {
        const struct panel_field *field = &panel_fields[i];
        if (field->type == message->type && field->required && !panel_knows(message, field->key))
            return PANEL_MISSING;
    }
    return PANEL_GOOD;
}

enum panel_fault panel_decode(uint8_t *bytes, size_t length, struct panel_message *message)
{
    if (length > PANEL_COBS_MAX)
        return PANEL_LONG;
    length = panel_uncobs(bytes, length);
    if (length > PANEL_FRAME_MAX)
        return length > PANEL_COBS_MAX ? PANEL_COBS : PANEL_LONG;
    if (length < HEAD + 1 + CRC)
        return PANEL_SHORT;
    length -= CRC;
    if (panel_crc(bytes, length) != (bytes[length] << 8 | bytes[length + 1]))
        return PANEL_CRC;
    memset(message, 0, sizeof *message);
    message->version = bytes[0];
    message->type = bytes[1];
    message->sequence = bytes[2];
    if (message->version != PANEL_VERSION)
        return PANEL_OTHER_VERSION;
    if (message->type < PANEL_HELLO || message->type > PANEL_PING)
        return PANEL_NO_TYPE;
    const struct cursor body = {.bytes = bytes + HEAD, .length = length - HEAD};
    return read_body(body, message);
}

/* Writes a head in its shortest form; false where there is no room. */
static bool write_head(uint8_t **to, const uint8_t *end, uint8_t major, uint64_t argument)
{
    const unsigned power = argument < 24           ? 0
                           : argument < 0x100      ? 1
                           : argument < 0x10000    ? 2
                           : argument < 0x100000000ULL ? 3
                                                    : 4;
    const size_t size = power == 0 ? 0 : (size_t)1 << (power - 1);
    if ((size_t)(end - *to) < 1 + size)
        return false;
    const unsigned low = power == 0 ? (unsigned)argument : 23 + power;
    *(*to)++ = (uint8_t)((unsigned)major << 5 | low);
    for (size_t i = size; i > 0; i--)
        *(*to)++ = (uint8_t)(argument >> (8 * (i - 1)));
    return true;
}

static bool write_value(uint8_t **to, const uint8_t *end, const struct panel_field *field,
                        const struct panel_value *value)
{
    if (value->number < field->low || value->number > field->high)
        return false;
    if (field->kind == PANEL_FLAG)
        return write_head(to, end, 7, 20 + (uint64_t)value->number);
    if (field->kind == PANEL_WHOLE)
        return value->number < 0 ? write_head(to, end, 1, (uint64_t)(-1 - value->number))
                                 : write_head(to, end, 0, (uint64_t)value->number);
    const size_t length = (size_t)value->number;
    if (!write_head(to, end, 3, length) || (size_t)(end - *to) < length)
        return false;
    if (length > 0)
        memcpy(*to, value->text, length);
    *to += length;
    return true;
}

/* Lays COBS over a frame that stands two bytes behind where its code bytes begin. */
static size_t lay_cobs(uint8_t *wire, const uint8_t *frame, size_t length)
{
    size_t code_at = 1, to = 2;
    uint8_t code = 1;
    wire[0] = 0;
    for (size_t from = 0; from < length; from++) {
        if (code == 0xFF) {
            wire[code_at] = code;
            code_at = to++;
            code = 1;
        }
        if (frame[from] == 0) {
            wire[code_at] = code;
            code_at = to++;
            code = 1;
        } else {
            wire[to++] = frame[from];
            code++;
        }
    }
    wire[code_at] = code;
    wire[to++] = 0;
    return to;
}

size_t panel_encode(const struct panel_message *message, uint8_t wire[PANEL_WIRE_MAX])
{
    uint8_t *const frame = wire + 3, *to = frame + HEAD;
    const uint8_t *const end = frame + PANEL_FRAME_MAX - CRC;
    unsigned count = 0;
    for (size_t i = 0; i < panel_fields_count; i++)
        count += panel_fields[i].type == message->type && panel_knows(message, panel_fields[i].key);
    frame[0] = PANEL_VERSION;
    frame[1] = message->type;
    frame[2] = message->sequence;
    if (!write_head(&to, end, 5, count))
        return 0;
    for (size_t i = 0; i < panel_fields_count; i++) {
        const struct panel_field *field = &panel_fields[i];
        if (field->type != message->type || !panel_knows(message, field->key))
            continue;
        if (!write_head(&to, end, 0, field->key) ||
            !write_value(&to, end, field, &message->value[field->key]))
            return 0;
    }
    const size_t length = (size_t)(to - frame);
    const uint16_t crc = panel_crc(frame, length);
    *to++ = (uint8_t)(crc >> 8);
    *to++ = (uint8_t)crc;
    return lay_cobs(wire, frame, length + CRC);
}
