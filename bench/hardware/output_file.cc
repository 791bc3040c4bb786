/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "bench/hardware/engine.h"

namespace bench
{

OutputFile::OutputFile(const std::string &name) : name_(name)
{
	struct stat st;

	if (name.empty())
		return;
	if (stat(name.c_str(), &st) == 0 && !S_ISREG(st.st_mode))
		throw WrongUse(name + " is no regular file: give the name of a file to be written");
	if (access(name.c_str(), F_OK) == 0 && access(name.c_str(), W_OK) != 0)
		throw WrongUse(name + " cannot be written: " + strerror(errno));
	temporary_ = name + ".XXXXXX";
	fd_ = mkostemp(&temporary_[0], O_CLOEXEC);
	if (fd_ < 0)
		throw WrongUse(name + " cannot be written: " + strerror(errno));
	/* mkostemp makes files private; this one is as any other would be. */
	const mode_t mask = umask(0);
	umask(mask);
	(void)fchmod(fd_, 0666 & ~mask);
}

OutputFile::~OutputFile()
{
	if (fd_ < 0)
		return;
	close(fd_);
	if (!temporary_.empty())
		unlink(temporary_.c_str());
}

void OutputFile::write(const std::string &text)
{
	size_t at = 0;

	while (at < text.size()) {
		const ssize_t n = ::write(fd_, text.data() + at, text.size() - at);

		if (n < 0 && errno != EINTR)
			throw std::runtime_error(name_ + ": " + strerror(errno));
		at += n > 0 ? size_t(n) : 0;
	}
	if (rename(temporary_.c_str(), name_.c_str()) != 0)
		throw std::runtime_error(name_ + ": " + strerror(errno));
	temporary_.clear();
}

} // namespace bench
