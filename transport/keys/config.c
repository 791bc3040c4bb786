/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading configuration files: every file becomes a run of nodes, included files in the place of
 * their Include.
 */
#include <hawser/config.h>

#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/keys/config_internal.h"
#include "transport/keys/text.h"

#define SYSTEM_DIRECTORY "/etc/ssh"

haw_config *haw_config_new(haw_error *err)
{
	haw_config *config = calloc(1, sizeof(*config));
	struct passwd entry, *found = NULL;
	char text[4096];

	if (!config) {
		haw_no_memory(err);
		return NULL;
	}
	config->uid = getuid();
	getpwuid_r(config->uid, &entry, text, sizeof(text), &found);
	if (!found) {
		haw_error_set(err, HAW_ENOTFOUND, HAW_FAULT_SYSTEM, 0,
			      "no user with the number %lu in the password database",
			      (unsigned long)config->uid);
		free(config);
		return NULL;
	}
	config->home = strdup(entry.pw_dir);
	config->user = strdup(entry.pw_name);
	if (config->home && config->user)
		return config;
	haw_config_free(config);
	haw_no_memory(err);
	return NULL;
}

void haw_config_free(haw_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->node_count; i++)
		haw_config_free_node(&config->nodes[i]);
	for (size_t i = 0; i < config->file_count; i++)
		free(config->files[i]);
	haw_config_free_options(config);
	free(config->nodes);
	free(config->files);
	free(config->home);
	free(config->user);
	free(config->login);
	free(config);
}

int haw_config_set_home(haw_config *config, const char *home, haw_error *err)
{
	char *copy = strdup(home);

	if (!copy)
		return haw_no_memory(err);
	free(config->home);
	config->home = copy;
	return 0;
}

int haw_config_set_login(haw_config *config, const char *login, haw_error *err)
{
	char *copy = strdup(login);

	if (!copy)
		return haw_no_memory(err);
	free(config->login);
	config->login = copy;
	return 0;
}

/* Room for one more node at the end; NULL if there is none. */
static struct haw_config_node *add_node(haw_config *config, int kind, const char *file, size_t line)
{
	struct haw_config_node *nodes;
	size_t room;

	if (config->node_count == HAW_CONFIG_NODES_MAX)
		return NULL;
	if (config->node_count == config->node_room) {
		room = config->node_room ? config->node_room * 2 : 64;
		nodes = realloc(config->nodes, room * sizeof(*nodes));
		if (!nodes)
			return NULL;
		config->nodes = nodes;
		config->node_room = room;
	}
	nodes = &config->nodes[config->node_count++];
	*nodes = (struct haw_config_node){.kind = (uint8_t)kind, .file = file, .line = line};
	return nodes;
}

static void drop_nodes(haw_config *config, size_t count)
{
	while (config->node_count > count)
		haw_config_free_node(&config->nodes[--config->node_count]);
}

/* The configuration's own, escaped copy of a path. */
static const char *keep_file_name(haw_config *config, const char *path)
{
	char **files = realloc(config->files, (config->file_count + 1) * sizeof(*files)), name[1024];

	if (!files)
		return NULL;
	config->files = files;
	files[config->file_count] = strdup(haw_escape(name, sizeof(name), path, strlen(path)));
	return files[config->file_count] ? files[config->file_count++] : NULL;
}

/* A line with a keyword becomes a node. 1 if there was one, 0 if not, or a negative code. */
static int add_line(haw_config *config, const char *file, size_t number, haw_span text, haw_error *err)
{
	struct haw_config_node cut = {.file = file, .line = number}, *node;
	const char *reason;
	int found = haw_config_cut((const char *)text.ptr, text.len, &cut, &reason);

	if (found == HAW_EFORMAT && number > 0)
		return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0, "%s:%zu: %s", file, number,
				     reason);
	if (found == HAW_EFORMAT)
		return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0, "%s: %s", file, reason);
	if (found < 0)
		return haw_no_memory(err);
	if (found == 0)
		return 0;
	node = add_node(config, HAW_NODE_LINE, file, number);
	if (!node) {
		haw_config_free_node(&cut);
		return haw_no_memory(err);
	}
	*node = cut;
	node->kind = HAW_NODE_LINE;
	node->keyword = haw_config_keyword(config, cut.word);
	return 1;
}

int haw_config_set(haw_config *config, const char *text, haw_error *err)
{
	haw_span line = {(const uint8_t *)text, strlen(text)};
	struct haw_config_node node;
	int found = add_line(config, "command line", 0, line, err);

	if (found < 0)
		return found;
	if (found == 0)
		return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
				     "command line: an empty configuration option");
	node = config->nodes[config->node_count - 1];
	if (node.keyword && node.keyword->kind == HAW_KEYWORD_BLOCK) {
		drop_nodes(config, config->node_count - 1);
		return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
				     "command line: Host, Match and Include stand in files only");
	}
	memmove(config->nodes + config->set_count + 1, config->nodes + config->set_count,
		(config->node_count - 1 - config->set_count) * sizeof(node));
	config->nodes[config->set_count++] = node;
	return 0;
}

int haw_config_set_literal(haw_config *config, const char *keyword, const char *value, haw_error *err)
{
	size_t len = strlen(keyword);
	char *text = malloc(len + 2 * strlen(value) + 4), *at = text;
	int result;

	if (!text)
		return haw_no_memory(err);
	memcpy(at, keyword, len);
	at += len;
	*at++ = ' ';
	*at++ = '"';
	for (; *value; value++) {
		if (*value == '"' || *value == '\\' || *value == '\'')
			*at++ = '\\';
		*at++ = *value;
	}
	memcpy(at, "\"", 2);
	result = haw_config_set(config, text, err);
	free(text);
	return result;
}

/* How a file is read. */
struct source {
	unsigned int flags;
	int depth;
	bool check;       /* owner and mode */
	const char *path; /* of the file that is being read */
};

static int load_source(haw_config *config, const char *path, const struct source *source, haw_error *err);

static int load_includes(haw_config *config, const glob_t *found, const struct source *source, haw_error *err)
{
	/* As in ssh(1), what is included is checked even where the including file is not. */
	const struct source inner = {source->flags, source->depth + 1, true, NULL};

	for (size_t i = 0; i < found->gl_pathc; i++) {
		haw_error own;
		int result = load_source(config, found->gl_pathv[i], &inner, &own);

		if (result == HAW_ESYSTEM && own.sys_errno == ENOENT)
			continue;
		if (result < 0) {
			if (err)
				*err = own;
			return result;
		}
	}
	return 0;
}

/* The pattern of an Include as glob(3) takes it; NULL with *REASON, or NULL for no memory. */
static char *include_pattern(haw_config *config, const char *argument, const struct source *source,
			     const char **reason)
{
	bool system = (source->flags & HAW_CONFIG_SYSTEM) != 0;
	const char *slash = strrchr(source->path, '/');
	char *pattern;
	int n;

	*reason = NULL;
	if (config->options && argument[0] != '/' && argument[0] != '~')
		return asprintf(&pattern, "%.*s%s", slash ? (int)(slash + 1 - source->path) : 0, source->path,
				argument) < 0
			       ? NULL
			       : pattern;
	if (argument[0] == '~' && system) {
		*reason = "~ has no meaning in the system's configuration";
		return NULL;
	}
	if (argument[0] == '~')
		return haw_config_expand_home(config, argument, reason);
	if (argument[0] == '/')
		return strdup(argument);
	if (system)
		n = asprintf(&pattern, SYSTEM_DIRECTORY "/%s", argument);
	else
		n = asprintf(&pattern, "%s/.ssh/%s", config->home, argument);
	return n < 0 ? NULL : pattern;
}

static int load_include(haw_config *config, size_t index, const struct source *source, haw_error *err)
{
	const struct haw_config_node node = config->nodes[index];

	if (source->depth >= HAW_CONFIG_DEPTH_MAX)
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "%s:%zu: files include one another more than %d deep", node.file,
				     node.line, HAW_CONFIG_DEPTH_MAX);
	for (size_t i = 0; i < node.argument_count; i++) {
		const char *reason;
		char *pattern = include_pattern(config, node.arguments[i], source, &reason);
		glob_t found;
		int result;

		if (!pattern && reason)
			return haw_config_fail(&node, err, HAW_EFORMAT, "%s", reason);
		if (!pattern)
			return haw_no_memory(err);
		result = glob(pattern, 0, NULL, &found);
		free(pattern);
		if (result == GLOB_NOMATCH)
			continue;
		if (result != 0)
			return haw_config_fail(&node, err, HAW_ESYSTEM,
					       "cannot look for the files to include");
		result = load_includes(config, &found, source, err);
		globfree(&found);
		if (result < 0)
			return result;
	}
	return 0;
}

static int load_lines(haw_config *config, const char *file, haw_span text, const struct source *source,
		      haw_error *err)
{
	size_t number = 0;

	while (text.len > 0) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		haw_span line = {text.ptr, end ? (size_t)(end - text.ptr) : text.len};
		size_t index = config->node_count;
		int result = add_line(config, file, ++number, line, err);
		const struct haw_keyword *keyword;

		if (result < 0)
			return result;
		keyword = result > 0 ? config->nodes[index].keyword : NULL;
		if (keyword && keyword->id == HAW_K_INCLUDE) {
			result = load_include(config, index, source, err);
			if (result < 0)
				return result;
		}
		text.ptr += line.len + (end ? 1 : 0);
		text.len -= line.len + (end ? 1 : 0);
	}
	return 0;
}

static int check_owner(const char *path, const struct stat *info, uid_t uid, haw_error *err)
{
	char name[256];

	if ((info->st_uid == 0 || info->st_uid == uid) && (info->st_mode & 022) == 0)
		return 0;
	return haw_error_set(
		err, HAW_ESYSTEM, HAW_FAULT_LOCAL, EACCES,
		"%s: bad owner or permissions: it must belong to you or root, and no one else may "
		"write to it (chmod go-w)",
		haw_escape(name, sizeof(name), path, strlen(path)));
}

static int load_source(haw_config *config, const char *path, const struct source *source, haw_error *err)
{
	const struct source own = {source->flags, source->depth, source->check, path};
	struct haw_config_node *node;
	struct stat info;
	const char *file;
	uint8_t *data;
	size_t len;
	int result = haw_text_file_read(path, HAW_CONFIG_FILE_MAX, &data, &len, &info, err);

	if (result < 0)
		return result;
	result = source->check ? check_owner(path, &info, config->uid, err) : 0;
	if (result < 0)
		goto out;
	file = keep_file_name(config, path);
	node = file ? add_node(config, HAW_NODE_FILE, file, 0) : NULL;
	if (!node) {
		result = haw_no_memory(err);
		goto out;
	}
	node->include = source->depth > 0;
	result = load_lines(config, file, (haw_span){data, len}, &own, err);
	if (result == 0 && !add_node(config, HAW_NODE_END, file, 0))
		result = haw_no_memory(err);
out:
	haw_text_file_free(data, len);
	return result;
}

int haw_config_load_file(haw_config *config, const char *path, unsigned int flags, haw_error *err)
{
	struct source source = {flags, 0, (flags & HAW_CONFIG_USER) != 0, NULL};
	size_t before = config->node_count;
	const char *reason;
	char *full = haw_config_expand_home(config, path, &reason);
	haw_error own;
	int result;

	if (!full && reason)
		return haw_error_set(err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0, "configuration file: %s",
				     reason);
	if (!full)
		return haw_no_memory(err);
	result = load_source(config, full, &source, &own);
	free(full);
	if (result == 0)
		return 0;
	drop_nodes(config, before);
	if (result == HAW_ESYSTEM && own.sys_errno == ENOENT && (flags & HAW_CONFIG_OPTIONAL))
		return 0;
	if (err)
		*err = own;
	return result;
}

int haw_config_load_default(haw_config *config, haw_error *err)
{
	int result =
		haw_config_load_file(config, "~/.ssh/config", HAW_CONFIG_USER | HAW_CONFIG_OPTIONAL, err);

	if (result < 0)
		return result;
	return haw_config_load_file(config, SYSTEM_DIRECTORY "/ssh_config",
				    HAW_CONFIG_SYSTEM | HAW_CONFIG_OPTIONAL, err);
}

int haw_config_fail(const struct haw_config_node *node, haw_error *err, int code, const char *format, ...)
{
	char what[HAW_ERROR_MESSAGE_SIZE], word[64];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	haw_escape(word, sizeof(word), node->word, strlen(node->word));
	if (node->line > 0)
		return haw_error_set(err, code, HAW_FAULT_LOCAL, 0, "%s:%zu: %s: %s", node->file, node->line,
				     word, what);
	return haw_error_set(err, code, HAW_FAULT_LOCAL, 0, "%s: %s: %s", node->file, word, what);
}
