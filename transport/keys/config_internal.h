/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside haw_config: files become a flat list of nodes once, in the order in which ssh(1) would read
 * them; a lookup walks that list for one host.
 */
#ifndef HAW_KEYS_CONFIG_INTERNAL_H
#define HAW_KEYS_CONFIG_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hawser/config.h>

/* The tokens that most keywords take. */
#define HAW_CONFIG_TOKENS "%CdhijkLlnpru"

enum {
	HAW_CONFIG_FILE_MAX = 1 << 20,	/* bytes of one file */
	HAW_CONFIG_NODES_MAX = 1 << 18, /* lines of all files */
	HAW_CONFIG_DEPTH_MAX = 16,	/* of Include */
	HAW_CONFIG_LIST_MAX = 100,	/* identity files, known_hosts files */
	HAW_CONFIG_PATH_MAX = 4096	/* bytes of an expanded value */
};

/* What becomes of a keyword. */
enum haw_keyword_kind {
	HAW_KEYWORD_VALUE,	/* in force */
	HAW_KEYWORD_NOTE,	/* without effect here */
	HAW_KEYWORD_REFUSED,	/* an error, unless the value is inert */
	HAW_KEYWORD_BLOCK,	/* Host, Match, Include */
	HAW_KEYWORD_OPTION	/* of the table of a program: kept for it */
};

/* Keywords that the code tells apart. The first ones index haw_config_host.given. */
enum haw_keyword_id {
	HAW_K_HOSTNAME,
	HAW_K_USER,
	HAW_K_PORT,
	HAW_K_ADDRESS_FAMILY,
	HAW_K_IDENTITY_FILE,
	HAW_K_IDENTITIES_ONLY,
	HAW_K_CIPHERS,
	HAW_K_MACS,
	HAW_K_KEX,
	HAW_K_HOST_KEY_ALGORITHMS,
	HAW_K_USER_KNOWN_HOSTS,
	HAW_K_GLOBAL_KNOWN_HOSTS,
	HAW_K_STRICT,
	HAW_K_HASH_KNOWN_HOSTS,
	HAW_K_BATCH_MODE,
	HAW_K_PUBKEY_AUTH,
	HAW_K_PASSWORD_AUTH,
	HAW_K_KBDINT_AUTH,
	HAW_K_CONNECT_TIMEOUT,
	HAW_K_ALIVE_INTERVAL,
	HAW_K_ALIVE_COUNT,
	HAW_K_REKEY_LIMIT,
	HAW_K_LOG_LEVEL,
	HAW_K_IGNORE_UNKNOWN,
	HAW_K_PROXY,		/* ProxyCommand and ProxyJump: whichever comes first wins */
	HAW_K_REQUIRED_RSA_SIZE,
	HAW_K_HOST_KEY_ALIAS,
	HAW_K_CERTIFICATE_FILE,
	HAW_K_IDENTITY_AGENT,
	HAW_K_PUBKEY_ALGORITHMS,
	HAW_K_CA_ALGORITHMS,
	HAW_K_PREFERRED_AUTH,
	HAW_K_PASSWORD_PROMPTS,
	HAW_K_REVOKED_HOST_KEYS,
	HAW_K_UPDATE_HOST_KEYS,
	HAW_K_COMPRESSION,
	HAW_K_ATTEMPTS,
	HAW_K_BIND_ADDRESS,
	HAW_K_BIND_INTERFACE,
	HAW_K_TCP_KEEP_ALIVE,
	HAW_K_IP_QOS,
	HAW_K_CANONICALIZE,
	HAW_K_CANONICAL_DOMAINS,
	HAW_K_CANONICALIZE_DOTS,
	HAW_K_CANONICALIZE_FALLBACK,
	HAW_K_PERMITTED_CNAMES,
	HAW_K_KNOWN_HOSTS_COMMAND,
	HAW_K_SINGLE,		/* the following ones are told apart by name only: first value wins */
	HAW_K_MANY,		/* the same, but every value counts */
	HAW_K_HOST,
	HAW_K_MATCH,
	HAW_K_INCLUDE
};

struct haw_keyword {
	const char *name;	/* as ssh_config(5) writes it */
	const char *inert;	/* refused keywords: comma-separated values that change nothing */
	uint8_t kind;		/* enum haw_keyword_kind */
	uint8_t id;		/* enum haw_keyword_id */
	const char *alias;	/* the keyword that this is another name of */
};

/* The keyword of that name, case apart and aliases resolved, or NULL. */
const struct haw_keyword *haw_keyword_find(const char *name);
/* The INDEX-th row of the table, aliases too; NULL behind the last. */
const struct haw_keyword *haw_keyword_at(size_t index);

enum haw_node_kind {
	HAW_NODE_LINE,
	HAW_NODE_FILE,	/* a file begins; `include` if another file includes it */
	HAW_NODE_END	/* it ends */
};

struct haw_config_node {
	uint8_t kind;
	bool include;
	const char *file;	/* escaped, for messages; "command line" for haw_config_set */
	size_t line;
	const struct haw_keyword *keyword;	/* NULL: unknown to OpenSSH */
	char *word;		/* the keyword as it was written */
	char **arguments;	/* NULL at the end; at least one */
	size_t argument_count;
	char *rest;		/* what stands behind the keyword, as it is: a command */
};

struct haw_config {
	char *home, *user, *login; /* login: on the other side, where no keyword says it; NULL: as USER */
	uid_t uid;
	struct haw_config_node *nodes;
	size_t node_count, node_room;
	size_t set_count;	/* the first nodes: from haw_config_set */
	char **files;
	size_t file_count;
	struct haw_keyword *options; /* haw_config_new_options: instead of ssh's keywords */
	size_t option_count;
};

/* Cut the line TEXT (LEN bytes, no newline) into keyword, arguments and rest, which NODE owns then. 1 if
 * there is one, 0 for an empty line or a comment, negative with *REASON (HAW_EFORMAT) or HAW_ENOMEM. */
int haw_config_cut(const char *text, size_t len, struct haw_config_node *node, const char **reason);
/* Free what a node owns. */
void haw_config_free_node(struct haw_config_node *node);

/* ---- Lookup ---- */

struct haw_named_value {
	const char *name;	/* of the keyword table */
	char *text;
};

/* A value of a program's own keyword. */
struct haw_option_value {
	char *name, *text, *where;
};

enum haw_canonicalize { HAW_CANONICALIZE_NO, HAW_CANONICALIZE_YES, HAW_CANONICALIZE_ALWAYS };

/* How a name becomes canonical. */
struct haw_canonical {
	int mode; /* enum haw_canonicalize */
	uint32_t max_dots;
	bool fallback_local;
	haw_string_list domains;
	haw_string_list cnames; /* "SOURCES:TARGETS" */
};

struct haw_host_config {
	haw_host_values values;
	struct haw_canonical canonical;
	int compression, pubkey;	/* before they become switches */
	const char *ignore_unknown;
	char **lines;			/* as ssh -G prints them */
	size_t line_count;
	struct haw_named_value *named;	/* for haw_host_config_get */
	size_t named_count;
	char **notes;
	size_t note_count;
	struct haw_option_value *given;	/* in the order of the files */
	size_t given_count;
	void **owned;			/* everything that values point to */
	size_t owned_count;
};

/* A lookup under way. */
struct haw_config_lookup {
	const haw_config *config;
	const haw_config *instead;	/* whose set values count instead of CONFIG's, or NULL */
	const char *alias;		/* as it was typed */
	const char *hostname;		/* as it is known by now; what Host and Match host look at */
	haw_host_config *host;
	bool final;			/* the second walk */
	bool wants_final;		/* a Match line asks for it */
	/* Where each keyword's value stands; NULL: not given. */
	const struct haw_config_node *given[HAW_K_SINGLE];
	const struct haw_config_node *identities[HAW_CONFIG_LIST_MAX];
	const struct haw_config_node *certificates[HAW_CONFIG_LIST_MAX];
	size_t identity_count, certificate_count;
	const struct haw_config_node *rekey_time; /* the first RekeyLimit with a time */
	haw_error *err;		/* never NULL */
};

/* The error CODE (HAW_EFORMAT, HAW_EUNSUPPORTED) at NODE: "FILE:LINE: KEYWORD ...". */
int haw_config_fail(const struct haw_config_node *node, haw_error *err, int code, const char *format, ...)
	HAW_PRINTF(4, 5);
/* After the first walk: find the host's name, and whether the files are to be walked once more. */
int haw_config_canonicalize(struct haw_config_lookup *lookup);
int haw_config_read_canonical(struct haw_config_lookup *lookup);
/* Whether the proxy that FIRST says leaves room for that of NODE: "ProxyJump none" does, for a command. */
bool haw_config_yields(const struct haw_config_node *first, const struct haw_config_node *node);
/* Whether no proxy stands between. */
bool haw_config_is_direct(const struct haw_config_lookup *lookup);
/* 1 if the Host line or the Match line NODE holds, 0 if not, negative if it is wrong. With LIVE false it
 * does not matter, and no command is run. */
int haw_config_match_host(struct haw_config_lookup *lookup, const struct haw_config_node *node);
int haw_config_match(struct haw_config_lookup *lookup, const struct haw_config_node *node, bool live);
/* Write down what is in force, as ssh -G prints it. */
int haw_config_dump(struct haw_config_lookup *lookup);
/* Give memory to the host configuration, which frees it; returns it, or NULL (freed) if out of memory. */
void *haw_config_own(haw_host_config *host, void *memory);
/* Read and expand every value in force. 0 or a negative code. */
int haw_config_read_values(struct haw_config_lookup *lookup);
/* The same for what names files (config_files.c), and for the connection and its way (config_route.c). */
int haw_config_read_files(struct haw_config_lookup *lookup, haw_host_values *v);
int haw_config_read_route(struct haw_config_lookup *lookup, haw_host_values *v);
/* One hop of ProxyJump; user empty and port 0 where they are not given. */
struct haw_config_hop {
	char user[256], host[1025];
	uint16_t port;
};
/* "[USER@]HOST[:PORT]" or "ssh://[USER@]HOST[:PORT]", LEN bytes of TEXT; false if it is neither. */
bool haw_config_parse_hop(const char *text, size_t len, struct haw_config_hop *hop);
/* Its arguments from the text behind a keyword that is a command for no shell, as ssh(1) cuts it; an owned
 * list, NULL at its end. NULL with *REASON, or NULL for no memory. */
char **haw_config_cut_command(haw_host_config *host, const char *text, size_t *count, const char **reason);
/* The name that ssh(1) prints for a value of IPQoS, or NULL. */
const char *haw_config_qos_name(int value);

/* Judge a line that may not be in force: ssh(1) refuses a wrong value wherever it stands. */
int haw_config_check_line(struct haw_config_lookup *lookup, const struct haw_config_node *node);
/* No value is empty, and "none" stands alone. */
int haw_config_check_list(struct haw_config_lookup *lookup, const struct haw_config_node *node);
int haw_config_check_files(struct haw_config_lookup *lookup, const struct haw_config_node *node);
int haw_config_check_route(struct haw_config_lookup *lookup, const struct haw_config_node *node);
int haw_config_check_canonical(struct haw_config_lookup *lookup, const struct haw_config_node *node);

/* ---- Names from outside of the files (config_names.c) ---- */

/* HOST, what SET says of the user and of hops, and the login of CONFIG may stand in a command's tokens. */
int haw_config_check_names(const haw_config *config, const haw_config *set, const char *host, haw_error *err);
int haw_config_check_host(const char *name, haw_error *err);
int haw_config_check_user(const char *name, haw_error *err);
bool haw_config_is_host_name(const char *name);
bool haw_config_is_user_name(const char *name);

/* ---- Single values ---- */

struct haw_config_choice {
	const char *text;
	int value;
};

enum haw_row_kind {
	HAW_ROW_TEXT,	/* const char * */
	HAW_ROW_SWITCH, /* bool */
	HAW_ROW_CHOICE, /* int or an enum */
	HAW_ROW_PORT,	/* uint16_t */
	HAW_ROW_NUMBER, /* uint32_t */
	HAW_ROW_TIME	/* uint32_t, seconds */
};

/* A keyword that is one plain value, at OFFSET of haw_host_config. */
struct haw_config_row {
	uint8_t id, kind;
	size_t offset;
	const struct haw_config_choice *choices; /* ends with a NULL text */
	const char *wanted;			 /* in words */
	uint64_t min, max;
	int value;				 /* the default */
};

/* The INDEX-th row, in the order of ssh -G; NULL behind the last. */
const struct haw_config_row *haw_config_row_at(size_t index);
/* Read the row of keyword ID, if it has one. */
int haw_config_read_id(struct haw_config_lookup *lookup, int id);
/* The node of a keyword that takes exactly one argument, which may not be empty. NULL with *RESULT 0
 * if it is not given, with *RESULT negative if it is wrong. */
const struct haw_config_node *haw_config_single(struct haw_config_lookup *lookup, int id, int *result);
/* "VALUE is not WANTED". */
int haw_config_bad_value(struct haw_config_lookup *lookup, const struct haw_config_node *node,
			 const char *wanted);
/* An owned copy of the single value of keyword ID into *TEXT, which keeps its value if there is none. So do
 * the ones below. */
int haw_config_read_text(struct haw_config_lookup *lookup, int id, const char **text);
int haw_config_read_choice(struct haw_config_lookup *lookup, int id, const struct haw_config_choice *choices,
			   const char *wanted, int *value);
int haw_config_read_number(struct haw_config_lookup *lookup, int id, uint64_t min, uint64_t max,
			   const char *wanted, uint64_t *value);

/* Expand "~" (TILDE), ${VAR} (ENVIRONMENT) and the tokens in TOKENS (letters without %) of TEXT, a value
 * of NODE (NULL: a default). Returns an owned string, or NULL with lookup->err set. */
struct haw_expansion {
	bool tilde, environment;
	const char *tokens;
	const char *later; /* tokens that stay, to be expanded when they are known: then %% stays, too, and
			    * each % that a token brings becomes %%; or NULL */
};
char *haw_config_expand(struct haw_config_lookup *lookup, const struct haw_config_node *node,
			const char *text, const struct haw_expansion *how);
/* "~" or "~user" at the start of PATH, replaced; malloc'ed. NULL with *REASON, or NULL for no memory. */
char *haw_config_expand_home(const haw_config *config, const char *path, const char **reason);

/* ---- Keywords of programs (config_options.c) ---- */

/* The keyword WORD of this configuration, or NULL. */
const struct haw_keyword *haw_config_keyword(const haw_config *config, const char *word);
/* Keep the value of NODE, whose keyword is HAW_KEYWORD_OPTION. */
int haw_config_keep_option(struct haw_config_lookup *lookup, const struct haw_config_node *node);
void haw_config_free_options(haw_config *config);
void haw_host_config_free_options(haw_host_config *host);
/* The arguments of NODE with one blank between; malloc'ed, or NULL. */
char *haw_config_join(const struct haw_config_node *node);

#endif
