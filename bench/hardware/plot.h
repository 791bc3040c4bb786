/* SPDX-License-Identifier: Apache-2.0
 *
 * Plots as inline SVG. Colours and line styles are classes, so that the page decides how they look in the
 * light, in the dark and on paper; series have marks of different shapes too, for those who see no colours.
 */
#ifndef HAWSER_BENCH_PLOT_H
#define HAWSER_BENCH_PLOT_H

#include <string>
#include <utility>
#include <vector>

namespace bench
{

std::string escape_html(const std::string &text);

struct Series {
	std::string name;
	size_t style; /* colour and mark */
	bool dashed;
	std::vector<std::pair<double, double>> points;
};

struct LinePlot {
	std::string title, x_title, y_title;
	bool x_is_bytes = true; /* else a count */
	bool y_is_log = true;
	std::vector<Series> series;
	std::vector<std::pair<double, std::string>> marks; /* upright lines at x, with words */
	double y_min = 0, y_max = 0;                       /* 0: from the points */
};

std::string line_plot(const LinePlot &plot);

struct Bar {
	std::string name, value; /* texts beside it */
	struct Part {
		double length;
		size_t style;
	};
	std::vector<Part> parts;
	double mark; /* a line across, for comparison; 0: none */
	bool pale;   /* noisy: it supports nothing */
};

struct BarGroup {
	std::string name;
	std::vector<Bar> bars;
};

/* Lying bars in groups. X_TITLE stands below. */
std::string bar_plot(const std::vector<BarGroup> &groups, const std::string &title,
		     const std::string &x_title);

} // namespace bench

#endif
