/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that stands under its name only when all of it is there. That it can be written is known before
 * anything is measured.
 */
#ifndef HAWSER_BENCH_OUTPUT_FILE_H
#define HAWSER_BENCH_OUTPUT_FILE_H

#include <string>

namespace bench
{

class OutputFile
{
      public:
	/* NAME empty: none is wanted. WrongUse if it cannot be written. */
	explicit OutputFile(const std::string &name);
	/* What has not been put in place is removed. */
	~OutputFile();
	OutputFile(const OutputFile &) = delete;
	OutputFile &operator=(const OutputFile &) = delete;

	bool wanted() const
	{
		return fd_ >= 0;
	}
	/* Write all of TEXT and put it in place. std::runtime_error on failure. */
	void write(const std::string &text);

      private:
	std::string name_, temporary_;
	int fd_ = -1;
};

} // namespace bench

#endif
