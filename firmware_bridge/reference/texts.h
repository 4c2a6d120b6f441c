/* Which texts stand on a panel: told by the hub, until it takes them back or starts anew. */
#ifndef HEARTHLINK_TEXTS_H
#define HEARTHLINK_TEXTS_H

#include "panel.h"

#define TEXTS_MAX 8 /* as many as the hub lets wait */
#define TEXT_BYTES_MAX 160

struct text {
    uint32_t message_id;
    uint8_t length; /* in bytes; no NUL ends them */
    char bytes[TEXT_BYTES_MAX];
};

/* The newest last; zeroed at the start. */
struct texts {
    struct text told[TEXTS_MAX];
    uint8_t count;
    bool has_session;
    uint32_t session;
};

/* Takes a WELCOME or a TEXT, and passes over the others; true where what stands is another now. */
bool texts_take(struct texts *texts, const struct panel_message *message);
/* The newest that stands: the one to show, and to answer by its id; NULL where none does. */
const struct text *texts_shown(const struct texts *texts);

#endif
