/* SPDX-License-Identifier: Apache-2.0
 *
 * All backends of a suite with one another on random packets under random keys: the same bytes from each, and
 * what one has sealed each other opens.
 */
#include "sample.h"

#include "crypto-backends/backends.h"

enum { PACKETS = 8, ROOM = 70000, ROUNDS = 16 };

/* One stream of packets, and what a subject made of it. */
struct stream {
	uint32_t lengths[PACKETS], seq;
	uint64_t number, block;
	uint8_t *plain[PACKETS];
};

static uint8_t *sealed[SUBJECTS_MAX][PACKETS];
static uint64_t random_state = 77;

/* Mostly short, now and then long; numbers from anywhere. */
static void stream_draw(struct stream *s, const haw_suite *suite)
{
	static const uint32_t below[] = {40, 300, 300, 2000, 2000, 9000, 35000, 66000};

	s->seq = draw(&random_state, UINT32_MAX);
	s->number = draw(&random_state, 1u << draw(&random_state, 31));
	s->block = draw(&random_state, 1u << draw(&random_state, 31)) * UINT64_C(77);
	for (int i = 0; i < PACKETS; i++) {
		s->lengths[i] = fit_length(suite, 1 + draw(&random_state, below[draw(&random_state, 8)]));
		s->plain[i] = malloc(ROOM);
		fill_packet(s->plain[i], s->lengths[i], draw(&random_state, UINT32_MAX));
	}
}

static void stream_free(struct stream *s)
{
	for (int i = 0; i < PACKETS; i++)
		free(s->plain[i]);
}

static bool stream_fits(const struct stream *s, const struct subject *subject)
{
	for (int i = 0; i < PACKETS; i++)
		if (!subject_takes(subject, s->lengths[i]))
			return false;
	return true;
}

/* Jobs over the stream, each input or output cut where chance has it. */
static void stream_jobs(const struct stream *s, const haw_suite *suite, bool seals, uint8_t *const *in,
			uint8_t *const *out, haw_job *jobs, haw_job **list)
{
	uint64_t block = s->block;

	for (unsigned i = 0; i < PACKETS; i++) {
		size_t packet = HAW_LENGTH_SIZE + (size_t)s->lengths[i], wire = packet + suite->tag_size,
		       in_len = seals ? packet : wire, out_len = seals ? wire : packet,
		       in_cut = draw(&random_state, (uint32_t)in_len + 1),
		       out_cut = draw(&random_state, (uint32_t)out_len + 1);

		set_numbers(&jobs[i], s->lengths[i], s->seq + i, s->number + i, block);
		jobs[i].in[0] = (haw_span){in[i], in_cut};
		jobs[i].in[1] = (haw_span){in[i] + in_cut, in_len - in_cut};
		jobs[i].out[0] = (haw_mut_span){out[i], out_cut};
		jobs[i].out[1] = (haw_mut_span){out[i] + out_cut, out_len - out_cut};
		jobs[i].in_count = jobs[i].out_count = 2;
		list[i] = &jobs[i];
		block += blocks_of(suite, s->lengths[i]);
	}
}

static bool all_done(const haw_job *jobs)
{
	for (int i = 0; i < PACKETS; i++)
		if (jobs[i].status != 0)
			return false;
	return true;
}

static bool seal_stream(const struct subject *subject, const struct stream *s, uint8_t *const *out)
{
	haw_job jobs[PACKETS], *list[PACKETS];

	stream_jobs(s, subject->suite, true, s->plain, out, jobs, list);
	return drive(subject->sealer, list, PACKETS) && all_done(jobs);
}

static bool opens_stream(const struct subject *subject, const struct stream *s, uint8_t *const *in)
{
	haw_job jobs[PACKETS], *list[PACKETS];
	uint8_t *out[PACKETS];
	bool right;

	for (int i = 0; i < PACKETS; i++)
		out[i] = malloc(ROOM);
	stream_jobs(s, subject->suite, false, in, out, jobs, list);
	right = drive(subject->opener, list, PACKETS) && all_done(jobs);
	for (int i = 0; i < PACKETS; i++) {
		right = right && memcmp(out[i], s->plain[i], HAW_LENGTH_SIZE + (size_t)s->lengths[i]) == 0;
		free(out[i]);
	}
	return right;
}

static bool same_bytes(const struct stream *s, const haw_suite *suite, size_t a, size_t b)
{
	for (int i = 0; i < PACKETS; i++)
		if (memcmp(sealed[a][i], sealed[b][i],
			   HAW_LENGTH_SIZE + (size_t)s->lengths[i] + suite->tag_size) != 0)
			return false;
	return true;
}

static void draw_keys(struct subject *subjects, size_t count)
{
	struct subject *first = &subjects[0];

	draw_bytes(&random_state, first->key, sizeof(first->key));
	draw_bytes(&random_state, first->iv, sizeof(first->iv));
	draw_bytes(&random_state, first->mac_key, sizeof(first->mac_key));
	for (size_t i = 1; i < count; i++) {
		memcpy(subjects[i].key, first->key, sizeof(first->key));
		memcpy(subjects[i].iv, first->iv, sizeof(first->iv));
		memcpy(subjects[i].mac_key, first->mac_key, sizeof(first->mac_key));
	}
}

/* A stream sealed by all subjects, and opened by each from another: in ROUNDS from every other. */
static void check_stream(struct subject *subjects, size_t count, const struct stream *s, unsigned round)
{
	for (size_t a = 0; a < count; a++) {
		CHECK_MSG(subject_renew(&subjects[a]) &&
				  (!stream_fits(s, &subjects[a]) || seal_stream(&subjects[a], s, sealed[a])),
			  "%s does not seal", subject_name(&subjects[a]));
		CHECK_MSG(!stream_fits(s, &subjects[a]) || same_bytes(s, subjects[a].suite, 0, a),
			  "%s seals otherwise than %s", subject_name(&subjects[a]),
			  subjects[0].backend->name);
	}
	for (size_t b = 0; b < count; b++) {
		size_t a = (b + round) % count;

		if (!stream_fits(s, &subjects[a]) || !stream_fits(s, &subjects[b]))
			continue;
		CHECK_MSG(opens_stream(&subjects[b], s, sealed[a]), "%s does not open what %s sealed",
			  subject_name(&subjects[b]), subjects[a].backend->name);
	}
}

/* OpenSSL is always among them, and first: also where the environment names another. */
static void check_suite(struct subject *subjects, size_t count)
{
	unsigned rounds = effort(count > ROUNDS ? (unsigned)count : ROUNDS, 3);

	for (unsigned round = 0; round < rounds && !harness.failed; round++) {
		struct stream s;

		stream_draw(&s, subjects[0].suite);
		draw_keys(subjects, count);
		check_stream(subjects, count, &s, round);
		stream_free(&s);
	}
}

static void check_with_openssl(struct subject *subjects, size_t count)
{
	static struct subject all[SUBJECTS_MAX];
	const haw_backend *openssl = &haw_backend_openssl;

	all[0] = (struct subject){.backend = openssl, .suite = subjects[0].suite};
	all[0].keys = (haw_keys){all[0].key, all[0].iv, all[0].mac_key};
	for (size_t i = 0; i + 1 < SUBJECTS_MAX && i < count; i++) {
		all[i + 1] = subjects[i];
		all[i + 1].keys = (haw_keys){all[i + 1].key, all[i + 1].iv, all[i + 1].mac_key};
	}
	check_suite(all, count + 1);
	all[0].sealer->ops->free(all[0].sealer);
	all[0].opener->ops->free(all[0].opener);
	memcpy(subjects, all + 1, count * sizeof(*subjects));
}

static void all_backends_agree(void)
{
	for (size_t i = 0; i < SUBJECTS_MAX; i++)
		for (size_t p = 0; p < PACKETS; p++)
			sealed[i][p] = malloc(ROOM);
	for_each_suite(check_with_openssl);
	for (size_t i = 0; i < SUBJECTS_MAX; i++)
		for (size_t p = 0; p < PACKETS; p++)
			free(sealed[i][p]);
}

int main(void)
{
	RUN(all_backends_agree);
	return harness_end();
}
