/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/plot.h"

#include <algorithm>
#include <cmath>

#include "bench/hardware/frame.h"
#include "bench/hardware/results.h"

namespace bench
{

std::string escape_html(const std::string &text)
{
	std::string out;

	for (char c : text)
		out += c == '&'   ? "&amp;"
		       : c == '<' ? "&lt;"
		       : c == '>' ? "&gt;"
		       : c == '"' ? "&quot;"
				  : std::string(1, c);
	return out;
}

namespace
{

std::string n(double value)
{
	return fixed(value, 1);
}

std::string text_at(double x, double y, const std::string &cls, const std::string &text)
{
	return "<text x=\"" + n(x) + "\" y=\"" + n(y) + "\" class=\"" + cls + "\">" + escape_html(text) +
	       "</text>";
}

std::string line_at(double x1, double y1, double x2, double y2, const std::string &cls)
{
	return "<line x1=\"" + n(x1) + "\" y1=\"" + n(y1) + "\" x2=\"" + n(x2) + "\" y2=\"" + n(y2) +
	       "\" class=\"" + cls + "\"/>";
}

std::string open_svg(double width, double height, const std::string &title)
{
	return "<svg viewBox=\"0 0 " + n(width) + " " + n(height) + "\" role=\"img\" aria-label=\"" +
	       escape_html(title) + "\"><title>" + escape_html(title) + "</title>";
}

std::string mark_at(double x, double y, size_t style)
{
	const std::string cls = "\" class=\"mark s" + std::to_string(style) + "\"/>";

	switch (style % 4) {
	case 0:
		return "<circle cx=\"" + n(x) + "\" cy=\"" + n(y) + "\" r=\"3.4" + cls;
	case 1:
		return "<rect x=\"" + n(x - 3.1) + "\" y=\"" + n(y - 3.1) + "\" width=\"6.2\" height=\"6.2" +
		       cls;
	case 2:
		return "<path d=\"M" + n(x) + " " + n(y - 4.2) + "l4 7h-8z" + cls;
	default:
		return "<path d=\"M" + n(x) + " " + n(y - 4.4) + "l4.4 4.4l-4.4 4.4l-4.4-4.4z" + cls;
	}
}

std::string tick_text(double value)
{
	if (value == 0)
		return "0";
	return value >= 1 ? fixed(value, value < 10 && value != std::floor(value) ? 1 : 0)
			  : fixed(value, value < 0.1 ? 2 : 1);
}

std::string axes(const LinePlot &plot, const Frame &frame)
{
	const double base = Frame::height - Frame::bottom, end = Frame::width - Frame::right;
	std::string out = text_at(Frame::left - 38, 14, "title", plot.title);

	for (double v : frame.y_ticks()) {
		out += line_at(Frame::left, frame.y(v), end, frame.y(v), "grid");
		out += text_at(Frame::left - 7, frame.y(v) + 4, "tick end", tick_text(v));
	}
	for (double v : frame.x_ticks()) {
		out += line_at(frame.x(v), base, frame.x(v), base + 4, "axis");
		out += text_at(frame.x(v), base + 17, "tick middle",
			       plot.x_is_bytes ? bytes_text(size_t(v)) : fixed(v, 0));
	}
	out += line_at(Frame::left, base, end, base, "axis");
	out += text_at((Frame::left + end) / 2, Frame::height - 6, "unit middle", plot.x_title);
	out += text_at(Frame::left - 38, 29, "unit", plot.y_title);
	for (const auto &[at, words] : plot.marks) {
		out += line_at(frame.x(at), Frame::top, frame.x(at), base, "cross");
		out += text_at(frame.x(at) + 5, Frame::top + 11, "unit", words);
	}
	return out;
}

std::string curve(const Series &series, const Frame &frame)
{
	std::string path, marks;

	for (const auto &[x, y] : series.points) {
		path += (path.empty() ? "M" : "L") + n(frame.x(x)) + " " + n(frame.y(y));
		if (!series.dashed)
			marks += mark_at(frame.x(x), frame.y(y), series.style);
	}
	return "<path d=\"" + path + "\" class=\"line s" + std::to_string(series.style) +
	       (series.dashed ? " dashed" : "") + "\"/>" + marks;
}

/* Names at the ends of the lines, moved apart where they would lie on each other. */
std::string labels(const LinePlot &plot, const Frame &frame)
{
	std::vector<std::pair<double, const Series *>> places;
	std::string out;
	double last = -1e9;

	for (const Series &s : plot.series)
		if (!s.points.empty() && !s.name.empty())
			places.emplace_back(frame.y(s.points.back().second) + 4, &s);
	std::sort(places.begin(), places.end());
	for (auto &[y, series] : places) {
		y = std::max(y, last + 12.5);
		last = y;
	}
	double over = std::max(0.0, last - (Frame::height - Frame::bottom + 8));
	for (auto &[y, series] : places)
		out += text_at(frame.x(series->points.back().first) + 9, y - over,
			       "label s" + std::to_string(series->style), series->name);
	return out;
}

} // namespace

std::string line_plot(const LinePlot &plot)
{
	const Frame frame(plot);
	std::string out = open_svg(Frame::width, Frame::height, plot.title) + axes(plot, frame);

	for (const Series &series : plot.series)
		out += curve(series, frame);
	return out + labels(plot, frame) + "</svg>\n";
}

namespace
{

double longest(const std::vector<BarGroup> &groups)
{
	double most = 0;

	for (const BarGroup &group : groups) {
		for (const Bar &bar : group.bars) {
			double sum = 0;

			for (const Bar::Part &part : bar.parts)
				sum += part.length;
			most = std::max({most, sum, bar.mark});
		}
	}
	return most > 0 ? most : 1;
}

std::string one_bar(const Bar &bar, double x, double y, double scale)
{
	constexpr double thick = 14;
	std::string out = text_at(x - 8, y + 11, "name end", bar.name);
	double at = x;

	for (const Bar::Part &part : bar.parts) {
		out += "<rect x=\"" + n(at) + "\" y=\"" + n(y) + "\" width=\"" +
		       n(std::max(1.0, part.length * scale)) + "\" height=\"" + n(thick) +
		       "\" class=\"bar s" + std::to_string(part.style) + (bar.pale ? " pale" : "") + "\"/>";
		at += part.length * scale;
	}
	if (bar.mark > 0)
		out += line_at(x + bar.mark * scale, y - 2, x + bar.mark * scale, y + thick + 2, "across");
	return out + text_at(std::max(at, x + bar.mark * scale) + 7, y + 11, "value", bar.value);
}

} // namespace

std::string bar_plot(const std::vector<BarGroup> &groups, const std::string &title,
		     const std::string &x_title)
{
	constexpr double width = 940, left = 120, right = 190, row = 19;
	const double scale = (width - left - right) / longest(groups);
	std::string body;
	double y = 6;

	for (const BarGroup &group : groups) {
		body += text_at(left, y + 13, "title", group.name);
		y += 20;
		for (const Bar &bar : group.bars) {
			body += one_bar(bar, left, y, scale);
			y += row;
		}
		y += 9;
	}
	body += text_at(left, y + 12, "unit", x_title);
	return open_svg(width, y + 22, title) + body + "</svg>\n";
}

} // namespace bench
