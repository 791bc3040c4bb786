/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

#include "transport/wire/ssh_numbers.h"

/* The same as in the calculation behind known_answers.h. */
static const uint8_t client_init[] = {20, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
				      13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
				      27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39};
static const uint8_t server_init[] = {
	20, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113,
	114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128,
	129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143,
	144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158,
	159};

static size_t encode_public(int nid, const BIGNUM *private, uint8_t *out, size_t size)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
	EC_POINT *point = EC_POINT_new(group);
	size_t len = 0;

	if (EC_POINT_mul(group, point, private, NULL, NULL, NULL) == 1)
		len = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, size, NULL);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return len;
}

static EVP_PKEY *nist_private_key(const char *group, const uint8_t *bytes, size_t len)
{
	BIGNUM *private = BN_bin2bn(bytes, (int)len, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *parameters;
	uint8_t public[133];
	EVP_PKEY *key = NULL;
	size_t public_len = encode_public(OBJ_sn2nid(group), private, public, sizeof(public));

	OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, private);
	OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, public, public_len);
	parameters = OSSL_PARAM_BLD_to_param(builder);
	if (public_len > 0 && EVP_PKEY_fromdata_init(maker) == 1)
		EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, parameters);
	OSSL_PARAM_free(parameters);
	EVP_PKEY_CTX_free(maker);
	OSSL_PARAM_BLD_free(builder);
	BN_free(private);
	return key;
}

EVP_PKEY *pair_private_key(const char *method, const uint8_t *bytes, size_t len)
{
	if (strncmp(method, "curve25519", 10) == 0)
		return EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, bytes, len);
	return nist_private_key(strstr(method, "p256")	 ? "prime256v1"
				: strstr(method, "p384") ? "secp384r1"
							 : "secp521r1",
				bytes, len);
}

size_t pair_unhex(const char *digits, uint8_t *out, size_t size)
{
	size_t len = 0;

	for (; digits[0] && digits[1] && len < size; digits += 2) {
		const char two[] = {digits[0], digits[1], '\0'};

		out[len++] = (uint8_t)strtoul(two, NULL, 16);
	}
	return len;
}

bool pair_init(struct pair *p, const char *method)
{
	const struct haw_kex_method *found = haw_kex_method_find(method);

	memset(p, 0, sizeof(*p));
	CHECK_OR(found, false);
	p->client_transcript = (struct haw_kex_transcript){
		.client_version = SPAN("SSH-2.0-Hawser_client"),
		.server_version = SPAN("SSH-2.0-Hawser_server with a comment"),
		.client_init = {client_init, sizeof(client_init)},
		.server_init = {server_init, sizeof(server_init)},
	};
	p->server_transcript = p->client_transcript;
	p->server_transcript.host_key = SPAN("any bytes serve as a host key here");
	haw_message_write(&p->init, 0);
	haw_message_write(&p->reply, 0);
	p->client = haw_kex_new(found, HAW_KEX_CLIENT, NULL, NULL);
	p->server = haw_kex_new(found, HAW_KEX_SERVER, NULL, NULL);
	CHECK_OR(p->client && p->server, false);
	haw_kex_set_transcript(p->server, &p->server_transcript);
	return true;
}

void pair_clear(struct pair *p)
{
	haw_kex_free(p->client);
	haw_kex_free(p->server);
	haw_message_free(&p->init);
	haw_message_free(&p->reply);
}

/* One message to SIDE, and what it sends back without being done. */
static bool pass(struct haw_kex *side, haw_span payload, haw_message *out)
{
	struct haw_kex_reply reply;

	haw_message_reset(out);
	return haw_kex_receive(side, payload, out, &reply, NULL) == HAW_KEX_MORE;
}

bool pair_make_init(struct pair *p)
{
	haw_message request, group;

	haw_message_write(&request, 0);
	haw_message_write(&group, 0);
	CHECK_OR(haw_kex_start(p->client, &p->init, NULL) == 0, false);
	CHECK_OR(haw_kex_start(p->server, &p->reply, NULL) == 0, false);
	CHECK_OR(haw_message_all(&p->init).len > 0 && haw_message_all(&p->reply).len == 0, false);
	/* Only now, as with a guess that is sent behind KEXINIT. */
	haw_kex_set_transcript(p->client, &p->client_transcript);
	if (p->init.data[0] == HAW_MSG_KEX_DH_GEX_REQUEST) {
		haw_span bytes = haw_message_all(&p->init);

		haw_put_bytes(&request, bytes.ptr, bytes.len);
		CHECK_OR(pass(p->server, haw_message_all(&request), &group), false);
		CHECK_OR(pass(p->client, haw_message_all(&group), &p->init), false);
	}
	haw_message_free(&request);
	haw_message_free(&group);
	return true;
}

int pair_feed(struct haw_kex *side, haw_span payload, struct haw_kex_reply *reply, haw_error *err)
{
	uint8_t *exact = malloc(payload.len ? payload.len : 1);
	haw_message out;
	int result;

	memcpy(exact, payload.ptr, payload.len);
	haw_message_write(&out, 0);
	result = haw_kex_receive(side, (haw_span){exact, payload.len}, &out, reply, err);
	CHECK_OR(result == HAW_KEX_MORE || haw_message_all(&out).len == 0, -1000);
	haw_message_free(&out);
	free(exact);
	return result;
}

bool pair_make_reply(struct pair *p)
{
	struct haw_kex_reply reply;

	CHECK_OR(pair_feed(p->server, haw_message_all(&p->init), &reply, NULL) == HAW_KEX_SIGN, false);
	CHECK_OR(haw_span_equal(reply.hash, haw_kex_hash(p->server)), false);
	CHECK_OR(haw_kex_reply(p->server, p->server_transcript.host_key, SPAN("signature"), &p->reply,
			       NULL) == 0,
		 false);
	return true;
}
