/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAWSER_BENCH_FRAME_H
#define HAWSER_BENCH_FRAME_H

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/hardware/plot.h"

namespace bench
{

/* Where things are in a plot of lines. */
class Frame
{
      public:
	static constexpr double width = 460, height = 290, left = 46, right = 116, top = 34, bottom = 42;

	explicit Frame(const LinePlot &plot) : plot_(plot), y_min_(plot.y_min), y_max_(plot.y_max)
	{
		bool first = true;

		for (const Series &s : plot.series) {
			for (const auto &[x, y] : s.points) {
				x_min_ = first ? x : std::min(x_min_, x);
				x_max_ = first ? x : std::max(x_max_, x);
				if (plot.y_max == 0) {
					y_min_ = first ? y : std::min(y_min_, y);
					y_max_ = first ? y : std::max(y_max_, y);
				}
				first = false;
			}
		}
		if (!plot.y_is_log)
			y_min_ = 0;
		y_max_ *= plot.y_max == 0 ? 1.15 : 1;
		y_min_ *= plot.y_max == 0 ? 0.85 : 1;
	}
	double x(double value) const
	{
		const double low = std::log2(x_min_), high = std::log2(x_max_);
		const double part = high > low ? (std::log2(value) - low) / (high - low) : 0.5;

		return left + part * (width - left - right);
	}
	double y(double value) const
	{
		const double part = plot_.y_is_log ? std::log(value / y_min_) / std::log(y_max_ / y_min_)
						   : value / (y_max_ > 0 ? y_max_ : 1);

		return height - bottom - part * (height - top - bottom);
	}
	std::vector<double> y_ticks() const
	{
		std::vector<double> ticks;

		if (plot_.y_is_log) {
			for (double decade = 0.001; decade <= y_max_; decade *= 10)
				for (double step : {1.0, 2.0, 5.0})
					if (decade * step >= y_min_ && decade * step <= y_max_)
						ticks.push_back(decade * step);
			return ticks;
		}
		double step = std::pow(10, std::floor(std::log10(std::max(y_max_, 1e-9))));
		while (y_max_ / step < 3)
			step /= y_max_ / step < 1.5 ? 5 : 2;
		for (double v = 0; v <= y_max_; v += step)
			ticks.push_back(v);
		return ticks;
	}
	std::vector<double> x_ticks() const
	{
		std::vector<double> all;

		for (const Series &s : plot_.series)
			for (const auto &point : s.points)
				all.push_back(point.first);
		std::sort(all.begin(), all.end());
		all.erase(std::unique(all.begin(), all.end()), all.end());
		/* Words that would run into each other are left out. */
		std::vector<double> ticks;
		for (double v : all)
			if (ticks.empty() || x(v) - x(ticks.back()) > 44)
				ticks.push_back(v);
		return ticks;
	}

      private:
	const LinePlot &plot_;
	double x_min_ = 1, x_max_ = 1, y_min_, y_max_;
};

} // namespace bench

#endif
