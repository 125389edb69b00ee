/* SPDX-License-Identifier: Apache-2.0 */
/* What hmr-info says, as text and as JSON. */
#include <cjson/cJSON.h>
#include <inttypes.h>

#include "base/num.h"
#include "base/text.h"
#include "info.h"
#include "stream/record.h"

static double
seconds(const struct hmr_head *h, int64_t pts)
{
	const struct hmr_head_info *i = hmr_head_info(h);

	return (double)pts * i->tb_num / i->tb_den;
}

void
info_print_frame(FILE *out, const struct hmr_head *h, const struct hmr_frame *f,
		 const struct info_rows *n, bool json)
{
	char tag[5];

	if (json)
		fprintf(out, "{\"frame\":%" PRIu64 ",\"pts\":%" PRId64 ",\"time\":%.6f,"
			"\"width\":%u,\"height\":%u,\"people\":%u,\"bodies\":%u,"
			"\"tracks\":%u,\"sections\":[", f->number, f->pts,
			seconds(h, f->pts), f->width, f->height, n->people,
			n->bodies, n->tracks);
	else
		fprintf(out, "%8" PRIu64 " %12" PRId64 " %12.6f %5ux%-5u %6u %6u %6u  ",
			f->number, f->pts, seconds(h, f->pts), f->width, f->height,
			n->people, n->bodies, n->tracks);
	for (uint32_t i = 0; i < f->n; i++) {
		const char *sep = i ? "," : "";

		hmr_tag_text(f->section[i].tag, tag);
		if (json)
			fprintf(out, "%s{\"tag\":\"%s\",\"bytes\":%" PRIu64 "}", sep,
				tag, f->section[i].stored);
		else
			fprintf(out, "%s%s:%" PRIu64, sep, tag, f->section[i].stored);
	}
	fputs(json ? "]}\n" : "\n", out);
}

/* Text from a stream, which may be anything: what would move a terminal's cursor or
 * look like a line of ours is masked. */
static void
put(FILE *out, const char *label, const char *text)
{
	fputs(label, out);
	while (*text) {
		int k = hmr_control_bytes(text);

		fputc(k ? '?' : *text, out);
		text += k ? k : 1;
	}
}

static void
print_stages(FILE *out, const struct hmr_head *h)
{
	const cJSON *stages = cJSON_GetObjectItemCaseSensitive(
		hmr_head_object((struct hmr_head *)(uintptr_t)h), "stages");
	static const char *const keys[] = { "model", "decoder", "backend", "precision", "body" };
	const cJSON *s;

	cJSON_ArrayForEach(s, stages) {
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(s, "name"));
		const char *version = cJSON_GetStringValue(cJSON_GetObjectItem(s, "version"));

		put(out, "  stage     ", name ? name : "?");
		put(out, " ", version ? version : "?");
		for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++) {
			const char *v = cJSON_GetStringValue(cJSON_GetObjectItem(s, keys[k]));

			if (v) {
				fprintf(out, ", %s", keys[k]);
				put(out, " ", v);
			}
		}
		fputc('\n', out);
	}
}

void
info_print_text(FILE *out, const struct hmr_head *h, const struct info_segment *g,
		const struct hmr_end *end, enum hmr_status st)
{
	const struct hmr_head_info *i = hmr_head_info(h);
	char tag[5];

	put(out, "segment\n  source    ", i->source);
	if (i->width && i->height)
		fprintf(out, "\n  size      %ux%u\n  rate      ", i->width, i->height);
	else
		fputs("\n  size      not known\n  rate      ", out);
	if (i->rate_num)
		fprintf(out, "%d/%d frames a second", i->rate_num, i->rate_den);
	else
		fputs("not known", out);
	fprintf(out, ", time base %d/%d s\n", i->tb_num, i->tb_den);
	print_stages(out, h);
	fprintf(out, "  frames    %" PRIu64, g->frames);
	if (g->frames)
		fprintf(out, ", number %" PRIu64 " to %" PRIu64 ", %.3f to %.3f s",
			g->first, g->last, seconds(h, g->pts_first),
			seconds(h, g->pts_last));
	fputc('\n', out);
	for (uint32_t k = 0; k < g->n_tags; k++)
		fprintf(out, "  section   %s in %" PRIu64 " frames, %" PRIu64 " bytes\n",
			hmr_tag_text(g->tag[k], tag), g->count[k], g->bytes[k]);
	fprintf(out, "  people    %" PRIu64 ", at most %" PRIu64 " in a frame; %" PRIu64
		" bodies; %" PRIu64 " identities\n", g->people, g->people_max, g->bodies,
		g->ids);
	if (st == HMR_EOF)
		fprintf(out, "  end       complete\n");
	else if (st == HMR_E_UPSTREAM) {
		put(out, "  end       failed: ", end->stage);
		put(out, ": ", end->message);
		fputc('\n', out);
	} else
		fprintf(out, "  end       missing\n");
}

void
info_print_json(FILE *out, struct hmr_head *h, const struct info_segment *g,
		const struct hmr_end *end, enum hmr_status st)
{
	cJSON *o = cJSON_CreateObject(), *s;
	char tag[5], *text;

	cJSON_AddItemReferenceToObject(o, "header", hmr_head_object(h));
	cJSON_AddNumberToObject(o, "frames", (double)g->frames);
	if (g->frames) {
		cJSON_AddNumberToObject(o, "frame_first", (double)g->first);
		cJSON_AddNumberToObject(o, "frame_last", (double)g->last);
		cJSON_AddNumberToObject(o, "time_first", seconds(h, g->pts_first));
		cJSON_AddNumberToObject(o, "time_last", seconds(h, g->pts_last));
	}
	s = cJSON_AddObjectToObject(o, "sections");
	for (uint32_t k = 0; k < g->n_tags; k++) {
		cJSON *x = cJSON_AddObjectToObject(s, hmr_tag_text(g->tag[k], tag));

		cJSON_AddNumberToObject(x, "frames", (double)g->count[k]);
		cJSON_AddNumberToObject(x, "bytes", (double)g->bytes[k]);
	}
	cJSON_AddNumberToObject(o, "people", (double)g->people);
	cJSON_AddNumberToObject(o, "people_max", (double)g->people_max);
	cJSON_AddNumberToObject(o, "bodies", (double)g->bodies);
	cJSON_AddNumberToObject(o, "identities", (double)g->ids);
	cJSON_AddStringToObject(o, "status", st == HMR_EOF ? "complete" :
				st == HMR_E_UPSTREAM ? "failed" : "broken");
	if (st == HMR_E_UPSTREAM) {
		cJSON_AddStringToObject(o, "stage", end->stage);
		cJSON_AddStringToObject(o, "message", end->message);
	}
	if ((text = cJSON_PrintUnformatted(o)))
		fprintf(out, "%s\n", text);
	cJSON_free(text);
	cJSON_Delete(o);
}
