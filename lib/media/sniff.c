/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The size of a PNG or JPEG from its header, EXIF orientation applied: what a
 * folder's largest image is must be known before the first is sent, and
 * decoding every image twice would be slow. Every read is bounded.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "media/media.h"

static uint32_t
be(const uint8_t *p, int n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static bool
sniff_png(int fd, uint32_t *w, uint32_t *h)
{
	uint8_t b[24];

	if (pread(fd, b, sizeof(b), 0) != sizeof(b) || memcmp(b + 12, "IHDR", 4))
		return false;
	*w = be(b + 16, 4);
	*h = be(b + 20, 4);
	return true;
}

/* Tag 0x112 of the first directory of a TIFF header. */
static int
exif_orientation(const uint8_t *p, size_t n)
{
	bool little;
	uint32_t at, count;

	if (n < 14 || memcmp(p, "Exif\0", 6))
		return 1;
	p += 6;
	n -= 6;
	little = p[0] == 'I';
#define U16(q) (little ? (uint32_t)hmr_get16(q) : be(q, 2))
#define U32(q) (little ? hmr_get32(q) : be(q, 4))
	at = U32(p + 4);
	if (at > n - 2 || U16(p + 2) != 42)
		return 1;
	count = U16(p + at);
	for (at += 2; count && n - at >= 12; count--, at += 12)
		if (U16(p + at) == 0x112)
			return (int)U16(p + at + 8);
#undef U16
#undef U32
	return 1;
}

static bool
sniff_jpeg(int fd, uint32_t *w, uint32_t *h)
{
	uint8_t b[4096];
	off_t at = 2;
	int orientation = 1;

	for (int i = 0; i < 1000; i++) {
		ssize_t got = pread(fd, b, sizeof(b), at);
		uint32_t n;
		uint8_t m;

		if (got < 10 || b[0] != 0xff)
			return false;
		m = b[1];
		if (m == 0xff) {	/* padding */
			at++;
			continue;
		}
		n = be(b + 2, 2);
		if (n < 2 || m == 0xd9 || m == 0xda)
			return false;
		if (m >= 0xc0 && m <= 0xcf && m != 0xc4 && m != 0xc8 && m != 0xcc) {
			bool turned = orientation >= 5 && orientation <= 8;

			*w = be(b + (turned ? 5 : 7), 2);
			*h = be(b + (turned ? 7 : 5), 2);
			return *w && *h;
		}
		if (m == 0xe1)
			orientation = exif_orientation(b + 4,
				(size_t)got - 4 < n - 2 ? (size_t)got - 4 : n - 2);
		at += 2 + (off_t)n;
	}
	return false;
}

bool
media_sniff(const char *path, uint32_t *w, uint32_t *h)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t b[8];
	bool ok = false;

	if (fd < 0)
		return false;
	if (pread(fd, b, sizeof(b), 0) == sizeof(b)) {
		if (!memcmp(b, "\x89PNG\r\n\x1a\n", 8))
			ok = sniff_png(fd, w, h);
		else if (b[0] == 0xff && b[1] == 0xd8)
			ok = sniff_jpeg(fd, w, h);
	}
	close(fd);
	return ok && *w <= HMR_IMAGE_MAX_SIDE && *h <= HMR_IMAGE_MAX_SIDE && *w && *h;
}
