/* Throws mutated frames and streams at the C reference; built with sanitizers.
 *
 * With libFuzzer (`make fuzz`) an input's first byte says what the others are: bit 0 a frame without
 * its CRC, else a stream as it came; bit 1 whether the panel was welcomed before. Without it, main()
 * mutates the frames that stdin gives as hex, from the seed and as often as the words say.
 */
#include "panel_codec.c"

#include <stdio.h>
#include <stdlib.h>

static void swallow(void *context, const uint8_t *bytes, size_t length)
{
    uint8_t *sum = context;
    while (length-- > 0)
        *sum = (uint8_t)(*sum + *bytes++);
}

static void swallow_message(void *context, const struct panel_message *message)
{
    for (unsigned key = 0; key < PANEL_FIELDS_MAX; key++)
        if (panel_knows(message, key) && message->value[key].text != NULL)
            swallow(context, (const uint8_t *)message->value[key].text,
                    (size_t)message->value[key].number);
}

/* What is decoded is encoded and decoded to the same again. */
static void check_round(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + 1), wire[PANEL_WIRE_MAX], again[PANEL_WIRE_MAX];
    struct panel_message first, second;
    memcpy(copy, bytes, size);
    if (panel_decode(copy, size, &first) == PANEL_GOOD) {
        const size_t length = panel_encode(&first, wire);
        memcpy(again, wire + 1, length - 2);
        if (length < 8 || panel_decode(again, length - 2, &second) != PANEL_GOOD ||
            second.known != first.known)
            abort();
    }
    free(copy);
}

static size_t seal(uint8_t *frame, size_t length, uint8_t out[PANEL_WIRE_MAX])
{
    const uint16_t crc = panel_crc(frame, length);
    frame[length] = (uint8_t)(crc >> 8);
    frame[length + 1] = (uint8_t)crc;
    return lay_cobs(out, frame, length + CRC);
}

static void welcome(struct panel *panel)
{
    struct panel_message message = {.type = PANEL_WELCOME};
    uint8_t wire[PANEL_WIRE_MAX];
    panel_set_number(&message, 0, PANEL_VERSION);
    panel_set_number(&message, 1, panel->boot_id);
    panel_set_number(&message, 3, 1);
    const size_t length = panel_encode(&message, wire);
    for (size_t i = 0; i < length; i++)
        panel_receive(panel, wire[i], 0);
}

/* Lets a panel hear a stream, press now and then, and let time pass. */
static void feed(const uint8_t *bytes, size_t size, bool is_welcome)
{
    static struct panel_message hello = {.type = PANEL_HELLO};
    struct panel panel;
    uint8_t sum = 0;
    const struct panel_port port = {&sum, swallow, swallow_message, swallow};
    panel_set_number(&hello, 0, 1);
    panel_set_number(&hello, 1, 1);
    panel_set_number(&hello, 4, 0xDEADBEEF);
    panel_start(&panel, &port, &hello, 0);
    if (is_welcome)
        welcome(&panel);
    if (size <= PANEL_COBS_MAX)
        check_round(bytes, size);
    for (size_t i = 0; i < size; i++) {
        panel_receive(&panel, bytes[i], (uint32_t)i);
        if (bytes[i] == 'p')
            panel_press(&panel, bytes[i], false, NULL, (uint32_t)i);
        panel_advance(&panel, (uint32_t)i * 50);
    }
}

#ifdef PANEL_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t out[PANEL_WIRE_MAX], *const frame = out + 3;
    if (size < 1)
        return 0;
    const bool is_frame = bytes[0] & 1, is_welcome = bytes[0] & 2;
    if (!is_frame) {
        feed(bytes + 1, size - 1, is_welcome);
    } else if (size - 1 <= PANEL_FRAME_MAX - CRC) {
        memcpy(frame, bytes + 1, size - 1);
        const size_t length = seal(frame, size - 1, out);
        check_round(out + 1, length - 2);
        feed(out, length, is_welcome);
    }
    return 0;
}
#else
#define SEEDS 64

static uint32_t state;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
}

static size_t mutate(uint8_t *bytes, size_t size, size_t most)
{
    for (uint32_t left = 1 + draw(3); left > 0; left--) {
        const uint32_t what = draw(4);
        if (what == 0 && size > 1)
            size = 1 + draw((uint32_t)size);
        else if (what == 1 && size < most)
            bytes[size++] = (uint8_t)draw(256);
        else
            bytes[draw((uint32_t)size)] = (uint8_t)draw(256);
    }
    return size;
}

/* Mutates most frames under their CRC, so that the body is looked at, and seals them anew. */
static size_t reseal(const uint8_t *wire, size_t size, uint8_t out[PANEL_WIRE_MAX])
{
    uint8_t *const frame = out + 3;
    memcpy(frame, wire + 1, size - 2);
    size_t length = panel_uncobs(frame, size - 2) - CRC;
    if (draw(4) > 0)
        length = mutate(frame, length, PANEL_FRAME_MAX - CRC);
    return seal(frame, length, out);
}

int main(int count, char **words)
{
    static uint8_t seeds[SEEDS][PANEL_WIRE_MAX];
    static size_t sizes[SEEDS];
    static char line[4 * PANEL_WIRE_MAX];
    uint32_t seed_count = 0;
    if (count != 3)
        return 2;
    while (seed_count < SEEDS && fgets(line, sizeof line, stdin) != NULL) {
        unsigned byte;
        size_t *size = &sizes[seed_count];
        while (sscanf(line + 2 * *size, "%2x", &byte) == 1)
            seeds[seed_count][(*size)++] = (uint8_t)byte;
        seed_count++;
    }
    state = (uint32_t)strtoul(words[1], NULL, 10) | 1;
    const unsigned long rounds = strtoul(words[2], NULL, 10);
    for (unsigned long round = 0; round < rounds; round++) {
        uint8_t stream[3 * PANEL_WIRE_MAX];
        size_t size = 0;
        for (int part = 0; part < 2; part++) {
            const uint32_t one = draw(seed_count);
            size += reseal(seeds[one], sizes[one], stream + size);
        }
        check_round(stream + 1, size > PANEL_COBS_MAX ? PANEL_COBS_MAX : size - 2);
        if (draw(2))
            size = mutate(stream, size, sizeof stream);
        feed(stream, size, draw(2));
    }
    printf("%lu rounds\n", rounds);
    return 0;
}
#endif
