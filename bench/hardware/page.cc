/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/page.h"

#include <algorithm>
#include <cmath>

#include "bench/hardware/advice.h"
#include "bench/hardware/compare.h"
#include "bench/hardware/page_style.h"
#include "bench/hardware/plot.h"
#include "bench/hardware/sizing.h"
#include "bench/hardware/table.h"

namespace bench
{

namespace
{

constexpr double giga = 1e9;

std::string figure(const std::string &svg, const std::string &id)
{
	return "<figure class=\"plot\" data-plot=\"" + id + "\">" + svg + "</figure>\n";
}

std::string section(const std::string &title, const std::string &words, const std::string &body)
{
	return "<section><h2>" + escape_html(title) + "</h2><p>" + words + "</p>\n" + body + "</section>\n";
}

/* Each backend has one colour all over the page. */
size_t style_of(const Results &results, const std::string &backend)
{
	const std::vector<std::string> all = results.distinct("seal", &Row::backend);

	return size_t(std::find(all.begin(), all.end(), backend) - all.begin()) % 6;
}

Series by_size(const Results &results, const char *what, const std::string &suite, const std::string &backend)
{
	Series series = {backend, style_of(results, backend), false, {}};

	for (const Row &row : results.rows)
		if (row.what == what && row.suite == suite && row.backend == backend && row.batch == 1 &&
		    row.depth == 0 && row.threads == 0 && row.error.empty() && row.rate() > 0)
			series.points.emplace_back(double(row.bytes), row.rate() / giga);
	std::sort(series.points.begin(), series.points.end());
	return series;
}

/* One scale for all suites, so that they compare. */
void set_scale(const Results &results, LinePlot &plot)
{
	plot.y_min = 1e9;
	for (const Row &row : results.rows) {
		if ((row.what != "seal" && row.what != "open") || row.batch > 1 || row.threads ||
		    row.rate() <= 0)
			continue;
		plot.y_min = std::min(plot.y_min, row.rate() / giga * 0.8);
		plot.y_max = std::max(plot.y_max, row.rate() / giga * 1.25);
	}
}

std::string sizes(const Results &results)
{
	std::string body;

	for (const std::string &suite : results.distinct("seal", &Row::suite)) {
		LinePlot plot;

		plot.title = suite;
		plot.x_title = "payload of a packet";
		plot.y_title = "GB/s";
		set_scale(results, plot);
		for (const std::string &backend : results.distinct("seal", &Row::backend)) {
			Series opened = by_size(results, "open", suite, backend);

			opened.dashed = true;
			opened.name = "";
			plot.series.push_back(by_size(results, "seal", suite, backend));
			plot.series.push_back(opened);
		}
		body += figure(line_plot(plot), "size");
	}
	return section(
		"Throughput by packet size",
		"One core. Lines with marks: sealed; dotted: opened. All plots share one logarithmic scale.",
		"<div class=\"grid\">" + body + "</div>");
}

std::string backends(const Results &results)
{
	std::vector<BarGroup> groups;
	size_t bytes = 0;

	for (size_t b : results.distinct("seal", &Row::bytes))
		bytes = std::max(bytes, b <= 32768 ? b : bytes);
	for (const std::string &suite : results.distinct("seal", &Row::suite)) {
		BarGroup group = {suite, {}};

		for (const std::string &backend : results.distinct("seal", &Row::backend)) {
			const Row *row = results.find("seal", suite, backend, bytes);
			const Row *raw = results.find("raw_seal", suite, backend, bytes);

			if (row)
				group.bars.push_back(
					{backend,
					 rate_text(row->rate()) + (row->is_noisy() ? ", noisy" : ""),
					 {{row->rate(), style_of(results, backend)}},
					 raw ? raw->rate() : 0,
					 row->is_noisy()});
		}
		groups.push_back(group);
	}
	return section("Throughput by backend",
		       "Sealing packets of " + bytes_text(bytes) +
			       " on one core; the upright line is the same engine's raw primitive.",
		       figure(bar_plot(groups, "Throughput by backend", "longer is faster"), "backend"));
}

std::string scaling(const Results &results)
{
	std::string body;

	for (const char *what : {"seal", "open"}) {
		LinePlot plot;
		size_t style = 0;

		plot.title = std::string(what) == "seal" ? "Sealed by all threads together"
							 : "Opened by all threads together";
		plot.x_title = "threads, each on its own processor";
		plot.y_title = "GB/s";
		plot.x_is_bytes = plot.y_is_log = false;
		for (const Row &row : results.rows) {
			if (row.what != what || row.threads == 0 || row.rate() <= 0)
				continue;
			const std::string name = row.suite.substr(0, row.suite.find_first_of("@+"));
			if (plot.series.empty() || plot.series.back().name != name)
				plot.series.push_back({name, style++ % 6, false, {}});
			plot.series.back().points.emplace_back(double(row.threads), row.rate() / giga);
		}
		const size_t count = plot.series.size();
		for (size_t i = 0; i < count; i++) {
			const auto first = plot.series[i].points.front(), last = plot.series[i].points.back();

			plot.series.push_back(
				{"",
				 plot.series[i].style,
				 true,
				 {first, {last.first, first.second * last.first / first.first}}});
		}
		if (count > 0)
			body += figure(line_plot(plot), "threads");
	}
	return body.empty()
		       ? ""
		       : section("Scaling by threads",
				 "Packets of 32 KiB. Dotted: as many times the first as there are threads.",
				 "<div class=\"grid\">" + body + "</div>");
}

Series offload_series(const Results &results, const Crossover &c)
{
	Series series = {c.backend, style_of(results, c.backend), false, {}};

	for (size_t bytes : results.distinct("offload_seal", &Row::bytes)) {
		const Row *row = best_depth(results, "offload_seal", c.suite, c.backend, bytes);

		if (row && row->rate() > 0)
			series.points.emplace_back(double(bytes), row->rate() / giga);
	}
	return series;
}

std::string crossover(const Results &results)
{
	std::string body;

	for (const Crossover &c : find_crossovers(results)) {
		LinePlot plot;

		plot.title = c.suite;
		plot.x_title = "payload of a packet";
		plot.y_title = "GB/s, best depth";
		plot.series.push_back(by_size(results, "seal", c.suite, c.cpu_backend));
		plot.series.push_back(offload_series(results, c));
		if (c.faster_from)
			plot.marks.emplace_back(double(c.faster_from), "faster from here");
		body += figure(line_plot(plot), "crossover");
	}
	if (body.empty())
		return section("Offload crossover",
			       "No engine outside of the CPU was measured; <code>--backend</code> names one.",
			       "");
	return section("Offload crossover",
		       "With as many packets under way as serve the engine best, against the CPU.",
		       "<div class=\"grid\">" + body + "</div>");
}

Bar end_bar(const char *name, const End &end)
{
	return {name,
		fixed(end.cores(), 2) + " cores",
		{{end.crypto, 0}, {end.packetizer, 2}, {end.kernel, 1}},
		end.measured,
		false};
}

std::string sizing(const Results &results)
{
	std::vector<BarGroup> groups;

	for (const Sizing &s : compute_sizing(results))
		groups.push_back({s.suite + (s.holds() ? ", checked to " : ", check does not hold: ") +
					  fixed(std::fabs(s.error()) * 100, 1) + " %",
				  {end_bar("sender", s.sender), end_bar("receiver", s.receiver)}});
	if (groups.empty())
		return "";
	return section(
		"Sizing: CPU time of a byte",
		"Computed from parts that were measured apart; the upright line is what a connection over "
		"loopback "
		"took. Cores are those that 10 Gbit/s keep busy.",
		"<div><span class=\"key s0\"><i></i><span>protecting packets</span></span><span class=\"key "
		"s2\"><i></i><span>framing</span></span><span class=\"key s1\"><i></i><span>kernel "
		"sockets</span></span></div>" +
			figure(bar_plot(groups, "CPU time of a byte", "shorter is cheaper"), "sizing"));
}

std::string fact(const std::string &value, const std::string &words)
{
	return "<div class=\"fact\"><b>" + escape_html(value) + "</b><span>" + escape_html(words) +
	       "</span></div>";
}

std::string facts(const Results &results)
{
	const std::vector<Sizing> all = compute_sizing(results);
	const Row *best = nullptr;
	std::string out;

	for (const Row &row : results.rows)
		if (row.what == "seal" && row.batch == 1 && row.threads == 0 && row.error.empty() &&
		    (!best || row.rate() > best->rate()))
			best = &row;
	if (best)
		out += fact(rate_text(best->rate()),
			    "sealed by one core at best: " + best->suite + ", " + best->backend);
	if (!all.empty()) {
		out += fact(fixed(all[0].sender.cores() + all[0].receiver.cores(), 2) + " cores",
			    "for 10 Gbit/s, both ends together");
		out += fact(fixed(all[0].one_connection_gbit(), 1) + " Gbit/s",
			    "one connection; then full: " + all[0].saturates());
	}
	return "<div class=\"facts\">" + out + "</div>\n";
}

std::string record_table(const Results &results)
{
	std::string out = "<table>";

	for (const auto &[key, value] : results.record)
		out += "<tr><th>" + escape_html(key) + "</th><td>" + escape_html(value) + "</td></tr>\n";
	return out + "</table>";
}

std::string page(const std::string &title, const std::string &subtitle, const std::string &body)
{
	return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	       "content=\"width=device-width,initial-scale=1\">\n<link rel=\"icon\" "
	       "href=\"data:,\">\n<title>" +
	       escape_html(title) + "</title>\n<style>" + page_style + "</style></head>\n<body><main><h1>" +
	       escape_html(title) + "</h1><p>" + escape_html(subtitle) + "</p>\n" + body +
	       "</main></body></html>\n";
}

} // namespace

std::string results_page(const Results &results)
{
	std::string body = facts(results) + sizes(results) + backends(results) + scaling(results) +
			   crossover(results) + sizing(results);

	body += section("Recommendation", "Lines for <code>~/.config/hawser/config</code>, and sizing.",
			"<pre>" + escape_html(recommendation_text(results)) + "</pre>");
	body += section("All figures",
			"Rows that vary by more than 5 % are noisy and support no recommendation.",
			"<pre>" + escape_html(tables_text(results)) + "</pre>");
	body += section("Record of the machine", "What bears on speed and could be read.",
			record_table(results));
	return page("Hawser on " + results.recorded("cpu"),
		    results.recorded("kernel") + ", Hawser " + results.recorded("hawser"), body);
}

std::string compare_page(const std::vector<std::pair<std::string, Results>> &files)
{
	std::vector<BarGroup> groups;
	std::string body;

	for (const Row &row : files[0].second.rows) {
		BarGroup group = {row.name, {}};

		if (row.what != "seal" || row.batch > 1 || row.threads || row.bytes != 32768)
			continue;
		for (size_t i = 0; i < files.size(); i++) {
			const Row *match = files[i].second.find(row.name);
			const std::string name = files[i].first.substr(files[i].first.rfind('/') + 1);

			if (match)
				group.bars.push_back({name.substr(0, 18),
						      rate_text(match->rate()),
						      {{match->rate(), i % 6}},
						      0,
						      match->is_noisy()});
		}
		groups.push_back(group);
	}
	body = section("Sealing packets of 32 KiB", "One core of each.",
		       figure(bar_plot(groups, "Sealing packets of 32 KiB", "longer is faster"), "compare"));
	body += section(
		"Verdicts",
		"Mann-Whitney U, two-sided, p &lt; 0.05 over at least nine repetitions; else undecided.",
		"<pre>" + escape_html(compare_text(files)) + "</pre>");
	return page("Hawser: results compared", std::to_string(files.size()) + " files", body);
}

} // namespace bench
