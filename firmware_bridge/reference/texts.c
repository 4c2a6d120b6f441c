/* Keeps the texts that stand, the newest last; where there is no room the oldest goes. */
#include "texts.h"

#include <string.h>

static void remove_at(struct texts *texts, unsigned place)
{
    texts->count--;
    memmove(&texts->told[place], &texts->told[place + 1],
            (texts->count - place) * sizeof texts->told[0]);
}

static bool take_back(struct texts *texts, uint32_t message_id)
{
    for (unsigned place = 0; place < texts->count; place++) {
        if (texts->told[place].message_id == message_id) {
            remove_at(texts, place);
            return true;
        }
    }
    return false;
}

/* A hub that was started anew says again what stands. */
static bool enter(struct texts *texts, uint32_t session)
{
    const bool has_forgotten = texts->has_session && texts->session != session && texts->count > 0;
    if (!texts->has_session || texts->session != session)
        texts->count = 0;
    texts->has_session = true;
    texts->session = session;
    return has_forgotten;
}

bool texts_take(struct texts *texts, const struct panel_message *message)
{
    const struct panel_value *value = message->value;
    if (message->type == PANEL_WELCOME)
        return enter(texts, (uint32_t)value[3].number);
    if (message->type != PANEL_TEXT)
        return false;
    const uint32_t message_id = (uint32_t)value[0].number;
    const bool has_gone = take_back(texts, message_id);
    if (value[1].number == 0)
        return has_gone;
    if (texts->count == TEXTS_MAX)
        remove_at(texts, 0);
    struct text *text = &texts->told[texts->count++];
    text->message_id = message_id;
    text->length = (uint8_t)value[1].number; /* the table of fields bounds it */
    memcpy(text->bytes, value[1].text, text->length);
    return true;
}

const struct text *texts_shown(const struct texts *texts)
{
    return texts->count > 0 ? &texts->told[texts->count - 1] : NULL;
}
