/* SPDX-License-Identifier: Apache-2.0 */
/* Text that is shown or written down: what must not be in it is taken out. */
#ifndef HMR_TEXT_H
#define HMR_TEXT_H

/* Takes user:password@ out of every URL in s, in place. */
void hmr_url_mask(char *s);

#endif
