/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's configuration, in the format of ssh_config(5).
 *
 * Files are loaded into a haw_config; haw_config_lookup asks it what holds for one host. The first
 * value found for a keyword wins: values from haw_config_set (the command line) first, then the
 * files in the order in which they were loaded.
 *
 * Every keyword of OpenSSH is one of three kinds: in force (haw_host_values); without effect here,
 * which leaves a note for those who want to know (haw_host_config_note); or refused, because
 * ignoring it would change the route, the host's identity or what is trusted. docs/configuration.md
 * lists them all. A refused keyword is an error only where it holds for the host looked up.
 *
 * Threads: haw_config_lookup may run in several threads at once while nothing changes the
 * haw_config; a haw_host_config is constant. Loading waits for the disk. Looking up waits for the commands
 * of "Match exec", and for the name service where CanonicalizeHostname asks it.
 */
#ifndef HAWSER_CONFIG_H
#define HAWSER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct haw_config haw_config;
typedef struct haw_host_config haw_host_config;

/* ---- Loading ---- */

enum haw_config_flags {
	HAW_CONFIG_USER = 1,	/* the user's file: must belong to the user or root and be writable by no
				 * one else; Include is relative to ~/.ssh */
	HAW_CONFIG_SYSTEM = 2,	/* the system's file: Include is relative to /etc/ssh */
	HAW_CONFIG_OPTIONAL = 4	/* a file that does not exist is empty, not an error */
};

/* An empty configuration. The home directory and the user's name come from the password database.
 * NULL if out of memory or if this user has no entry there. */
HAW_API haw_config *haw_config_new(haw_error *err);
/* The same for a program with KEYWORDS of its own (ending with NULL; copied), in place of ssh's: letter case
 * and dashes in them do not count, so "backend-module" is BackendModule too. Every value is kept for
 * haw_host_config_option; unknown keywords are errors; relative Includes start at the including file; Match
 * compares user with what haw_config_set_login says. haw_config_set is not for these, and
 * haw_config_load_default loads ssh's files. */
HAW_API haw_config *haw_config_new_options(const char *const *keywords, haw_error *err);
HAW_API void haw_config_free(haw_config *config);
/* Use HOME as home directory ("~", %d, the default files) instead. Before anything is loaded. */
HAW_API HAW_MUST_USE int haw_config_set_home(haw_config *config, const char *home, haw_error *err);
/* The user on the other side, where no User line says it; by default the local user's name. Copied. Before
 * haw_config_lookup. HAW_ENOMEM. */
HAW_API HAW_MUST_USE int haw_config_set_login(haw_config *config, const char *login, haw_error *err);

/* Set one keyword, as -o has it: "Keyword=value" or "Keyword value". What was set first wins, and
 * wins over every file. Host, Match and Include cannot be set. HAW_EFORMAT with a sentence for text
 * that is no keyword with a value; keyword and value themselves are judged by haw_config_lookup. */
HAW_API HAW_MUST_USE int haw_config_set(haw_config *config, const char *text, haw_error *err);
/* The same, but VALUE is one value as it stands: blanks, quotes, backslashes and # in it mean nothing. Tokens
 * of the keyword are expanded. */
HAW_API HAW_MUST_USE int haw_config_set_literal(haw_config *config, const char *keyword, const char *value,
						haw_error *err);
/* Load the file PATH ("~/" allowed) and what it includes. FLAGS: HAW_CONFIG_USER or _SYSTEM (0:
 * neither, as ssh -F: no check of owner and mode, Include relative to ~/.ssh), HAW_CONFIG_OPTIONAL.
 * Errors name file and line: HAW_ESYSTEM, HAW_EFORMAT, HAW_ELIMIT (a file over 1 MiB, includes
 * deeper than 16). */
HAW_API HAW_MUST_USE int haw_config_load_file(haw_config *config, const char *path, unsigned int flags,
					      haw_error *err);
/* Load ~/.ssh/config, then /etc/ssh/ssh_config; either may be missing. */
HAW_API HAW_MUST_USE int haw_config_load_default(haw_config *config, haw_error *err);

/* ---- Looking up ---- */

/* What holds for HOST, the name as the user typed it. A user or port that was typed with it is set
 * beforehand ("User=...", "Port=..."), so that tokens see it. NULL:
 *   HAW_EFORMAT       a keyword that OpenSSH does not know, or a bad value, with file and line; or HOST, or a
 *                     user or hop that was set, has a name that a shell could act upon, as "x;y"
 *   HAW_EUNSUPPORTED  a refused keyword holds for this host; with file, line and keyword
 *   HAW_ERESOLVE      the name cannot be made canonical, and must be (CanonicalizeFallbackLocal no)
 *   HAW_ESYSTEM       a command of Match exec cannot be run, or does not end by itself
 * Commands of "Match exec" are run by the user's shell ($SHELL), their input and output /dev/null, with
 * HAWSER_MATCH_EXEC_DEPTH in their environment, by which commands that run one another are found out. They
 * are waited for: a program that ignores SIGCHLD, or waits for any child, takes their status away. */
HAW_API haw_host_config *haw_config_lookup(const haw_config *config, const char *host, haw_error *err);
/* What holds for the last hop of JUMP, which is the text of a ProxyJump (haw_host_values.proxy_jump), as the
 * ssh that ssh(1) runs for it looks it up. Of CONFIG only the files count, not what haw_config_set has set;
 * user and port of the hop win over the files, and the hops before it take the place of its own ProxyJump
 * and ProxyCommand. Errors as above. */
HAW_API haw_host_config *haw_config_lookup_hop(const haw_config *config, const char *jump, haw_error *err);
HAW_API void haw_host_config_free(haw_host_config *host);

enum haw_strict_host_key {
	HAW_STRICT_ASK = 0,		/* the default */
	HAW_STRICT_YES = 1,
	HAW_STRICT_ACCEPT_NEW = 2,
	HAW_STRICT_OFF = 3		/* "no" and "off" */
};

enum haw_log_level {
	HAW_LOG_LEVEL_QUIET = 0,
	HAW_LOG_LEVEL_FATAL = 1,
	HAW_LOG_LEVEL_ERROR = 2,
	HAW_LOG_LEVEL_INFO = 3,		/* the default */
	HAW_LOG_LEVEL_VERBOSE = 4,
	HAW_LOG_LEVEL_DEBUG1 = 5,	/* "DEBUG" too */
	HAW_LOG_LEVEL_DEBUG2 = 6,
	HAW_LOG_LEVEL_DEBUG3 = 7
};

enum haw_update_host_keys {
	HAW_UPDATE_HOST_KEYS_NO = 0,
	HAW_UPDATE_HOST_KEYS_YES = 1,
	HAW_UPDATE_HOST_KEYS_ASK = 2
};

/* A list of strings. */
typedef struct haw_string_list {
	const char *const *items;
	size_t count;
} haw_string_list;

/* Typed values of the keywords in force, defaults included. Paths are expanded: "~", ${VAR} and the
 * tokens of ssh_config(5). NULL strings: not set, take the built-in default. */
typedef struct haw_host_values {
	size_t size;			/* of this struct in the library; fields are added at its end */
	const char *alias;		/* the name that was looked up */
	const char *hostname;		/* HostName, else the alias; lower case */
	const char *user;		/* User, else the local user's name */
	uint16_t port;			/* Port, else 22 */
	int family;			/* AddressFamily: AF_INET, AF_INET6, or 0 for any */
	haw_string_list identity_files;	/* IdentityFile, in order, each once; "none" makes it empty */
	bool identity_files_set;	/* from the configuration; else the default files, which may be
					 * missing without a word */
	bool identities_only;
	/* KexAlgorithms, Ciphers, MACs, HostKeyAlgorithms: the text with its leading + - ^, as
	 * haw_transport_options takes it. */
	const char *kex;
	const char *ciphers;
	const char *macs;
	const char *host_key_algorithms;
	haw_string_list user_known_hosts;	/* UserKnownHostsFile; "none" makes it empty; accepted
						 * keys go to the first */
	haw_string_list global_known_hosts;	/* GlobalKnownHostsFile */
	enum haw_strict_host_key strict_host_key;
	bool hash_known_hosts;		/* HashKnownHosts */
	bool batch_mode;
	bool pubkey_authentication;
	bool password_authentication;
	bool kbd_interactive_authentication;
	uint32_t connect_timeout_s;	/* ConnectTimeout; 0: the system's */
	uint32_t server_alive_interval_s; /* 0: off */
	uint32_t server_alive_count_max;
	uint64_t rekey_bytes;		/* RekeyLimit; 0: the cipher's */
	uint32_t rekey_seconds;		/* 0: none */
	enum haw_log_level log_level;
	const char *host_key_alias;	/* HostKeyAlias, the name in known_hosts, or NULL; lower case */
	haw_string_list certificate_files; /* CertificateFile, in order, each once */
	const char *identity_agent;	/* socket of the agent: IdentityAgent, else $SSH_AUTH_SOCK, or NULL */
	bool identity_agent_set;	/* from the configuration */
	/* PubkeyAcceptedAlgorithms, CASignatureAlgorithms: as HostKeyAlgorithms above. */
	const char *pubkey_algorithms;
	const char *ca_signature_algorithms;
	const char *preferred_authentications;	/* comma-separated */
	uint32_t password_prompts;	/* NumberOfPasswordPrompts, else 3 */
	haw_string_list revoked_host_keys; /* RevokedHostKeys: files of revoked keys, which must be there */
	enum haw_update_host_keys update_host_keys; /* UpdateHostKeys, else as ssh_config(5) says */
	uint32_t required_rsa_size;	/* RequiredRSASize in bits; 0: what the library requires anyway */
	bool compression;		/* Compression */
	uint32_t connection_attempts;	/* ConnectionAttempts, at least 1 */
	const char *bind_address;	/* BindAddress, or NULL */
	const char *bind_interface;	/* BindInterface, or NULL */
	bool tcp_keep_alive;		/* TCPKeepAlive, else true */
	int qos_interactive;		/* IPQoS: the octet (IP_TOS, IPV6_TCLASS), or -1 to leave it alone,
					 * the default */
	int qos_bulk;
	/* ProxyCommand, tokens expanded, for the user's shell; ProxyJump, "[USER@]HOST[:PORT]" or ssh:// URIs
	 * with commas between, the nearest first. At most one of them is set. */
	const char *proxy_command;
	const char *proxy_jump;
	/* KnownHostsCommand: the program's path and its arguments, for no shell, with NULL behind the last;
	 * empty: none. In the arguments %H, %I, %K, %f and %t are still to be expanded, and %% to %. */
	haw_string_list known_hosts_command;
} haw_host_values;

/* The values; they live as long as HOST. Never NULL. */
HAW_API const haw_host_values *haw_host_config_values(const haw_host_config *host);
/* The first value given for KEYWORD (case does not matter), as it stands in the configuration with
 * its arguments joined by one blank, or NULL if it is not set. Works for every keyword that OpenSSH
 * knows, notes too. Lives as long as HOST. */
HAW_API const char *haw_host_config_get(const haw_host_config *host, const char *keyword);
/* Of a configuration made by haw_config_new_options: the INDEX-th value (0, 1, ...) of KEYWORD that holds, as
 * haw_host_config_get has it, in the order of the files; NULL behind the last. WHERE, if not NULL, receives
 * "FILE:LINE", safe to show. Both live as long as HOST. */
HAW_API const char *haw_host_config_option(const haw_host_config *host, const char *keyword, size_t index,
					   const char **where);
/* The INDEX-th line of what is in force, as `ssh -G` has it: the keyword in lower case, a blank, the value.
 * Lists of algorithms stand there as they were given, and only if they were. NULL behind the last. Not of
 * configurations made by haw_config_new_options. Not escaped. Lives as long as HOST. */
HAW_API const char *haw_host_config_line(const haw_host_config *host, size_t index);
/* The INDEX-th note, "FILE:LINE: SendEnv has no effect here", safe to show; NULL behind the last. */
HAW_API const char *haw_host_config_note(const haw_host_config *host, size_t index);

#ifdef __cplusplus
}
#endif
#endif
