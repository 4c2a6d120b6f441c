/* The host program's picture of a panel: lines of text, as text and as a PNG. Not for firmware. */
#ifndef HEARTHLINK_PICTURE_H
#define HEARTHLINK_PICTURE_H

#include <stdio.h>

#include "panel.h"

#define PICTURE_LINES 10
#define PICTURE_COLUMNS 26

struct picture {
    char line[PICTURE_LINES][PICTURE_COLUMNS + 1];
};

/* What a display says, line by line; "NO DATA" where `display` is NULL. */
void picture_draw(struct picture *picture, const struct panel_message *display);
void picture_print(const struct picture *picture, FILE *out);
/* Writes a grey PNG without compression; false where the file cannot be written. */
bool picture_write_png(const struct picture *picture, const char *path);

#endif
