/* A panel whose clock and line are lines of stdin: "boot ID MS" (or "odd ID MS", with a
 * board whose name is too long), "at MS", "rx HEX", "press BUTTON", "answer ID", "news". Prints what it writes ("tx HEX"), takes ("took TYPE SEQUENCE"), and is asked for. */
#include "panel.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_hex(const char *what, const uint8_t *bytes, size_t length)
{
    printf("%s ", what);
    while (length-- > 0)
        printf("%02x", *bytes++);
    putchar('\n');
}

static void write_line(void *context, const uint8_t *bytes, size_t length)
{
    (void)context;
    if (length > 0)
        print_hex("tx", bytes, length);
}

static void take_line(void *context, const uint8_t *bytes, size_t length)
{
    (void)context;
    print_hex("smp", bytes, length);
}

static void take(void *context, const struct panel_message *message)
{
    (void)context;
    printf("took %u %u\n", message->type, message->sequence);
}

static void receive(struct panel *panel, const char *hex, uint32_t now_ms)
{
    unsigned byte;
    for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        panel_receive(panel, (uint8_t)byte, now_ms);
}

/* HELLO is gone from the stack when this returns: the panel must have kept what it needs of it. */
static bool start(struct panel *panel, bool is_odd, uint32_t boot_id, uint32_t now_ms)
{
    static const struct panel_port port = {NULL, write_line, take, take_line};
    struct panel_message hello = {.type = PANEL_HELLO};
    char board[] = "drive-with-a-long-name";
    panel_set_number(&hello, 0, PANEL_VERSION);
    panel_set_number(&hello, 1, PANEL_VERSION);
    panel_set_text(&hello, 2, board, is_odd ? strlen(board) : 5);
    panel_set_number(&hello, 4, boot_id);
    const bool is_started = panel_start(panel, &port, &hello, now_ms);
    memset(&hello, 0xA5, sizeof hello);
    memset(board, 0xA5, sizeof board);
    return is_started;
}

int main(void)
{
    static struct panel panel;
    static char line[4 * PANEL_WIRE_MAX];
    uint32_t now_ms = 0, number = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        const bool is_odd = line[0] == 'o';
        if (sscanf(line, is_odd ? "odd %" SCNu32 " %" SCNu32 : "boot %" SCNu32 " %" SCNu32, &number,
                   &now_ms) == 2) {
            printf("boot %d\n", start(&panel, is_odd, number, now_ms));
        } else if (sscanf(line, "at %" SCNu32, &now_ms) == 1) {
            panel_advance(&panel, now_ms);
        } else if (strncmp(line, "rx ", 3) == 0) {
            receive(&panel, line + 3, now_ms);
        } else if (sscanf(line, "press %" SCNu32, &number) == 1) {
            printf("press %d\n", panel_press(&panel, (uint8_t)number, false, NULL, now_ms));
        } else if (sscanf(line, "answer %" SCNu32, &number) == 1) {
            printf("press %d\n", panel_press(&panel, 2, true, &number, now_ms));
        } else {
            printf("welcome %d stale %d\n", panel.welcome, panel_has_no_news(&panel, now_ms));
        }
    }
    return 0;
}
