/* The host program's picture of a panel: lines of text, as text and as a PNG. Not for firmware. */
#ifndef HEARTHLINK_PICTURE_H
#define HEARTHLINK_PICTURE_H

#include <stdio.h>

#include "panel.h"

#define PICTURE_LINES 10
#define PICTURE_COLUMNS 26
#define PICTURE_TOLD_FIRST 2 /* a message stands from here on, in place of the table */
#define PICTURE_TOLD_LINES 7

struct picture {
    char line[PICTURE_LINES][PICTURE_COLUMNS + 1];
    char told[PICTURE_TOLD_LINES][PICTURE_COLUMNS + 1];
    bool is_told;
};

/* What a display says, line by line; "NO DATA" where `display` is NULL. */
void picture_draw(struct picture *picture, const struct panel_message *display);
/* A message of UTF-8 over the table, until NULL takes it away: in capitals, wrapped between words,
 * `?` for what the panel has no sign for. */
void picture_tell(struct picture *picture, const char *text, size_t length);
void picture_print(const struct picture *picture, FILE *out);
/* Writes a grey PNG without compression; false where the file cannot be written. */
bool picture_write_png(const struct picture *picture, const char *path);

#endif
