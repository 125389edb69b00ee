/* SPDX-License-Identifier: Apache-2.0 */
/* Text that is shown or written down: what must not be in it is taken out. */
#ifndef HMR_TEXT_H
#define HMR_TEXT_H

/* Takes user:password@ out of every URL in s, in place. */
void hmr_url_mask(char *s);

/* Bytes of the control character that s begins with, one of UTF-8's second row too,
 * which move a terminal's cursor as well; 0: it begins with another. */
int hmr_control_bytes(const char *s);

#endif
