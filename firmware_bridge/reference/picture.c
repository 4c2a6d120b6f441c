/* Draws a panel as text, and as a PNG (stored deflate blocks, so that no library is needed). */
#include "picture.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define SCALE 4
#define CELL_W (4 * SCALE)
#define CELL_H (6 * SCALE)
#define MARGIN 8
#define WIDTH (PICTURE_COLUMNS * CELL_W + 2 * MARGIN)
#define HEIGHT (PICTURE_LINES * CELL_H + 2 * MARGIN)
#define ROW (1 + WIDTH)
#define SPELT_MAX 256 /* 160 bytes of UTF-8 are fewer signs: two bytes become three at most */

static const char known_signs[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:,!?'/()+% ";

static void put(struct picture *picture, int line, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(picture->line[line], sizeof picture->line[line], format, values);
    va_end(values);
}

/* Writes thousandths with three digits behind the point: W as kW, Wh as kWh. */
static const char *thousandths(const struct panel_message *display, unsigned key, char text[24])
{
    const int64_t value = display->value[key].number, size = value < 0 ? -value : value;
    if (panel_knows(display, key))
        snprintf(text, 24, "%s%" PRId64 ".%03" PRId64, value < 0 ? "-" : "", size / 1000,
                 size % 1000);
    else
        strcpy(text, "--");
    return text;
}

/* Writes millipence as the currency's unit with two digits, half away from zero. */
static const char *money(const struct panel_message *display, unsigned key, char text[24])
{
    const int64_t value = display->value[key].number, size = value < 0 ? -value : value;
    const int64_t pence = (size + 500) / 1000;
    if (panel_knows(display, key))
        snprintf(text, 24, "%s%" PRId64 ".%02" PRId64, value < 0 ? "-" : "", pence / 100,
                 pence % 100);
    else
        strcpy(text, "--");
    return text;
}

static void put_period(struct picture *picture, int line, const char *name,
                       const struct panel_message *display, unsigned key)
{
    char energy[24], cost[24];
    put(picture, line, "%-6.6s%9.9s%8.8s", name, thousandths(display, key, energy),
        money(display, key + 1, cost));
}

void picture_draw(struct picture *picture, const struct panel_message *display)
{
    static const char *const lights[] = {"LOW", "MEDIUM", "HIGH"};
    static const char *const links[] = {"OK", "METER SILENT", "OFFLINE"};
    char text[24];
    memset(picture->line, 0, sizeof picture->line);
    if (display == NULL) {
        put(picture, 0, "NO DATA");
        return;
    }
    put(picture, 0, "NOW %s KW %s", thousandths(display, PANEL_POWER_W, text),
        panel_knows(display, PANEL_LIGHT) ? lights[display->value[PANEL_LIGHT].number] : "");
    put(picture, 1, "PER HOUR %s", money(display, PANEL_COST_PER_H_MILLIPENCE, text));
    put(picture, 2, "%15s%8.*s", "KWH", (int)display->value[PANEL_CURRENCY].number,
        panel_knows(display, PANEL_CURRENCY) ? display->value[PANEL_CURRENCY].text : "");
    put_period(picture, 3, "TODAY", display, PANEL_TODAY_WH);
    put_period(picture, 4, "YEST.", display, PANEL_YESTERDAY_WH);
    put_period(picture, 5, "WEEK", display, PANEL_WEEK_WH);
    put_period(picture, 6, "MONTH", display, PANEL_MONTH_WH);
    put_period(picture, 7, "GAS", display, PANEL_GAS_TODAY_WH);
    if (panel_knows(display, PANEL_GAS_AS_OF_MIN)) {
        const int minute = (int)display->value[PANEL_GAS_AS_OF_MIN].number;
        put(picture, 8, "GAS AS OF %02d:%02d", minute / 60, minute % 60);
    }
    if (panel_knows(display, PANEL_LINK))
        put(picture, 9, "METER %s", links[display->value[PANEL_LINK].number]);
}

/* How a panel without the sign writes it; the ellipsis ends what the hub had to cut. */
struct spelling {
    const char *sign, *letters;
};

static const struct spelling spellings[] = {{"\xC2\xA3", "GBP"},
                                            {"\xE2\x82\xAC", "EUR"},
                                            {"\xE2\x80\xA6", "..."},
                                            {"\xE2\x80\x99", "'"}};

/* Writes the sign at `at` as one to three of the panel's own; returns how many bytes it took. */
static size_t spell(const char *at, size_t left, char letters[4])
{
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        const size_t length = strlen(spellings[i].sign);
        if (length <= left && memcmp(at, spellings[i].sign, length) == 0) {
            strcpy(letters, spellings[i].letters);
            return length;
        }
    }
    const char sign = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    letters[0] = sign != '\0' && strchr(known_signs, sign) != NULL ? sign : '?';
    letters[1] = '\0';
    size_t taken = 1;
    while (taken < left && ((unsigned char)at[taken] & 0xC0) == 0x80)
        taken++; /* the rest of a character that takes several bytes */
    return taken;
}

/* Says how much of `at` goes into a line: up to a space, or all of it that fits of a long word. */
static size_t fitting(const char *at)
{
    size_t length = strlen(at);
    if (length <= PICTURE_COLUMNS)
        return length;
    for (length = PICTURE_COLUMNS; length > 0 && at[length] != ' '; length--)
        continue;
    return length > 0 ? length : PICTURE_COLUMNS;
}

void picture_tell(struct picture *picture, const char *text, size_t length)
{
    char written[SPELT_MAX + 4] = "";
    size_t count = 0;
    picture->is_told = text != NULL;
    for (size_t at = 0; picture->is_told && at < length && count < SPELT_MAX;) {
        at += spell(text + at, length - at, written + count);
        count += strlen(written + count);
    }
    const char *at = written;
    for (int line = 0; line < PICTURE_TOLD_LINES; line++) {
        char *told = picture->told[line];
        const size_t fits = fitting(at);
        memcpy(told, at, fits);
        told[fits] = '\0';
        for (at += fits; *at == ' ';)
            at++;
    }
    if (*at != '\0') {
        char *last = picture->told[PICTURE_TOLD_LINES - 1];
        const size_t end = strlen(last);
        strcpy(last + (end < PICTURE_COLUMNS - 3 ? end : PICTURE_COLUMNS - 3), "...");
    }
}

/* The line as it is seen: of the message where one stands there. */
static const char *line_of(const struct picture *picture, int line)
{
    const int place = line - PICTURE_TOLD_FIRST;
    if (picture->is_told && place >= 0 && place < PICTURE_TOLD_LINES)
        return picture->told[place];
    return picture->line[line];
}

void picture_print(const struct picture *picture, FILE *out)
{
    for (int line = 0; line < PICTURE_LINES; line++)
        fprintf(out, "| %-*s |\n", PICTURE_COLUMNS, line_of(picture, line));
    fflush(out);
}

/* Five rows of three dots, the top row in the highest bits, for what a panel writes. */
static unsigned glyph(char sign)
{
    static const unsigned short dots[] = {
        0x7B6F, 0x2C97, 0x73E7, 0x73CF, 0x5BC9, 0x79CF, 0x79EF, 0x7252, 0x7BEF, 0x7BCF,
        0x2BED, 0x6BAE, 0x3923, 0x6B6E, 0x79A7, 0x79A4, 0x396B, 0x5BED, 0x7497, 0x126A,
        0x5BAD, 0x4927, 0x5FED, 0x6B6D, 0x2B6A, 0x6BA4, 0x2B73, 0x6BAD, 0x388E, 0x7492,
        0x5B6F, 0x5B6A, 0x5BFD, 0x5AAD, 0x5A92, 0x72A7, 0x0002, 0x01C0, 0x0410,
        0x0014, 0x2482, 0x6282, 0x2400, 0x12A4, 0x1491, 0x4494, 0x05D0, 0x52A5, 0x0000};
    const char *found = sign ? strchr(known_signs, sign) : NULL;
    return found ? dots[found - known_signs] : 0;
}

static bool is_lit(const struct picture *picture, int x, int y)
{
    const int left = x - MARGIN, top = y - MARGIN;
    if (left < 0 || top < 0 || left >= PICTURE_COLUMNS * CELL_W || top >= PICTURE_LINES * CELL_H)
        return false;
    const char *line = line_of(picture, top / CELL_H);
    const int column = left / CELL_W, dot_x = left % CELL_W / SCALE, dot_y = top % CELL_H / SCALE;
    if ((size_t)column >= strlen(line) || dot_x > 2 || dot_y > 4)
        return false;
    return glyph(line[column]) >> (14 - dot_y * 3 - dot_x) & 1;
}

/* A PNG chunk while it is written: its CRC-32 goes along. */
struct chunk {
    FILE *out;
    uint32_t crc;
};

static void put_byte(struct chunk *chunk, uint8_t byte)
{
    chunk->crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        chunk->crc = chunk->crc & 1 ? chunk->crc >> 1 ^ 0xEDB88320U : chunk->crc >> 1;
    fputc(byte, chunk->out);
}

static void put_u32(struct chunk *chunk, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        put_byte(chunk, (uint8_t)(value >> shift));
}

static void begin_chunk(struct chunk *chunk, uint32_t length, const char *kind)
{
    put_u32(chunk, length);
    chunk->crc = 0xFFFFFFFFU;
    for (int i = 0; i < 4; i++)
        put_byte(chunk, (uint8_t)kind[i]);
}

static void end_chunk(struct chunk *chunk)
{
    put_u32(chunk, ~chunk->crc);
}

/* Each row is a stored block of deflate; the Adler-32 of all rows ends the stream. */
static void put_rows(struct chunk *chunk, const struct picture *picture)
{
    uint32_t low = 1, high = 0;
    put_byte(chunk, 0x78);
    put_byte(chunk, 0x01);
    for (int y = 0; y < HEIGHT; y++) {
        put_byte(chunk, y == HEIGHT - 1);
        put_byte(chunk, ROW & 0xFF);
        put_byte(chunk, ROW >> 8);
        put_byte(chunk, ~ROW & 0xFF);
        put_byte(chunk, ~ROW >> 8 & 0xFF);
        for (int i = 0; i < ROW; i++) {
            const uint8_t byte = i == 0 ? 0 : is_lit(picture, i - 1, y) ? 0x10 : 0xE8;
            put_byte(chunk, byte);
            low = (low + byte) % 65521;
            high = (high + low) % 65521;
        }
    }
    put_u32(chunk, high << 16 | low);
}

bool picture_write_png(const struct picture *picture, const char *path)
{
    char part[FILENAME_MAX];
    const int length = snprintf(part, sizeof part, "%s.part", path);
    FILE *out = length < (int)sizeof part ? fopen(part, "wb") : NULL;
    if (out == NULL)
        return false;
    struct chunk chunk = {.out = out};
    fwrite("\x89PNG\r\n\x1a\n", 1, 8, out);
    begin_chunk(&chunk, 13, "IHDR");
    put_u32(&chunk, WIDTH);
    put_u32(&chunk, HEIGHT);
    static const uint8_t grey[] = {8, 0, 0, 0, 0};
    for (size_t i = 0; i < sizeof grey; i++)
        put_byte(&chunk, grey[i]);
    end_chunk(&chunk);
    begin_chunk(&chunk, 2 + HEIGHT * (5 + ROW) + 4, "IDAT");
    put_rows(&chunk, picture);
    end_chunk(&chunk);
    begin_chunk(&chunk, 0, "IEND");
    end_chunk(&chunk);
    const bool is_written = ferror(out) == 0;
    /* Whole under its own name: who looks at it sees no half of one. */
    return fclose(out) == 0 && is_written && rename(part, path) == 0;
}
