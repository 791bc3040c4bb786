/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library makes of keys, known hosts and configurations, printed for test_openssh.py to
 * compare with what OpenSSH's tools say. Errors are printed as "error CODE MESSAGE", status 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <hawser/config.h>
#include <hawser/key.h>
#include <hawser/known_hosts.h>

#include "transport/keys/config_internal.h"

static haw_error err;

static int failed(void)
{
	printf("error %s: %s\n", haw_code_name(err.code), err.message);
	return 1;
}

static const char *passphrase(const char *argument)
{
	return argument && *argument ? argument : NULL;
}

static void show_key(const haw_key *key)
{
	char md5[HAW_FINGERPRINT_SIZE];

	printf("%u %s %s %s %s\n", haw_key_bits(key), haw_key_fingerprint(key), haw_key_type(key),
	       haw_key_fingerprint_md5(key, md5), haw_key_comment(key));
}

static int put_out(haw_message *m)
{
	haw_span all = haw_message_all(m);

	fwrite(all.ptr, 1, all.len, stdout);
	haw_message_free(m);
	return 0;
}

/* private FILE PASSPHRASE | public FILE | half FILE */
static int command_key(char **a)
{
	bool encrypted = false;
	haw_key *key = strcmp(a[0], "private") == 0 ? haw_key_load_private(a[1], passphrase(a[2]), &err)
		       : strcmp(a[0], "public") == 0
			       ? haw_key_load_public(a[1], &err)
			       : haw_key_public_from_private_file(a[1], &encrypted, &err);

	if (encrypted)
		printf("encrypted\n");
	if (!key)
		return failed();
	show_key(key);
	haw_key_free(key);
	return 0;
}

static char *read_file(const char *path, size_t *len)
{
	static char text[1 << 16];
	FILE *file = fopen(path, "rb");

	*len = file ? fread(text, 1, sizeof(text), file) : 0;
	if (file)
		fclose(file);
	return text;
}

/* Parse a copy of exactly LEN bytes, so that reading beyond it is seen: an error with a sentence, or the same
 * key. */
static bool is_sane(const char *data, size_t len, const char *pass, const haw_key *wanted)
{
	char *copy = malloc(len ? len : 1);
	haw_key *key;
	bool sane;

	memcpy(copy, data, len);
	err = (haw_error){0};
	key = haw_key_parse_private(copy, len, pass, &err);
	sane = key ? haw_key_equal(key, wanted) : err.code < 0 && err.message[0];
	haw_key_free(key);
	free(copy);
	return sane;
}

/* damage FILE PASSPHRASE STEP: the file cut and altered at each STEP-th byte */
static int command_damage(char **a)
{
	size_t len, step = (size_t)atoi(a[3]), count = 0;
	haw_key *wanted = haw_key_load_private(a[1], passphrase(a[2]), &err);
	char *text = read_file(a[1], &len);

	if (!wanted)
		return failed();
	for (size_t at = 0; at < len; at += step, count++) {
		char was = text[at];

		if (!is_sane(text, at, passphrase(a[2]), wanted)) {
			printf("cut at %zu: %s\n", at, err.message);
			return 1;
		}
		for (int bit = 1; bit < 256; bit <<= 1) {
			text[at] = (char)(was ^ bit);
			if (!is_sane(text, len, passphrase(a[2]), wanted)) {
				printf("altered at %zu by %d: %s\n", at, bit, err.message);
				return 1;
			}
		}
		text[at] = was;
	}
	printf("%zu\n", count);
	haw_key_free(wanted);
	return 0;
}

/* line FILE PASSPHRASE: the public line of a private key */
static int command_line(char **a)
{
	haw_key *key = haw_key_load_private(a[1], passphrase(a[2]), &err);
	haw_message m;

	if (!key)
		return failed();
	haw_message_write(&m, 0);
	if (haw_key_format_public(key, &m, &err) < 0)
		return failed();
	haw_key_free(key);
	return put_out(&m);
}

/* rewrite FILE PASSPHRASE NEWFILE NEWPASSPHRASE */
static int command_rewrite(char **a)
{
	haw_key *key = haw_key_load_private(a[1], passphrase(a[2]), &err);
	int result;

	if (!key)
		return failed();
	result = haw_key_write_private(key, a[3], a[4], 2, &err);
	haw_key_free(key);
	return result < 0 ? failed() : 0;
}

/* generate TYPE BITS FILE PASSPHRASE: with FILE.pub */
static int command_generate(char **a)
{
	haw_key *key = haw_key_generate(a[1], (unsigned int)atoi(a[2]), "made by hawser", &err);
	char name[4096];
	int result;

	if (!key)
		return failed();
	snprintf(name, sizeof(name), "%s.pub", a[3]);
	result = haw_key_write_private(key, a[3], a[4], 2, &err);
	if (result == 0)
		result = haw_key_write_public(key, name, &err);
	if (result == 0)
		show_key(key);
	haw_key_free(key);
	return result < 0 ? failed() : 0;
}

/* sign FILE PASSPHRASE ALGORITHM: the signature blob over standard input */
static int command_sign(char **a)
{
	haw_key *key = haw_key_load_private(a[1], passphrase(a[2]), &err);
	static uint8_t data[65536];
	haw_span span = {data, fread(data, 1, sizeof(data), stdin)};
	haw_message m;

	if (!key)
		return failed();
	haw_message_write(&m, 0);
	if (haw_key_sign(key, passphrase(a[3]), span, &m, &err) < 0)
		return failed();
	if (haw_key_verify(key, passphrase(a[3]), span, haw_message_all(&m), &err) < 0)
		return failed();
	haw_key_free(key);
	return put_out(&m);
}

static void show_options(const char *title, const haw_certificate_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		haw_message m;
		haw_span text;

		haw_message_read(&m, options[i].data.ptr, options[i].data.len);
		text = options[i].data.len > 0 ? haw_get_string(&m) : options[i].data;
		printf("%s %s %.*s\n", title, options[i].name, (int)text.len, (const char *)text.ptr);
	}
}

/* certificate FILE: what it says, a line each */
static int command_certificate(char **a)
{
	haw_key *key = haw_key_load_public(a[1], &err);
	const haw_certificate *c = key ? haw_key_certificate(key) : NULL;
	haw_key *plain = c ? haw_key_plain(key, &err) : NULL;

	if (!plain) {
		haw_key_free(key);
		return failed();
	}
	printf("type %s\nshort %s\nkind %s\nid %s\nserial %llu\n", haw_key_type(key), haw_key_type_short(key),
	       c->kind == HAW_CERTIFICATE_USER ? "user" : "host", c->key_id, (unsigned long long)c->serial);
	printf("valid %llu %llu\n", (unsigned long long)c->valid_after, (unsigned long long)c->valid_before);
	printf("key %s %s\n", haw_key_type(plain), haw_key_fingerprint(plain));
	printf("fingerprint %s\n", haw_key_fingerprint(key));
	printf("authority %s %s %s %d\n", c->authority_type, c->authority_fingerprint, c->signature_algorithm,
	       c->verified);
	for (size_t i = 0; i < c->principal_count; i++)
		printf("principal %s\n", c->principals[i]);
	show_options("critical", c->critical_options, c->critical_option_count);
	show_options("extension", c->extensions, c->extension_count);
	haw_key_free(plain);
	haw_key_free(key);
	return 0;
}

/* judge FILE KIND PRINCIPAL NOW ALGORITHMS OPTIONS ("": NULL) */
static int command_judge(char **a)
{
	haw_key *key = haw_key_load_public(a[1], &err);
	const haw_certificate *c = key ? haw_key_certificate(key) : NULL;
	const haw_certificate_rules rules = {
		.size = sizeof(rules),
		.kind = strcmp(a[2], "user") == 0 ? HAW_CERTIFICATE_USER : HAW_CERTIFICATE_HOST,
		.principal = passphrase(a[3]),
		.now = strtoull(a[4], NULL, 10),
		.algorithms = passphrase(a[5]),
		.options = passphrase(a[6]),
	};
	int result = c ? haw_certificate_check(c, &rules, &err) : HAW_EINVAL;

	haw_key_free(key);
	return result < 0 ? failed() : 0;
}

/* revoked PUBLICKEY FILE */
static int command_revoked(char **a)
{
	haw_key *key = haw_key_load_public(a[1], &err);
	int result = key ? haw_key_check_revoked(key, a[2], &err) : err.code;

	haw_key_free(key);
	return result < 0 ? failed() : 0;
}

static haw_known_hosts *load_hosts(const char *path)
{
	haw_known_hosts *kh = haw_known_hosts_new();

	if (kh && haw_known_hosts_load(kh, path, HAW_KNOWN_HOSTS_OPTIONAL, &err) == 0)
		return kh;
	haw_known_hosts_free(kh);
	return NULL;
}

/* find FILE HOST PORT: the lines that name a host; problems FILE */
static int command_find(char **a)
{
	haw_known_hosts *kh = load_hosts(a[1]);
	haw_known_hosts_entry entry;
	haw_known_hosts_problem problem;
	size_t index = 0;

	if (!kh)
		return failed();
	if (strcmp(a[0], "problems") == 0)
		for (; haw_known_hosts_problem_at(kh, index, &problem); index++)
			printf("%zu %s\n", problem.line, problem.reason);
	else
		while (haw_known_hosts_find(kh, a[2], (uint16_t)atoi(a[3]), &index, &entry))
			printf("%zu %s %s\n", entry.line, entry.key_type, entry.fingerprint);
	haw_known_hosts_free(kh);
	return 0;
}

/* check FILE HOST PORT PUBLICKEY */
static int command_check(char **a)
{
	static const char *const names[] = {"", "match", "unknown", "other-type", "changed", "revoked"};
	haw_known_hosts *kh = load_hosts(a[1]);
	haw_key *key = haw_key_load_public(a[4], &err);
	haw_known_hosts_entry entry;
	int result;

	result = kh && key ? haw_known_hosts_check(kh, a[2], (uint16_t)atoi(a[3]), key, &entry, &err)
			   : err.code;
	if (result < 0) {
		haw_key_free(key);
		haw_known_hosts_free(kh);
		return failed();
	}
	printf("%s", names[result]);
	if (entry.file)
		printf(" %zu %s %s", entry.line, entry.key_type, entry.fingerprint);
	printf("\n");
	haw_key_free(key);
	haw_known_hosts_free(kh);
	return 0;
}

/* add FILE HOST PORT PUBLICKEY HASH | remove FILE HOST PORT */
static int command_change(char **a)
{
	haw_known_hosts *kh = load_hosts(a[1]);
	bool add = strcmp(a[0], "add") == 0;
	haw_key *key = add ? haw_key_load_public(a[4], &err) : NULL;
	haw_known_hosts_entry entry;
	size_t last = 0;
	int result;

	if (!kh || (add && !key))
		result = err.code;
	else if (add)
		result = haw_known_hosts_add(kh, a[1], a[2], (uint16_t)atoi(a[3]), key,
					     strcmp(a[5], "hash") == 0 ? HAW_KNOWN_HOSTS_HASH : 0, &err);
	else
		result = haw_known_hosts_remove(kh, a[1], a[2], (uint16_t)atoi(a[3]), &err);
	if (result < 0) {
		haw_key_free(key);
		haw_known_hosts_free(kh);
		return failed();
	}
	while (haw_known_hosts_at(kh, last, &entry))
		last++;
	printf("%d", result);
	if (add)
		printf(" %zu", entry.line);
	printf("\n");
	haw_key_free(key);
	haw_known_hosts_free(kh);
	return 0;
}

/* The typed values that ssh -G has too, where its lines show something else: expanded names. */
static void show_expanded(const haw_host_values *v)
{
	for (size_t i = 0; i < v->identity_files.count; i++)
		printf("expanded-identityfile %s\n", v->identity_files.items[i]);
	for (size_t i = 0; i < v->certificate_files.count; i++)
		printf("expanded-certificatefile %s\n", v->certificate_files.items[i]);
	for (size_t i = 0; i < v->user_known_hosts.count; i++)
		printf("expanded-userknownhostsfile %s\n", v->user_known_hosts.items[i]);
	for (size_t i = 0; i < v->revoked_host_keys.count; i++)
		printf("expanded-revokedhostkeys %s\n", v->revoked_host_keys.items[i]);
	if (v->identity_agent)
		printf("expanded-identityagent %s\n", v->identity_agent);
	if (v->proxy_command)
		printf("expanded-proxycommand %s\n", v->proxy_command);
}

/* config HOME FLAGS FILE HOST [OPTION...]: FILE "" for none; FLAGS as the header numbers them */
static int command_config(char **a)
{
	haw_config *config = haw_config_new(&err);
	haw_host_config *host = NULL;
	bool set = config && haw_config_set_home(config, a[1], &err) == 0;

	for (char **option = a + 5; set && *option; option++)
		set = haw_config_set(config, *option, &err) == 0;
	if (set && a[3][0])
		set = haw_config_load_file(config, a[3], (unsigned int)atoi(a[2]), &err) == 0;
	if (set)
		host = haw_config_lookup(config, a[4], &err);
	if (host) {
		for (size_t i = 0; haw_host_config_line(host, i); i++)
			printf("%s\n", haw_host_config_line(host, i));
		show_expanded(haw_host_config_values(host));
		for (size_t i = 0; haw_host_config_note(host, i); i++)
			printf("note %s\n", haw_host_config_note(host, i));
	}
	set = host != NULL;
	haw_host_config_free(host);
	haw_config_free(config);
	return set ? 0 : failed();
}

/* keywords: what becomes of each */
static int command_keywords(char **a)
{
	static const char *const kinds[] = {"value", "note", "refused", "block"};
	const struct haw_keyword *keyword;

	for (size_t i = 0; (keyword = haw_keyword_at(i)) != NULL; i++)
		printf("%s %s\n", keyword->name, kinds[haw_keyword_find(keyword->name)->kind]);
	return 0;
}

static const struct {
	const char *name;
	int arguments; /* behind the name, at least */
	int (*run)(char **);
} commands[] = {
	{"private", 2, command_key},   {"public", 1, command_key},        {"half", 1, command_key},
	{"damage", 3, command_damage}, {"line", 2, command_line},         {"rewrite", 4, command_rewrite},
	{"generate", 4, command_generate},
	{"sign", 3, command_sign},     {"find", 3, command_find},         {"problems", 1, command_find},
	{"check", 4, command_check},   {"add", 5, command_change},        {"remove", 3, command_change},
	{"config", 4, command_config}, {"keywords", 0, command_keywords},
	{"revoked", 2, command_revoked},
	{"judge", 6, command_judge},   {"certificate", 1, command_certificate},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0 && argc - 2 >= commands[i].arguments)
			return commands[i].run(argv + 1);
	fprintf(stderr, "wrong use\n");
	return 2;
}
