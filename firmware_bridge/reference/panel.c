/* The panel's end of the link: HELLO until welcomed, stop and wait, each message once. */
#include "panel.h"

#include <string.h>

#define RESEND_MS 100
#define RESENDS_MAX 3
#define HELLO_MS 500
#define REFUSED_MS 60000
#define HUB_SILENT_MS 15000
#define NO_NEWS_MS 60000
#define LINE_END 0x0A

/* Unsigned differences stay right when the millisecond counter wraps after 49 days. */
static bool has_come(uint32_t now_ms, uint32_t then_ms)
{
    return now_ms - then_ms < 0x80000000U;
}

static void say_hello(struct panel *panel, uint32_t now_ms)
{
    panel->port.write(panel->port.context, panel->hello, panel->hello_length);
    panel->hello_at_ms = now_ms + HELLO_MS;
}

static void acknowledge(struct panel *panel, uint8_t sequence, uint8_t type)
{
    struct panel_message *ack = &panel->reply;
    memset(ack, 0, sizeof *ack);
    ack->type = PANEL_ACK;
    panel_set_number(ack, 0, sequence);
    panel_set_number(ack, 1, type);
    const size_t length = panel_encode(ack, panel->scratch);
    panel->port.write(panel->port.context, panel->scratch, length);
}

static void write_underway(struct panel *panel, uint32_t now_ms)
{
    panel->sent_at_ms = now_ms;
    panel->port.write(panel->port.context, panel->wire, panel->wire_length);
}

/* Sends the oldest press that waits, if nothing is under way. */
static void send_next(struct panel *panel, uint32_t now_ms)
{
    if (!panel->welcome || panel->underway || panel->presses_count == 0)
        return;
    const struct panel_press *press = &panel->presses[panel->presses_first];
    struct panel_message *button = &panel->reply;
    memset(button, 0, sizeof *button);
    button->type = PANEL_BUTTON;
    button->sequence = ++panel->sequence;
    panel_set_number(button, 0, press->event_id);
    panel_set_number(button, 1, press->button);
    panel_set_number(button, 2, press->is_long);
    if (press->answers)
        panel_set_number(button, 3, press->message_id);
    panel->wire_length = (uint16_t)panel_encode(button, panel->wire);
    panel->presses_first = (uint8_t)((panel->presses_first + 1) % PANEL_PRESSES_MAX);
    panel->presses_count--;
    panel->underway = true;
    panel->tries = 0;
    write_underway(panel, now_ms);
}

static void enter(struct panel *panel, uint32_t now_ms)
{
    const struct panel_value *value = panel->message.value;
    if ((uint32_t)value[1].number != panel->boot_id)
        return;
    if (!panel->has_session || panel->session != (uint32_t)value[3].number) {
        panel->has_session = true;
        panel->session = (uint32_t)value[3].number;
        panel->last_sequence = -1;
    }
    panel->welcome = true;
    panel->port.take(panel->port.context, &panel->message);
    if (panel->underway) {
        panel->tries = 0;
        write_underway(panel, now_ms);
    }
}

/* Acknowledges a message, and hands it on if it is another than the one before. */
static void take(struct panel *panel, uint32_t now_ms)
{
    const uint8_t sequence = panel->message.sequence, type = panel->message.type;
    const bool is_new = sequence != panel->last_sequence;
    panel->last_sequence = sequence;
    if (type == PANEL_DISPLAY) {
        panel->has_shown = true;
        panel->shown_at_ms = now_ms;
    }
    acknowledge(panel, sequence, type);
    if (is_new && type != PANEL_PING)
        panel->port.take(panel->port.context, &panel->message);
}

static void obey(struct panel *panel, uint32_t now_ms)
{
    const struct panel_message *message = &panel->message;
    panel->heard_at_ms = now_ms;
    switch (message->type) {
    case PANEL_WELCOME:
        enter(panel, now_ms);
        break;
    case PANEL_REFUSED:
        panel->welcome = false;
        panel->hello_at_ms = now_ms + REFUSED_MS;
        panel->port.take(panel->port.context, message);
        break;
    case PANEL_ACK:
        if (message->value[0].number == panel->sequence && message->value[1].number == PANEL_BUTTON)
            panel->underway = false;
        break;
    case PANEL_PING:
        if (message->value[0].number) {
            say_hello(panel, now_ms);
            break;
        }
        /* fall through */
    case PANEL_DISPLAY:
    case PANEL_TEXT:
    case PANEL_TIME:
        if (panel->welcome)
            take(panel, now_ms);
        break;
    default:
        break;
    }
}

static bool is_smp(const struct panel *panel)
{
    const uint8_t *at = panel->chunk;
    return panel->chunk_length >= 2 &&
           ((at[0] == 0x06 && at[1] == 0x09) || (at[0] == 0x04 && at[1] == 0x14));
}

/* Tells by its second byte, the version, whether the chunk can still become a frame. */
static bool may_be_frame(const struct panel *panel)
{
    return panel->opened && (panel->chunk_length < 2 ||
                             (panel->chunk[1] >= 1 && panel->chunk[1] <= PANEL_VERSION_LAST));
}

static void end_chunk(struct panel *panel, bool opened, uint32_t now_ms)
{
    const size_t length = panel->chunk_length;
    if (length > 0 && may_be_frame(panel)) {
        if (panel_decode(panel->chunk, length, &panel->message) == PANEL_GOOD) {
            panel->good_frames++;
            obey(panel, now_ms);
        } else {
            panel->bad_frames++;
        }
    } else if (length > 0 && is_smp(panel) && panel->chunk[length - 1] == LINE_END) {
        if (panel->port.take_line != NULL)
            panel->port.take_line(panel->port.context, panel->chunk, length);
    }
    panel->chunk_length = 0;
    panel->opened = opened;
}

bool panel_start(struct panel *panel, const struct panel_port *port,
                 const struct panel_message *hello, uint32_t now_ms)
{
    memset(panel, 0, sizeof *panel);
    panel->port = *port;
    const size_t length = panel_encode(hello, panel->scratch);
    if (length > sizeof panel->hello)
        return false; /* some other message */
    memcpy(panel->hello, panel->scratch, length);
    panel->hello_length = (uint8_t)length;
    panel->boot_id = (uint32_t)hello->value[4].number;
    panel->last_sequence = -1;
    panel->hello_at_ms = now_ms;
    return length > 0;
}

void panel_receive(struct panel *panel, uint8_t byte, uint32_t now_ms)
{
    if (byte == 0) {
        end_chunk(panel, true, now_ms);
    } else {
        panel->chunk[panel->chunk_length++] = byte;
        if ((byte == LINE_END && !may_be_frame(panel)) || panel->chunk_length > PANEL_COBS_MAX)
            end_chunk(panel, false, now_ms);
    }
    send_next(panel, now_ms);
}

void panel_advance(struct panel *panel, uint32_t now_ms)
{
    if (panel->welcome && has_come(now_ms, panel->heard_at_ms + HUB_SILENT_MS)) {
        panel->welcome = false;
        panel->hello_at_ms = now_ms;
    }
    if (panel->welcome && panel->underway && has_come(now_ms, panel->sent_at_ms + RESEND_MS)) {
        if (panel->tries < RESENDS_MAX) {
            panel->tries++;
            write_underway(panel, now_ms);
        } else {
            panel->welcome = false;
            panel->hello_at_ms = now_ms;
        }
    }
    if (!panel->welcome && has_come(now_ms, panel->hello_at_ms))
        say_hello(panel, now_ms);
}

bool panel_press(struct panel *panel, uint8_t button, bool is_long, const uint32_t *message_id,
                 uint32_t now_ms)
{
    if (panel->presses_count == PANEL_PRESSES_MAX) {
        panel->presses_dropped++;
        return false;
    }
    const uint8_t place = (uint8_t)((panel->presses_first + panel->presses_count++) %
                                    PANEL_PRESSES_MAX);
    struct panel_press *press = &panel->presses[place];
    press->event_id = ++panel->event_id;
    press->button = button;
    press->is_long = is_long;
    press->answers = message_id != NULL;
    press->message_id = message_id != NULL ? *message_id : 0;
    send_next(panel, now_ms);
    return true;
}

bool panel_say(struct panel *panel, const struct panel_message *message)
{
    const size_t length = panel->welcome ? panel_encode(message, panel->scratch) : 0;
    if (length > 0)
        panel->port.write(panel->port.context, panel->scratch, length);
    return length > 0;
}

bool panel_has_no_news(const struct panel *panel, uint32_t now_ms)
{
    return !panel->has_shown || has_come(now_ms, panel->shown_at_ms + NO_NEWS_MS);
}
