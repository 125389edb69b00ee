/* SPDX-License-Identifier: Apache-2.0 */
/* Scores as text and as one JSON object; what is not known is "-" and null. */
#include <math.h>

#include "eval/bodies.h"

static const char *
name_of(enum hmr_eval_set set, int j)
{
	return set == HMR_EVAL_24 ? hmr_body_joint_name(j) : hmr_body_point_name(j);
}

static double
share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : NAN;
}

static void
cell(FILE *f, int width, double v, int decimals)
{
	if (isfinite(v))
		fprintf(f, " %*.*f", width, decimals, v);
	else
		fprintf(f, " %*s", width, "-");
}

static void
each_text(FILE *f, const struct hmr_eval_scores *s, enum hmr_eval_set set)
{
	fprintf(f, "\n%-20s  MPJPE     PA %7s %7s %7s   conf\n", "joint",
		s->offsets_of_pelvis ? "left" : "x", s->offsets_of_pelvis ? "up" : "y",
		s->offsets_of_pelvis ? "front" : "z");
	for (int i = 0; i < s->joints; i++) {
		int j = hmr_eval_joint(set, i);
		const struct hmr_eval_joint *o = &s->joint[j];

		if (o->n)
			fprintf(f, "%-20s %6.1f %6.1f %7.1f %7.1f %7.1f %6.2f\n",
				name_of(set, j), o->error, o->pa, o->offset[0],
				o->offset[1], o->offset[2], o->conf);
	}
	if (!s->conf_n)
		return;
	fprintf(f, "\n%-20s  MPJPE joints\n", "joint_conf");
	for (int i = 0; i < HMR_EVAL_TENTHS; i++)
		if (s->tenth[i].n)
			fprintf(f, "%.1f to %.1f           %6.1f %6llu\n", i * 0.1,
				(i + 1) * 0.1, s->tenth[i].error,
				(unsigned long long)s->tenth[i].n);
}

void
hmr_eval_print_text(FILE *f, const struct hmr_eval_scores *s, enum hmr_eval_set set,
		    bool each)
{
	fputs(" MPJPE median PA-MPJPE median    PVE  accel  PCK5 PCK10 pelvis  rank\n", f);
	cell(f, 5, s->mpjpe, 1);
	cell(f, 6, s->mpjpe_median, 1);
	cell(f, 8, s->pa_mpjpe, 1);
	cell(f, 6, s->pa_median, 1);
	cell(f, 6, s->pve, 1);
	cell(f, 6, s->accel, 1);
	cell(f, 5, 100 * s->pck05, 1);
	cell(f, 5, 100 * s->pck10, 1);
	cell(f, 6, s->pelvis, 1);
	cell(f, 5, s->conf_rank, 2);
	fputs("\n found  truth bodies  pairs frames\n", f);
	cell(f, 5, 100 * share(s->matched, s->truth), 1);
	fprintf(f, " %6llu %6llu %6llu %6llu\n", (unsigned long long)s->truth,
		(unsigned long long)s->bodies, (unsigned long long)s->matched,
		(unsigned long long)s->frames);
	if (each)
		each_text(f, s, set);
}

static void
number(FILE *f, const char *key, double v)
{
	if (isfinite(v))
		fprintf(f, ",\"%s\":%.6f", key, v);
	else
		fprintf(f, ",\"%s\":null", key);
}

static void
count(FILE *f, const char *key, uint64_t n)
{
	fprintf(f, ",\"%s\":%llu", key, (unsigned long long)n);
}

static void
each_json(FILE *f, const struct hmr_eval_scores *s, enum hmr_eval_set set)
{
	const char *between = "";

	fprintf(f, ",\"offset_axes\":\"%s\",\"each\":[",
		s->offsets_of_pelvis ? "pelvis" : "camera");
	for (int i = 0; i < s->joints; i++) {
		int j = hmr_eval_joint(set, i);
		const struct hmr_eval_joint *o = &s->joint[j];

		if (!o->n)
			continue;
		fprintf(f, "%s{\"joint\":\"%s\",\"n\":%llu,\"mpjpe\":%.6f,\"pa_mpjpe\":%.6f,"
			"\"offset\":[%.6f,%.6f,%.6f],\"joint_conf\":%.6f}", between,
			name_of(set, j), (unsigned long long)o->n, o->error, o->pa,
			o->offset[0], o->offset[1], o->offset[2], o->conf);
		between = ",";
	}
	fputs("],\"by_conf\":[", f);
	for (int i = 0; i < HMR_EVAL_TENTHS; i++)
		fprintf(f, "%s{\"n\":%llu,\"mpjpe\":%.6f}", i ? "," : "",
			(unsigned long long)s->tenth[i].n, s->tenth[i].error);
	fputs("]", f);
}

void
hmr_eval_print_json(FILE *f, const struct hmr_eval_scores *s, enum hmr_eval_set set,
		    bool each)
{
	fprintf(f, "{\"joints\":%d", s->joints);
	number(f, "mpjpe", s->mpjpe);
	number(f, "mpjpe_median", s->mpjpe_median);
	number(f, "pa_mpjpe", s->pa_mpjpe);
	number(f, "pa_mpjpe_median", s->pa_median);
	number(f, "pve", s->pve);
	number(f, "accel", s->accel);
	number(f, "pck05", s->pck05);
	number(f, "pck10", s->pck10);
	number(f, "pelvis", s->pelvis);
	number(f, "conf_rank", s->conf_rank);
	number(f, "found", share(s->matched, s->truth));
	count(f, "truth", s->truth);
	count(f, "bodies", s->bodies);
	count(f, "pairs", s->matched);
	count(f, "frames", s->frames);
	if (each)
		each_json(f, s, set);
	fputs("}\n", f);
}
