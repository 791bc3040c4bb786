/* SPDX-License-Identifier: Apache-2.0
 *
 * diffie-hellman-group-exchange-sha256 (RFC 4419, RFC 8270): the client asks for a size, the server
 * proposes a group, and Diffie-Hellman goes on in that.
 *
 *   client: REQUEST min, n, max →  ← GROUP p, g  → INIT e  ← REPLY K_S, f, signature
 */
#include <openssl/bn.h>

#include "transport/kex/dh.h"
#include "transport/kex/dh_key.h"
#include "transport/kex/moduli.h"
#include "transport/wire/ssh_numbers.h"

struct group_exchange {
	struct haw_dh dh; /* its values are first */
	bool has_group;
	uint32_t min, wanted, max; /* as they were sent: the hash has them */
	BIGNUM *p, *g;
};

/* RFC 4419 §3 leaves it to the client; these are OpenSSH's sizes for what the ciphers are worth. */
static uint32_t size_for(unsigned int strength)
{
	if (strength == 0 || strength > 192)
		return HAW_DH_BITS_MAX;
	return strength <= 112 ? HAW_DH_BITS_MIN : strength <= 128 ? 3072 : 7680;
}

static int send_request(struct haw_kex *kex, haw_message *out, haw_error *err)
{
	struct group_exchange *gex = kex->state;

	gex->min = HAW_DH_BITS_MIN;
	gex->wanted = size_for(kex->strength);
	gex->max = HAW_DH_BITS_MAX;
	haw_put_byte(out, HAW_MSG_KEX_DH_GEX_REQUEST);
	haw_put_u32(out, gex->min);
	haw_put_u32(out, gex->wanted);
	haw_put_u32(out, gex->max);
	return 0;
}

static void put_number(haw_message *out, const BIGNUM *number)
{
	uint8_t bytes[HAW_DH_BITS_MAX / 8];

	haw_put_mpint(out, bytes, (size_t)BN_bn2bin(number, bytes), false);
}

static int make_key(struct haw_kex *kex, haw_error *err)
{
	struct group_exchange *gex = kex->state;

	gex->has_group = true;
	return haw_dh_adopt(kex, haw_dh_key(kex->ctx, gex->p, gex->g), err);
}

/* ---- Server ---- */

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
	return value < low ? low : value > high ? high : value;
}

static int receive_request(struct haw_kex *kex, haw_message *in, haw_message *out, haw_error *err)
{
	struct group_exchange *gex = kex->state;
	uint32_t min, max;

	gex->min = haw_get_u32(in);
	gex->wanted = haw_get_u32(in);
	gex->max = haw_get_u32(in);
	if (!haw_message_complete(in))
		return haw_kex_protocol_error(err, "the client's request for a group is malformed");
	if (gex->min > gex->wanted || gex->wanted > gex->max || gex->max < HAW_DH_BITS_MIN ||
	    gex->min > HAW_DH_BITS_MAX)
		return haw_kex_protocol_error(err, "the client asks for a group of a size that no group here "
						   "may have");
	/* RFC 8270 §3: none below 2048 bits. */
	min = clamp(gex->min, HAW_DH_BITS_MIN, HAW_DH_BITS_MAX);
	max = clamp(gex->max, HAW_DH_BITS_MIN, HAW_DH_BITS_MAX);
	if (!haw_moduli_choose(kex->moduli, min, clamp(gex->wanted, min, max), max, &gex->p, &gex->g))
		return haw_kex_protocol_error(err, "there is no group of the size that the client asks for");
	haw_put_byte(out, HAW_MSG_KEX_DH_GEX_GROUP);
	put_number(out, gex->p);
	put_number(out, gex->g);
	return make_key(kex, err);
}

/* ---- Client ---- */

/* The server proves with its signature that the group is its own choice, and a server that wants to give
 * the secret away need not do it by a weak group. So this guards against accidents: a size outside of what
 * was asked, numbers that are visibly no primes. Proving a prime takes many times as long as the exchange. */
static bool may_be_prime(const BIGNUM *p)
{
	if (!BN_is_odd(p))
		return false;
	for (BN_ULONG divisor = 3; divisor < 2000; divisor += 2)
		if (BN_mod_word(p, divisor) == 0)
			return false;
	return true;
}

static bool is_generator(const BIGNUM *g, const BIGNUM *p)
{
	BIGNUM *last = BN_dup(p);
	bool good = last && BN_sub_word(last, 1) == 1 && BN_cmp(g, BN_value_one()) > 0 &&
		    BN_cmp(g, last) < 0;

	BN_free(last);
	return good;
}

static BIGNUM *get_number(haw_message *in)
{
	haw_span bytes = haw_get_mpint_unsigned(in);

	return bytes.len <= HAW_DH_BITS_MAX / 8 ? BN_bin2bn(bytes.ptr, (int)bytes.len, NULL) : NULL;
}

static int receive_group(struct haw_kex *kex, haw_message *in, haw_message *out, haw_error *err)
{
	struct group_exchange *gex = kex->state;
	int bits, result;

	gex->p = get_number(in);
	gex->g = get_number(in);
	if (!haw_message_complete(in))
		return haw_kex_protocol_error(err, "the server's group is malformed");
	bits = gex->p ? BN_num_bits(gex->p) : HAW_DH_BITS_MAX + 1;
	if (bits < HAW_DH_BITS_MIN || bits > HAW_DH_BITS_MAX)
		return haw_kex_protocol_error(err, "the server's group has a size that was not asked for");
	if (!may_be_prime(gex->p))
		return haw_kex_protocol_error(err, "the server's group has no prime modulus");
	if (!gex->g || !is_generator(gex->g, gex->p))
		return haw_kex_protocol_error(err, "the server's group has no valid generator");
	result = make_key(kex, err);
	return result < 0 ? result : haw_values_start(kex, out, err);
}

static int group_exchange_receive(struct haw_kex *kex, uint8_t number, haw_message *in, haw_message *out,
				  struct haw_kex_reply *reply, haw_error *err)
{
	struct group_exchange *gex = kex->state;
	bool server = kex->role == HAW_KEX_SERVER;

	if (gex->has_group)
		return haw_values_receive(kex, number, in, out, reply, err);
	if (server && number == HAW_MSG_KEX_DH_GEX_REQUEST)
		return receive_request(kex, in, out, err);
	if (!server && number == HAW_MSG_KEX_DH_GEX_GROUP)
		return receive_group(kex, in, out, err);
	return haw_kex_protocol_error(err, "the peer sent a message out of turn");
}

/* RFC 4419 §3: min, n, max, p, g, e, f. */
static void group_exchange_put_hashed(struct haw_kex *kex, haw_message *out)
{
	struct group_exchange *gex = kex->state;

	haw_put_u32(out, gex->min);
	haw_put_u32(out, gex->wanted);
	haw_put_u32(out, gex->max);
	put_number(out, gex->p);
	put_number(out, gex->g);
	haw_values_put_hashed(kex, out);
}

static void group_exchange_clear(struct haw_kex *kex)
{
	struct group_exchange *gex = kex->state;

	EVP_PKEY_free(gex->dh.key);
	haw_values_clear(&gex->dh.values);
	BN_free(gex->p);
	BN_free(gex->g);
}

static bool group_exchange_available(const struct haw_kex_method *method, OSSL_LIB_CTX *ctx)
{
	return haw_dh_available(ctx);
}

static const struct haw_value_flow flow = {
	.init = HAW_MSG_KEX_DH_GEX_INIT,
	.reply = HAW_MSG_KEX_DH_GEX_REPLY,
	.is_number = true,
	.take = haw_dh_take,
};

const struct haw_kex_ops haw_group_exchange_ops = {
	.state_size = sizeof(struct group_exchange),
	.flow = &flow,
	.available = group_exchange_available,
	.start = send_request,
	.receive = group_exchange_receive,
	.reply = haw_values_reply,
	.put_hashed = group_exchange_put_hashed,
	.clear = group_exchange_clear,
};
