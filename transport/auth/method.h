/* SPDX-License-Identifier: Apache-2.0
 *
 * Authentication methods (RFC 4252, RFC 4256): what each puts into and reads from the messages,
 * both roles side by side, one file a method. When they are sent, and what an answer leads to, is
 * the connection's (transport/connection/login.c).
 */
#ifndef HAW_AUTH_METHOD_H
#define HAW_AUTH_METHOD_H

#include <hawser/message.h>

enum haw_auth_method { HAW_AUTH_NONE, HAW_AUTH_PASSWORD, HAW_AUTH_PUBLICKEY, HAW_AUTH_INTERACTIVE };

/* One attempt of a client. */
struct haw_auth_attempt {
	haw_span secret;	/* password, or public key blob */
	haw_span new_secret;	/* password: what it is to be changed to */
	bool change;
	const char *algorithm;	/* publickey: of the signature */
	bool sign;		/* publickey: a signature follows (else: would this key do?) */
};

/* What a server is asked. */
struct haw_auth_request {
	haw_span user, service, method;
	haw_span password;		  /* "password" */
	haw_span key_algorithm, key_blob; /* "publickey" */
	haw_span signature, signed_part;  /* signed_part: the message up to the signature */
	bool has_signature;
	bool change; /* "password": a change is asked for, which is refused */
};

/* What a method's own message (60-79) means to a client. */
enum haw_auth_step {
	HAW_AUTH_STEP_SIGN,	/* this key would do: sign */
	HAW_AUTH_STEP_PROMPTS,	/* answer the prompts */
	HAW_AUTH_STEP_CHANGE,	/* the password has expired */
	HAW_AUTH_STEP_ERROR	/* malformed, or out of place */
};

struct haw_auth_ops {
	const char *name;
	/* Client: the fields of USERAUTH_REQUEST behind the method's name, without a signature. */
	void (*write)(haw_message *out, const struct haw_auth_attempt *attempt);
	/* Client: judge message NUMBER, M standing behind it. */
	enum haw_auth_step (*receive)(const struct haw_auth_attempt *attempt, uint8_t number, haw_message *m);
	/* Server: read the fields behind the method's name; the reader fails if they are wrong. */
	void (*parse)(haw_message *m, struct haw_auth_request *request);
};

extern const struct haw_auth_ops haw_auth_none, haw_auth_password, haw_auth_publickey, haw_auth_interactive;

/* The method of that kind, or of that name (NULL if there is none). */
const struct haw_auth_ops *haw_auth_method_at(enum haw_auth_method method);
const struct haw_auth_ops *haw_auth_method_find(haw_span name);

#endif
