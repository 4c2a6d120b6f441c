/* Hearthlink panel protocol, version 1: the panel's side, for a microcontroller.
 *
 * C99, no allocation, no dependency but the freestanding headers, memcpy and memset. One
 * `struct panel` is all the RAM it needs beside the stack. The specification is docs/reference/panel.md; the vectors
 * beside it say byte for byte what this code and the hub's agree on.
 *
 * Give every received byte to panel_receive(), call panel_advance() at least every 50 ms, and
 * implement the functions of `struct panel_port`. None of this is safe to call from an interrupt.
 */
#ifndef HEARTHLINK_PANEL_H
#define HEARTHLINK_PANEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PANEL_VERSION 1
#define PANEL_VERSION_LAST 8
#define PANEL_FRAME_MAX 256
#define PANEL_COBS_MAX (PANEL_FRAME_MAX + 2)
#define PANEL_WIRE_MAX (PANEL_COBS_MAX + 2)
#define PANEL_FIELDS_MAX 26
#define PANEL_PRESSES_MAX 8
#define PANEL_HELLO_MAX 80 /* the longest HELLO takes 78 bytes of the line */
#define PANEL_RAM_MAX 2048

enum panel_type {
    PANEL_HELLO = 0x01,
    PANEL_WELCOME = 0x02,
    PANEL_REFUSED = 0x03,
    PANEL_ACK = 0x04,
    PANEL_DISPLAY = 0x05,
    PANEL_TEXT = 0x06,
    PANEL_TIME = 0x07,
    PANEL_BUTTON = 0x08,
    PANEL_STATUS = 0x09,
    PANEL_LOG = 0x0A,
    PANEL_PING = 0x0B
};

/* Keys of DISPLAY; those of the other messages are few and stand in the specification. */
enum panel_display_key {
    PANEL_POWER_W = 0,
    PANEL_LIGHT = 1,
    PANEL_COST_PER_H_MILLIPENCE = 2,
    PANEL_TODAY_WH = 3,
    PANEL_TODAY_MILLIPENCE = 4,
    PANEL_YESTERDAY_WH = 5,
    PANEL_YESTERDAY_MILLIPENCE = 6,
    PANEL_WEEK_WH = 7,
    PANEL_WEEK_MILLIPENCE = 8,
    PANEL_MONTH_WH = 9,
    PANEL_MONTH_MILLIPENCE = 10,
    PANEL_BUDGET_MILLIPENCE = 11,
    PANEL_EXPORT_TODAY_WH = 12,
    PANEL_GAS_TODAY_WH = 13,
    PANEL_GAS_TODAY_MILLIPENCE = 14,
    PANEL_GAS_AS_OF_MIN = 15,
    PANEL_RATE_MILLIPENCE_PER_KWH = 16,
    PANEL_NEXT_CHEAP_MIN = 17,
    PANEL_BALANCE_MILLIPENCE = 18,
    PANEL_EMERGENCY_MILLIPENCE = 19,
    PANEL_DEBT_MILLIPENCE = 20,
    PANEL_POWER_AGE_S = 21,
    PANEL_GAS_AGE_S = 22,
    PANEL_LINK = 23,
    PANEL_CURRENCY = 24,
    PANEL_SELF_USE_TODAY_WH = 25
};

/* What is wrong with a frame; the first that holds is told. */
enum panel_fault {
    PANEL_GOOD,
    PANEL_LONG,
    PANEL_COBS,
    PANEL_SHORT,
    PANEL_CRC,
    PANEL_OTHER_VERSION,
    PANEL_NO_TYPE,
    PANEL_BODY,
    PANEL_FIELD,
    PANEL_MISSING
};

enum panel_kind { PANEL_WHOLE, PANEL_WORDS, PANEL_FLAG };

/* An integer or flag in `number`; of a text its place and its length in bytes (no NUL ends it). */
struct panel_value {
    const char *text;
    int64_t number;
};

/* `known` has bit n set where the message has key n; texts point into the frame it was read from. */
struct panel_message {
    uint8_t version, type, sequence;
    uint32_t known;
    struct panel_value value[PANEL_FIELDS_MAX];
};

/* One row of the table of fields: what a key may hold, in bytes for texts. */
struct panel_field {
    uint8_t type, key, kind, required;
    int64_t low, high;
};

extern const struct panel_field panel_fields[];
extern const size_t panel_fields_count;

bool panel_knows(const struct panel_message *message, unsigned key);
void panel_set_number(struct panel_message *message, unsigned key, int64_t number);
void panel_set_text(struct panel_message *message, unsigned key, const char *text, size_t length);

uint16_t panel_crc(const uint8_t *bytes, size_t length);
/* Undoes COBS in place; returns the length, or PANEL_COBS_MAX + 1 where it is none. */
size_t panel_uncobs(uint8_t *bytes, size_t length);
/* Reads what lies between two delimiters, in place: texts of `message` point into `bytes`. */
enum panel_fault panel_decode(uint8_t *bytes, size_t length, struct panel_message *message);
/* Writes a message with its delimiters; returns its length, 0 where it does not fit. */
size_t panel_encode(const struct panel_message *message, uint8_t wire[PANEL_WIRE_MAX]);

struct panel_port {
    void *context;
    /* Writes to the UART; may block as long as the bytes take. */
    void (*write)(void *context, const uint8_t *bytes, size_t length);
    /* A message that is new: each once, in order; it is acknowledged already, so that drawing may
     * take its time. Texts are gone when it returns. */
    void (*take)(void *context, const struct panel_message *message);
    /* A line of SMP, as it came, for the updater; NULL where there is none. */
    void (*take_line)(void *context, const uint8_t *bytes, size_t length);
};

struct panel_press {
    uint32_t event_id, message_id;
    uint8_t button, is_long, answers;
};

struct panel {
    struct panel_port port;
    struct panel_message message;      /* the one being read */
    struct panel_message reply;        /* the one being written */
    uint8_t chunk[PANEL_COBS_MAX + 1]; /* received since the last zero or line end */
    uint8_t wire[PANEL_WIRE_MAX];      /* the frame being written, or under way */
    uint8_t scratch[PANEL_WIRE_MAX];
    uint8_t hello[PANEL_HELLO_MAX], hello_length;
    uint16_t chunk_length, wire_length;
    bool opened, welcome, underway, has_session, has_shown;
    uint8_t sequence, tries, presses_first, presses_count;
    int16_t last_sequence;
    uint32_t boot_id, session, event_id;
    uint32_t hello_at_ms, heard_at_ms, shown_at_ms, sent_at_ms;
    uint32_t good_frames, bad_frames, presses_dropped; /* for STATUS */
    struct panel_press presses[PANEL_PRESSES_MAX];
};

/* The build ends here where a panel would need more RAM than is promised. */
typedef char panel_fits_its_ram[sizeof(struct panel) <= PANEL_RAM_MAX ? 1 : -1];

/* `hello` must carry a boot id (key 4) that is new with every start; it is not needed any more when
 * this returns. False where a value of it is out of its range: such a panel says nothing. */
bool panel_start(struct panel *panel, const struct panel_port *port,
                 const struct panel_message *hello, uint32_t now_ms);
void panel_receive(struct panel *panel, uint8_t byte, uint32_t now_ms);
void panel_advance(struct panel *panel, uint32_t now_ms);
/* Reports a button; false where too many wait. `message_id` answers a text, NULL for none. */
bool panel_press(struct panel *panel, uint8_t button, bool is_long, const uint32_t *message_id,
                 uint32_t now_ms);
/* Sends STATUS or LOG, which nobody acknowledges; false while there is no hub. */
bool panel_say(struct panel *panel, const struct panel_message *message);
/* True where what was shown last is a minute old: show "no data" and no number. */
bool panel_has_no_news(const struct panel *panel, uint32_t now_ms);

#endif
