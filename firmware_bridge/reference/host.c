/* A panel on this machine: `panel run` plays one on a terminal or its own stdin and stdout, `panel
 * check` and `panel split` read frames and streams as hex and say what they are, `panel fields`
 * prints the table of fields. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "panel.h"
#include "picture.h"
#include "texts.h"

#define STEP_MS 20
#define STATUS_MS 60000
#define STREAM_MAX 1024

struct host {
    int in, out;
    const char *png;
    bool is_blank;
    struct picture picture;
    struct texts texts;
};

static uint32_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static void write_line(void *context, const uint8_t *bytes, size_t length)
{
    const struct host *host = context;
    while (length > 0) {
        const ssize_t done = write(host->out, bytes, length);
        if (done <= 0)
            exit(1);
        bytes += done;
        length -= (size_t)done;
    }
}

/* Prints a message as "type sequence key=value …", texts as hex. */
static void print_message(const struct panel_message *message, FILE *out)
{
    fprintf(out, "%u %u", message->type, message->sequence);
    for (unsigned key = 0; key < PANEL_FIELDS_MAX; key++) {
        const struct panel_value *value = &message->value[key];
        if (!panel_knows(message, key))
            continue;
        fprintf(out, " %u=", key);
        if (value->text == NULL)
            fprintf(out, "%" PRId64, value->number);
        else
            for (int64_t i = 0; i < value->number; i++)
                fprintf(out, "%s%02x", i == 0 ? "x" : "", (unsigned char)value->text[i]);
        if (value->text != NULL && value->number == 0)
            fputc('x', out);
    }
    fputc('\n', out);
    fflush(out);
}

static void show(const struct host *host)
{
    if (host->png != NULL && !picture_write_png(&host->picture, host->png))
        exit(1);
}

static void draw(struct host *host, const struct panel_message *display)
{
    host->is_blank = display == NULL;
    picture_draw(&host->picture, display);
    show(host);
}

static void take(void *context, const struct panel_message *message)
{
    struct host *host = context;
    print_message(message, stderr);
    if (message->type == PANEL_DISPLAY)
        draw(host, message);
    if (texts_take(&host->texts, message)) {
        const struct text *text = texts_shown(&host->texts);
        picture_tell(&host->picture, text != NULL ? text->bytes : NULL,
                     text != NULL ? text->length : 0);
        show(host);
    }
}

static int open_terminal(const char *path)
{
    const int line = open(path, O_RDWR | O_NOCTTY);
    struct termios settings;
    if (line < 0 || tcgetattr(line, &settings) != 0) {
        perror(path);
        exit(1);
    }
    cfmakeraw(&settings);
    cfsetspeed(&settings, B115200);
    tcsetattr(line, TCSANOW, &settings);
    return line;
}

/* Tells the hub how this end is: its bad frames show which direction of the line is at fault. */
static void say_status(struct panel *panel, uint32_t uptime_s)
{
    struct panel_message status = {.type = PANEL_STATUS};
    panel_set_number(&status, 0, uptime_s);
    panel_set_number(&status, 2, panel->bad_frames);
    panel_set_number(&status, 3, panel->presses_dropped);
    panel_say(panel, &status);
}

static void begin(struct panel *panel, const struct panel_port *port)
{
    struct panel_message hello = {.type = PANEL_HELLO};
    panel_set_number(&hello, 0, PANEL_VERSION);
    panel_set_number(&hello, 1, PANEL_VERSION);
    panel_set_text(&hello, 2, "host", 4);
    panel_set_text(&hello, 3, "1.0.0", 5);
    panel_set_number(&hello, 4, (int64_t)(monotonic_ms() ^ (uint32_t)getpid() << 16));
    panel_set_number(&hello, 5, 1 | 4 | 8);
    panel_set_number(&hello, 6, PANEL_FRAME_MAX);
    panel_start(panel, port, &hello, monotonic_ms());
}

/* Plays a panel until its line ends; `presses` is how often its button is pressed at first. */
static int run(struct host *host, unsigned presses)
{
    static struct panel panel;
    const struct panel_port port = {host, write_line, take, NULL};
    const uint32_t started_ms = monotonic_ms();
    uint32_t told_ms = started_ms - STATUS_MS;
    begin(&panel, &port);
    for (;;) {
        struct pollfd ready = {.fd = host->in, .events = POLLIN};
        uint8_t bytes[256];
        panel_advance(&panel, monotonic_ms());
        if (!host->is_blank && panel_has_no_news(&panel, monotonic_ms()))
            draw(host, NULL);
        for (; panel.welcome && presses > 0 && panel.presses_count < PANEL_PRESSES_MAX; presses--)
            panel_press(&panel, 1, false, NULL, monotonic_ms());
        if (panel.welcome && monotonic_ms() - told_ms >= STATUS_MS) {
            told_ms = monotonic_ms();
            say_status(&panel, (told_ms - started_ms) / 1000);
        }
        if (poll(&ready, 1, STEP_MS) <= 0)
            continue;
        const ssize_t count = read(host->in, bytes, sizeof bytes);
        if (count <= 0)
            break;
        for (ssize_t i = 0; i < count; i++)
            panel_receive(&panel, bytes[i], monotonic_ms());
    }
    picture_print(&host->picture, stderr);
    return 0;
}

static size_t read_hex(const char *text, uint8_t *bytes, size_t most)
{
    size_t count = 0;
    unsigned byte;
    while (count < most && sscanf(text + 2 * count, "%2x", &byte) == 1)
        bytes[count++] = (uint8_t)byte;
    return count;
}

/* Says of each line of hex (what lies between two delimiters) its fault, or the message in it and
 * the bytes that this code writes for it. */
static int check(void)
{
    static const char *const faults[] = {"good", "long",    "cobs", "short", "crc",
                                         "version", "type", "body", "field", "missing"};
    static char line[4 * PANEL_COBS_MAX];
    while (fgets(line, sizeof line, stdin) != NULL) {
        uint8_t bytes[PANEL_COBS_MAX + 1], wire[PANEL_WIRE_MAX];
        struct panel_message message;
        const size_t length = read_hex(line, bytes, sizeof bytes);
        const enum panel_fault fault = panel_decode(bytes, length, &message);
        printf("%s ", faults[fault]);
        if (fault == PANEL_GOOD) {
            const size_t written = panel_encode(&message, wire);
            for (size_t i = 0; i < written; i++)
                printf("%02x", wire[i]);
            fputc(' ', stdout);
            print_message(&message, stdout);
        } else {
            fputc('\n', stdout);
        }
    }
    return 0;
}

static void print_smp(void *context, const uint8_t *bytes, size_t length)
{
    (void)context;
    for (size_t i = 0; i < length; i++)
        printf("%02x", bytes[i]);
    fputc(' ', stdout);
}

static void ignore_message(void *context, const struct panel_message *message)
{
    (void)context;
    (void)message;
}

static void ignore_bytes(void *context, const uint8_t *bytes, size_t length)
{
    (void)context;
    (void)bytes;
    (void)length;
}

/* Says of each line of hex (what a UART carried) the SMP lines in it, good and bad frames. */
static int split(void)
{
    static struct panel panel;
    static const struct panel_message hello = {.type = PANEL_HELLO};
    static const struct panel_port port = {NULL, ignore_bytes, ignore_message, print_smp};
    static char line[2 * STREAM_MAX + 2];
    while (fgets(line, sizeof line, stdin) != NULL) {
        uint8_t bytes[STREAM_MAX];
        const size_t length = read_hex(line, bytes, sizeof bytes);
        panel_start(&panel, &port, &hello, 0);
        for (size_t i = 0; i < length; i++)
            panel_receive(&panel, bytes[i], 0);
        printf("%" PRIu32 " good %" PRIu32 " bad\n", panel.good_frames, panel.bad_frames);
    }
    return 0;
}

static int print_fields(void)
{
    printf("ram %zu\n", sizeof(struct panel));
    for (size_t i = 0; i < panel_fields_count; i++) {
        const struct panel_field *field = &panel_fields[i];
        printf("%u %u %u %u %" PRId64 " %" PRId64 "\n", field->type, field->key, field->kind,
               field->required, field->low, field->high);
    }
    return 0;
}

int main(int count, char **words)
{
    struct host host = {.in = STDIN_FILENO, .out = STDOUT_FILENO};
    unsigned presses = 0;
    if (count == 2 && strcmp(words[1], "check") == 0)
        return check();
    if (count == 2 && strcmp(words[1], "split") == 0)
        return split();
    if (count == 2 && strcmp(words[1], "fields") == 0)
        return print_fields();
    if (count < 2 || strcmp(words[1], "run") != 0) {
        fputs("usage: panel run [--line PATH] [--png FILE] [--press N] | check | split | fields\n",
              stderr);
        return 2;
    }
    for (int i = 2; i + 1 < count; i += 2) {
        if (strcmp(words[i], "--line") == 0)
            host.in = host.out = open_terminal(words[i + 1]);
        else if (strcmp(words[i], "--png") == 0)
            host.png = words[i + 1];
        else if (strcmp(words[i], "--press") == 0)
            presses = (unsigned)strtoul(words[i + 1], NULL, 10);
    }
    draw(&host, NULL);
    return run(&host, presses);
}
