/* SPDX-License-Identifier: Apache-2.0
 *
 * ecdsa-sha2-nistp256, -nistp384, -nistp521 (RFC 5656 §3.1).
 */
#include <openssl/bn.h>
#include <openssl/ec.h>

#include "transport/hostkey/ec_point.h"
#include "transport/hostkey/family.h"

enum { FIELD_SIZE_MAX = 66 };

static EVP_PKEY *ecdsa_parse(const struct haw_hostkey_type *type, haw_message *in, haw_error *err)
{
	haw_span curve = haw_get_string(in), point = haw_get_string(in);
	EVP_PKEY *key;

	if (!haw_message_ok(in) || !haw_span_is(curve, type->curve)) {
		haw_hostkey_malformed(err, "an ECDSA key names another curve than its type");
		return NULL;
	}
	key = haw_ec_point_parse(NULL, type->group, type->field_size, point);
	if (!key)
		haw_hostkey_malformed(err, "an ECDSA key is not a point on its curve");
	return key;
}

static bool ecdsa_encode(const struct haw_hostkey_type *type, const EVP_PKEY *key, haw_message *out)
{
	size_t mark;

	haw_put_text(out, type->curve);
	mark = haw_put_string_begin(out);
	if (!haw_ec_point_put(key, type->field_size, out))
		return false;
	haw_put_string_end(out, mark);
	return haw_message_ok(out);
}

static void put_number(haw_message *out, const BIGNUM *number)
{
	uint8_t bytes[FIELD_SIZE_MAX];
	int len = BN_bn2binpad(number, bytes, sizeof(bytes));

	if (len < 0)
		haw_message_fail(out);
	else
		haw_put_mpint(out, bytes, (size_t)len, false);
}

/* RFC 5656 §3.1.2: mpint r, mpint s; EVP speaks DER. */
static bool ecdsa_to_wire(const struct haw_hostkey_type *type, haw_span raw, haw_message *out)
{
	const uint8_t *p = raw.ptr;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)raw.len);

	if (!pair)
		return false;
	put_number(out, ECDSA_SIG_get0_r(pair));
	put_number(out, ECDSA_SIG_get0_s(pair));
	ECDSA_SIG_free(pair);
	return haw_message_ok(out);
}

static bool in_range(haw_span magnitude, const BIGNUM *order, BIGNUM **number)
{
	*number = BN_bin2bn(magnitude.ptr, (int)magnitude.len, NULL);
	return *number && !BN_is_zero(*number) && BN_cmp(*number, order) < 0;
}

/* FIPS 186-5 §6.4.2: r and s lie in [1, n - 1]. */
static ECDSA_SIG *read_pair(haw_span r_bytes, haw_span s_bytes, const BIGNUM *order)
{
	BIGNUM *r = NULL, *s = NULL;
	ECDSA_SIG *pair = NULL;

	if (in_range(r_bytes, order, &r) && in_range(s_bytes, order, &s))
		pair = ECDSA_SIG_new();
	if (pair && ECDSA_SIG_set0(pair, r, s) == 1)
		return pair;
	ECDSA_SIG_free(pair);
	BN_free(r);
	BN_free(s);
	return NULL;
}

static bool ecdsa_from_wire(const struct haw_hostkey_type *type, const EVP_PKEY *key, haw_span wire,
			    haw_message *raw)
{
	ECDSA_SIG *pair = NULL;
	BIGNUM *order;
	uint8_t *der = NULL;
	haw_message in;
	haw_span r, s;
	int len = -1;

	haw_message_read(&in, wire.ptr, wire.len);
	r = haw_get_mpint_unsigned(&in);
	s = haw_get_mpint_unsigned(&in);
	if (!haw_message_complete(&in) || r.len > type->field_size || s.len > type->field_size)
		return false;
	order = haw_hostkey_number(key, "order");
	if (order)
		pair = read_pair(r, s, order);
	if (pair)
		len = i2d_ECDSA_SIG(pair, &der);
	if (len > 0)
		haw_put_bytes(raw, der, (size_t)len);
	OPENSSL_free(der);
	ECDSA_SIG_free(pair);
	BN_free(order);
	return len > 0 && haw_message_ok(raw);
}

const struct haw_hostkey_family haw_hostkey_ecdsa = {
	.evp_name = "EC",
	.signature_name = "ECDSA",
	.parse = ecdsa_parse,
	.encode = ecdsa_encode,
	.to_wire = ecdsa_to_wire,
	.from_wire = ecdsa_from_wire,
};
