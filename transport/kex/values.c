/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/kex/values.h"

static const struct haw_value_flow *flow_of(const struct haw_kex *kex)
{
	return kex->method->ops->flow;
}

void haw_values_init(struct haw_values *values)
{
	haw_message_write(&values->ours, HAW_VALUE_MAX);
	haw_message_write(&values->theirs, HAW_VALUE_MAX);
}

void haw_values_clear(struct haw_values *values)
{
	haw_message_free(&values->ours);
	haw_message_free(&values->theirs);
}

static void put_value(const struct haw_kex *kex, const haw_message *value, haw_message *out)
{
	haw_span bytes = haw_message_all(value);

	if (flow_of(kex)->is_number)
		haw_put_mpint(out, bytes.ptr, bytes.len, false);
	else
		haw_put_string(out, bytes.ptr, bytes.len);
}

static haw_span get_value(const struct haw_kex *kex, haw_message *in)
{
	return flow_of(kex)->is_number ? haw_get_mpint_unsigned(in) : haw_get_string(in);
}

int haw_values_start(struct haw_kex *kex, haw_message *out, haw_error *err)
{
	struct haw_values *values = kex->state;

	haw_put_byte(out, flow_of(kex)->init);
	put_value(kex, &values->ours, out);
	return 0;
}

static int take(struct haw_kex *kex, haw_span value, haw_error *err)
{
	struct haw_values *values = kex->state;
	int result = flow_of(kex)->take(kex, value, err);

	if (result < 0)
		return result;
	haw_put_bytes(&values->theirs, value.ptr, value.len);
	if (haw_message_ok(&values->theirs) && haw_message_ok(&values->ours))
		return 0;
	return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for a key exchange");
}

static int receive_init(struct haw_kex *kex, haw_message *in, haw_error *err)
{
	haw_span value = get_value(kex, in);
	int result;

	if (!haw_message_complete(in))
		return haw_kex_protocol_error(err, "the client's first message is malformed");
	result = haw_kex_prepare(kex, err);
	if (result == 0)
		result = take(kex, value, err);
	return result < 0 ? result : HAW_KEX_SIGN;
}

static int receive_reply(struct haw_kex *kex, haw_message *in, struct haw_kex_reply *reply, haw_error *err)
{
	haw_span value;
	int result;

	reply->host_key = haw_get_string(in);
	value = get_value(kex, in);
	reply->signature = haw_get_string(in);
	if (!haw_message_complete(in))
		return haw_kex_protocol_error(err, "the server's reply is malformed");
	result = take(kex, value, err);
	return result < 0 ? result : HAW_KEX_VERIFY;
}

int haw_values_receive(struct haw_kex *kex, uint8_t number, haw_message *in, haw_message *out,
		       struct haw_kex_reply *reply, haw_error *err)
{
	if (kex->role == HAW_KEX_SERVER && number == flow_of(kex)->init)
		return receive_init(kex, in, err);
	if (kex->role == HAW_KEX_CLIENT && number == flow_of(kex)->reply)
		return receive_reply(kex, in, reply, err);
	return haw_kex_protocol_error(err, "the peer sent a message that the method does not have");
}

int haw_values_reply(struct haw_kex *kex, haw_span host_key, haw_span signature, haw_message *out,
		     haw_error *err)
{
	struct haw_values *values = kex->state;

	haw_put_byte(out, flow_of(kex)->reply);
	haw_put_string(out, host_key.ptr, host_key.len);
	put_value(kex, &values->ours, out);
	haw_put_string(out, signature.ptr, signature.len);
	return 0;
}

/* RFC 4253 §8: e, f; RFC 5656 §4: Q_C, Q_S: the client's value first. */
void haw_values_put_hashed(struct haw_kex *kex, haw_message *out)
{
	struct haw_values *values = kex->state;
	bool server = kex->role == HAW_KEX_SERVER;

	put_value(kex, server ? &values->theirs : &values->ours, out);
	put_value(kex, server ? &values->ours : &values->theirs, out);
}
