/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

static haw_selector *make_selector(const char *name)
{
	const haw_selector_options options = {.size = sizeof(options),
					      .eal = getenv("HAWSER_TEST_EAL"),
					      .module_dir = getenv("HAWSER_TEST_MODULES")};
	haw_selector *s = haw_selector_new();
	char choice[256];
	haw_error err;

	snprintf(choice, sizeof(choice), "*=%s", name);
	if (!s || haw_selector_set_options(s, &options, &err) < 0 ||
	    haw_selector_override(s, choice, &err) < 0) {
		printf("%s: %s\n", name, err.message);
		exit(1);
	}
	return s;
}

const haw_selector *pair_selector(void)
{
	static haw_selector *selector;
	const char *name = getenv("HAWSER_TEST_BACKEND");

	if (name && !selector)
		selector = make_selector(name);
	return selector;
}

bool pair_selects(const haw_suite *suite)
{
	const haw_backend *chosen = haw_selector_choose(pair_selector(), suite, NULL, 0);

	return chosen && strcmp(chosen->name, getenv("HAWSER_TEST_BACKEND")) == 0;
}

void pair_open(struct pair *pair)
{
	pair->pool = haw_wire_pool_new(0, 2);
	pair->from = haw_packetizer_new(pair_selector(), pair->pool, NULL);
	pair->to = haw_packetizer_new(pair_selector(), pair->pool, NULL);
	if (!pair->pool || !pair->from || !pair->to)
		abort();
}

void pair_close(struct pair *pair)
{
	pair->from->ops->free(pair->from);
	pair->to->ops->free(pair->to);
	haw_wire_pool_free(pair->pool);
}

const haw_keys *test_keys(const haw_suite *suite, unsigned seed)
{
	static uint8_t bytes[HAW_KEY_MAX + HAW_IV_MAX + HAW_MAC_KEY_MAX];
	static const haw_keys keys = {
		.key = bytes, .iv = bytes + HAW_KEY_MAX, .mac_key = bytes + HAW_KEY_MAX + HAW_IV_MAX};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(seed * 37 + i * 11 + suite->key_size);
	return &keys;
}

int use_engine(struct haw_packetizer *p, enum haw_direction direction, const haw_suite *suite,
	       haw_sealer *engine, haw_error *err)
{
	struct haw_packet_state *state = (struct haw_packet_state *)p;
	struct haw_keyed keys = {.engine = engine, .suite = suite};

	return direction == HAW_OUTGOING ? haw_seal_set_keys(state, &keys, err)
					 : haw_open_set_keys(state, &keys, err);
}

int use_keys(struct haw_packetizer *p, enum haw_direction direction, const haw_suite *suite,
	     const haw_backend *backend, unsigned seed, haw_error *err)
{
	const haw_keys *keys = test_keys(suite, seed);
	haw_sealer *engine;

	if (!backend)
		return p->ops->set_keys(p, direction, suite, keys, false, err);
	engine = direction == HAW_OUTGOING ? backend->new_sealer(backend, suite, keys, err)
					   : backend->new_opener(backend, suite, keys, err);
	return engine ? use_engine(p, direction, suite, engine, err) : HAW_ECRYPTO;
}

bool pair_keys(struct pair *pair, const haw_suite *suite, const haw_backend *backend, unsigned seed)
{
	haw_error err;

	if (use_keys(pair->from, HAW_OUTGOING, suite, backend, seed, &err) == 0 &&
	    use_keys(pair->to, HAW_INCOMING, suite, backend, seed, &err) == 0)
		return true;
	printf("    %s: %s\n", suite->name, err.message);
	return false;
}

void message_fill(uint8_t *out, size_t size, uint32_t index, uint8_t number)
{
	out[0] = number;
	for (size_t i = 1; i < size; i++)
		out[i] = (uint8_t)(i * 31 + i / 251 + index * 7);
}

bool message_is(haw_span payload, size_t size, uint32_t index, uint8_t number)
{
	if (payload.len != size || payload.ptr[0] != number)
		return false;
	for (size_t i = 1; i < size; i++)
		if (payload.ptr[i] != (uint8_t)(i * 31 + i / 251 + index * 7))
			return false;
	return true;
}

bool put_message(struct haw_packetizer *p, size_t size, uint32_t index, uint8_t number)
{
	uint8_t *bytes = malloc(size);
	haw_error err;
	int rc;

	message_fill(bytes, size, index, number);
	rc = p->ops->put(p, (haw_span){.ptr = bytes, .len = size}, &err);
	free(bytes);
	if (rc < 0)
		printf("    put: %s\n", err.message);
	return rc == 0;
}

void wire_append(struct wire *wire, const void *data, size_t len)
{
	wire->data = realloc(wire->data, wire->len + len + 1);
	memcpy(wire->data + wire->len, data, len);
	wire->len += len;
}

void wire_free(struct wire *wire)
{
	free(wire->data);
	*wire = (struct wire){0};
}

bool drain(struct haw_packetizer *p, struct wire *wire)
{
	haw_error err;

	for (;;) {
		haw_span spans[4];
		ptrdiff_t n = p->ops->output(p, spans, 4, &err);

		if (n < 0) {
			printf("    output: %s\n", err.message);
			return false;
		}
		if (n == 0 && !p->ops->busy(p))
			return true;
		for (ptrdiff_t i = 0; i < n; i++) {
			wire_append(wire, spans[i].ptr, spans[i].len);
			p->ops->sent(p, spans[i].len);
		}
	}
}

void receiver_open(struct receiver *r, struct haw_packetizer *p, const struct wire *wire)
{
	*r = (struct receiver){.p = p, .data = malloc(wire->len + 1), .len = wire->len};
	if (wire->len > 0)
		memcpy(r->data, wire->data, wire->len);
}

void receiver_close(struct receiver *r)
{
	free(r->data);
	r->data = NULL;
}

void receiver_give(struct receiver *r, size_t n)
{
	r->given += n < r->len - r->given ? n : r->len - r->given;
	r->p->ops->feed(r->p, r->data + r->base, r->given - r->base);
}

int receiver_next(struct receiver *r, struct haw_packet *packet)
{
	for (;;) {
		int rc = r->p->ops->next(r->p, packet, &r->err);

		if (rc != 0 || !r->p->ops->busy(r->p))
			return rc;
		rc = r->p->ops->poll(r->p, &r->err);
		if (rc < 0)
			return rc;
	}
}

void receiver_release(struct receiver *r)
{
	r->base += r->p->ops->release(r->p);
}

uint32_t test_random(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % below;
}

bool suite_served(const haw_suite *suite, const haw_backend *backend)
{
	return !backend || (!backend->unusable(backend) && !backend->refuses(backend, suite));
}
