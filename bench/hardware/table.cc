/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/table.h"

#include <algorithm>

#include "bench/hardware/advice.h"
#include "bench/hardware/openssl_speed.h"
#include "bench/hardware/sizing.h"

namespace bench
{

namespace
{

/* Columns as wide as their widest cell; the first LEFT ones begin at the left. */
class Grid
{
      public:
	Grid(std::vector<std::string> head, size_t left) : left_(left)
	{
		lines_.push_back(std::move(head));
	}
	void add(std::vector<std::string> line)
	{
		lines_.push_back(std::move(line));
	}
	bool empty() const
	{
		return lines_.size() < 2;
	}
	std::string text() const
	{
		std::vector<size_t> widths(lines_[0].size(), 0);
		std::string out;

		for (const auto &line : lines_)
			for (size_t i = 0; i < line.size(); i++)
				widths[i] = std::max(widths[i], line[i].size());
		for (const auto &line : lines_) {
			std::string row = " ";

			for (size_t i = 0; i < line.size(); i++) {
				const std::string fill(widths[i] - line[i].size(), ' ');

				row += " " + (i < left_ ? line[i] + fill : fill + line[i]) + " ";
			}
			out += row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
		}
		return out;
	}

      private:
	std::vector<std::vector<std::string>> lines_;
	size_t left_;
};

std::string percent(double part)
{
	return fixed(part * 100, 1) + " %";
}

std::string noise(const Row &row)
{
	if (row.rates().size() < 3)
		return row.rates().size() < 2 ? "once" : "twice";
	return percent(row.variation()) + (row.is_noisy() ? " noisy" : "");
}

std::string cell(const Row *row)
{
	return row ? rate_text(row->rate()) + (row->is_noisy() ? "~" : " ") : "-";
}

std::string ratio(const Row *a, const Row *b)
{
	return a && b && b->rate() > 0 ? fixed(a->rate() / b->rate(), 2) : "-";
}

std::string cycles(const Row &row)
{
	for (const char *name : {"core_cycles_per_byte", "tsc_cycles_per_byte", "cntvct_ticks_per_byte"})
		if (row.counters.count(name))
			return fixed(row.counter(name), 3);
	return "-";
}

std::string cycles_title(const Results &results)
{
	const std::string are = results.recorded("cycles_are");

	return are.compare(0, 4, "core") == 0 ? "core cyc/B" : "TSC ticks/B";
}

std::string packets(const Results &results)
{
	Grid grid({"suite", "backend", "bytes", "seal", "variation", cycles_title(results), "raw", "seal/raw",
		   "open", "variation", "open/raw"},
		  2);

	for (const Row &row : results.rows) {
		if (row.what != "seal" || row.batch > 1 || row.threads > 0 || !row.error.empty())
			continue;
		auto find = [&](const char *what) {
			return results.find(what, row.suite, row.backend, row.bytes);
		};
		const Row *raw = find("raw_seal"), *open = find("open"), *raw_open = find("raw_open");

		grid.add({row.suite, row.backend, std::to_string(row.bytes), rate_text(row.rate()),
			  noise(row), cycles(row), raw ? rate_text(raw->rate()) : "-", ratio(&row, raw),
			  open ? rate_text(open->rate()) : "-", open ? noise(*open) : "-",
			  ratio(open, raw_open)});
	}
	return grid.empty()
		       ? ""
		       : "\nPackets framed and sealed, or opened, beside the raw primitive:\n" + grid.text();
}

std::string speed(const Results &results)
{
	Grid grid({"suite", "raw_seal of openssl here", "openssl speed", "raw/speed"}, 1);

	for (const std::string &suite : results.distinct("raw_seal", &Row::suite)) {
		const Row *raw = results.find("raw_seal", suite, "openssl", 32768);
		const double other = openssl_speed_of(results, suite);

		if (raw && other > 0)
			grid.add({suite, rate_text(raw->rate()), rate_text(other),
				  fixed(raw->rate() / other, 2)});
	}
	return grid.empty() ? ""
			    : "\nThe raw primitive at 32 KiB beside what `openssl speed` prints for it "
			      "(cipher and MAC "
			      "apart: their times added;\nchacha20-poly1305 there is RFC 8439's form):\n" +
				      grid.text();
}

std::string batches(const Results &results)
{
	std::vector<size_t> counts = {1};
	std::vector<std::string> head = {"suite", "backend", "bytes"};

	for (size_t n : results.distinct("seal", &Row::batch))
		if (n > 1)
			counts.push_back(n);
	for (size_t n : counts)
		head.push_back("in " + std::to_string(n));
	Grid grid(head, 2);
	for (const std::string &suite : results.distinct("seal", &Row::suite)) {
		for (const std::string &backend : results.distinct("seal", &Row::backend)) {
			for (size_t bytes : results.distinct("seal", &Row::bytes)) {
				if (counts.size() < 2 ||
				    !results.find("seal", suite, backend, bytes, counts[1]))
					continue;
				std::vector<std::string> line = {suite, backend, std::to_string(bytes)};
				for (size_t n : counts)
					line.push_back(cell(results.find("seal", suite, backend, bytes, n)));
				grid.add(line);
			}
		}
	}
	return grid.empty() ? "" : "\nPackets sealed in batches (~: noisy):\n" + grid.text();
}

std::string threads(const Results &results)
{
	Grid grid({"work", "suite", "backend", "threads", "together", "variation", "of one thread's"}, 3);

	for (const Row &row : results.rows) {
		double one = 0;

		if (row.threads == 0 || !row.error.empty())
			continue;
		for (const Row &other : results.rows)
			if (other.threads == 1 && other.what == row.what && other.suite == row.suite &&
			    other.backend == row.backend)
				one = other.rate();
		grid.add({row.what, row.suite, row.backend, std::to_string(row.threads),
			  rate_text(row.rate()), noise(row),
			  one > 0 ? fixed(row.rate() / one, 2) + " times" : "-"});
	}
	return grid.empty() ? ""
			    : "\nOne thread to all, each on a processor of its own, 32 KiB:\n" + grid.text();
}

std::string operations(const Results &results)
{
	Grid grid({"work", "", "a second", "variation", "CPU each"}, 2);

	for (const Row &row : results.rows)
		if (row.counters.count("items_per_second") && row.error.empty())
			grid.add({row.what, row.suite + (row.what == "rekey" ? " " + row.backend : ""),
				  count_text(row.rate()), noise(row), fixed(1e6 / row.rate(), 1) + " us"});
	return grid.empty() ? ""
			    : "\nKey exchange (both sides), signatures, and whole rekeys (both sides):\n" +
				      grid.text();
}

std::string compression(const Results &results)
{
	Grid grid({"work", "algorithm", "data", "rate", "variation", "smaller"}, 3);

	for (const Row &row : results.rows)
		if ((row.what == "deflate" || row.what == "inflate") && row.error.empty())
			grid.add({row.what, row.suite, row.backend, rate_text(row.rate()), noise(row),
				  fixed(row.counter("ratio"), 2) + " times"});
	return grid.empty() ? "" : "\nCompression, 32 KiB packets, rates of what is inside:\n" + grid.text();
}

std::string whole_path(const Results &results)
{
	Grid grid({"work", "suite", "backend", "rate", "variation", "sender ns/B", "receiver ns/B"}, 3);

	for (const Row &row : results.rows) {
		if (row.what.compare(0, 10, "packetizer") != 0 && row.what.compare(0, 8, "loopback") != 0)
			continue;
		if (!row.error.empty())
			continue;
		const bool loopback = row.counters.count("sender_ns_per_byte");
		const bool plain = row.what == "loopback_plain";
		grid.add({row.what, plain ? "no SSH" : row.suite, row.backend, rate_text(row.rate()),
			  noise(row), loopback ? fixed(row.counter("sender_ns_per_byte"), 3) : "-",
			  loopback ? fixed(row.counter("receiver_ns_per_byte"), 3) : "-"});
	}
	return grid.empty() ? ""
			    : "\nThe packetizer in memory, and two ends of a connection over loopback, 32 "
			      "KiB packets:\n" +
				      grid.text();
}

std::string offloads(const Results &results)
{
	Grid grid({"work", "suite", "backend", "bytes", "depth", "rate", "p50 us", "p99 us", "p99.9 us",
		   "CPU ns/B", "by the CPU"},
		  3);
	std::string out;

	for (const Row &row : results.rows)
		if (row.depth > 0 && row.error.empty())
			grid.add({row.what, row.suite, row.backend, std::to_string(row.bytes),
				  std::to_string(row.depth), rate_text(row.rate()),
				  fixed(row.counter("p50_ns") / 1000, 1),
				  fixed(row.counter("p99_ns") / 1000, 1),
				  fixed(row.counter("p999_ns") / 1000, 1),
				  fixed(row.counter("cpu_ns_per_byte"), 3),
				  percent(row.counter("fell_back") / std::max(1.0, row.counter("packets")))});
	if (grid.empty())
		return "";
	out = "\nEngines outside of the calling CPU, packets under way at the same time:\n" + grid.text();
	for (const Crossover &c : find_crossovers(results)) {
		auto from = [](size_t bytes, const char *better) {
			return std::string(better) +
			       (bytes ? " from " + bytes_text(bytes) : " at no size measured");
		};

		out += "  " + c.suite + ": " + c.backend + " against " + c.cpu_backend + ": " +
		       from(c.faster_from, "faster") + ", " + from(c.cheaper_from, "less CPU") + "\n";
	}
	return out;
}

std::string failures(const Results &results)
{
	std::string out;
	size_t late = 0, few = 0;

	for (const Row &row : results.rows) {
		if (row.error == "the time was up")
			late++;
		else if (!row.error.empty())
			out += "  " + row.name + ": " + row.error + "\n";
		few += row.error.empty() && row.rates().size() < results.rows.front().rates().size();
	}
	if (late + few > 0)
		out += "  The time was up: " + std::to_string(late) + " rows were not measured, " +
		       std::to_string(few) + " less often than the others.\n";
	return out.empty() ? "" : "\nNot measured:\n" + out;
}

std::string end_text(const char *name, const End &end)
{
	return std::string("    ") + name + fixed(end.cores(), 2) +
	       " cores a 10 Gbit/s: " + fixed(end.computed(), 3) + " ns/B (packets " + fixed(end.crypto, 3) +
	       ", framing " + fixed(end.packetizer, 3) + ", kernel " + fixed(end.kernel, 3) +
	       "); measured together " + fixed(end.measured, 3) + "\n";
}

} // namespace

std::string record_text(const Results &results)
{
	std::string out;

	for (const auto &[name, value] : results.record)
		if (name != "flags" && name.compare(0, 14, "openssl_speed_") != 0)
			out += name + std::string(name.size() < 24 ? 24 - name.size() : 1, ' ') + value +
			       "\n";
	return out;
}

std::string tables_text(const Results &results)
{
	return packets(results) + speed(results) + batches(results) + threads(results) + operations(results) +
	       compression(results) + whole_path(results) + offloads(results) + failures(results);
}

std::string recommendation_text(const Results &results)
{
	const Advice advice = make_advice(results);
	std::string out = "\nRecommendation for this machine, lines for ~/.config/hawser/config:\n";

	for (const std::string &line : advice.lines)
		out += "  " + line + "\n";
	if (advice.lines.empty())
		out += "  none: what was measured supports none\n";
	for (const std::string &note : advice.notes)
		out += "  (" + note + ")\n";
	const std::vector<Sizing> all = compute_sizing(results);
	if (!all.empty())
		out += "\nSizing, CPU time of each end, data in packets of 32 KiB:\n";
	for (const Sizing &s : all) {
		out += "  " + s.suite + " by " + s.backend +
		       (s.noisy ? " (from noisy rows: a hint only)" : "") + "\n";
		out += end_text("sender    ", s.sender) + end_text("receiver  ", s.receiver);
		out += "    one connection ends at " + fixed(s.one_connection_gbit(), 1) +
		       " Gbit/s: saturated first is " + s.saturates() + "\n";
		out += std::string("    check against the loopback run: computed ") +
		       (s.error() >= 0 ? "+" : "") + percent(s.error()) +
		       (s.holds() ? ", holds" : ", DOES NOT HOLD") + " (within 15 %)\n";
	}
	return out;
}

} // namespace bench
