/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration of the commands: ~/.config/hawser/config and /etc/hawser/config, which take their long
 * options in the grammar of ssh_config(5).
 */
#ifndef HAWSER_TOOLS_CONFIG_H
#define HAWSER_TOOLS_CONFIG_H

#include <stdbool.h>

#include <hawser/config.h>

/* What the files say for HOST ("" where there is none) and the USER there (NULL: the local one's name). NULL
 * and an error that names file and line. */
haw_host_config *tool_config_load(const char *host, const char *user, haw_error *err);
/* The first value of the option NAME, which is yes or no, into *VALUE, which keeps its value if there is
 * none. Negative with an error that names file and line. CONFIG may be NULL. */
int tool_config_flag(const haw_host_config *config, const char *name, bool *value, haw_error *err);

/* ARGV of a command that is a program of its own, with what the configuration says of `hawser bench` in
 * front, as far as ARGV does not say it; ends with NULL. NULL and an error that names file and line. */
char **tool_config_arguments(char *const *argv, haw_error *err);
void tool_config_free_arguments(char **arguments);

#endif
