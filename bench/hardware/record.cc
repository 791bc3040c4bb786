/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/record.h"

#include <dirent.h>
#include <gnu/libc-version.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include <cstring>
#include <fstream>

#include <hawser/error.h>

#include "bench/hardware/cycles.h"
#include "bench/hardware/processors.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace bench
{

namespace
{

std::string first_line(const std::string &path)
{
	std::ifstream file(path);
	std::string line;

	std::getline(file, line);
	return line;
}

/* The value of KEY in /proc/cpuinfo, of the first processor. */
std::string cpuinfo(const char *key)
{
	std::ifstream file("/proc/cpuinfo");

	for (std::string line; std::getline(file, line);) {
		const size_t colon = line.find(':');

		if (line.compare(0, strlen(key), key) == 0 && colon != line.npos &&
		    colon + 2 <= line.size() && line.find_first_not_of(" \t", strlen(key)) == colon)
			return line.substr(colon + 2);
	}
	return "";
}

std::string or_unknown(const std::string &text)
{
	return text.empty() ? "unknown" : text;
}

std::string cpu_model()
{
	const std::string name = cpuinfo("model name"), part = cpuinfo("CPU part");

	if (!name.empty())
		return name;
	/* AArch64 has numbers only: Arm's lists say what they are. */
	return part.empty() ? "unknown" : "implementer " + cpuinfo("CPU implementer") + " part " + part;
}

std::string smt()
{
	const std::string active = first_line("/sys/devices/system/cpu/smt/active");

	return active == "1" ? "on" : active == "0" ? "off" : "unknown";
}

size_t numa_nodes()
{
	DIR *dir = opendir("/sys/devices/system/node");
	size_t count = 0;

	if (!dir)
		return 1;
	while (const struct dirent *entry = readdir(dir))
		count += strncmp(entry->d_name, "node", 4) == 0 && entry->d_name[4] >= '0' &&
			 entry->d_name[4] <= '9';
	closedir(dir);
	return count ? count : 1;
}

std::string hypervisor()
{
#if defined(__x86_64__)
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 31))
		return "none";
	/* Leaf 0x40000000 names the hypervisor; __get_cpuid does not know that range. */
	__cpuid(0x40000000, a, b, c, d);
	char name[13] = {};
	memcpy(name, &b, 4);
	memcpy(name + 4, &c, 4);
	memcpy(name + 8, &d, 4);
	return name[0] ? name : "present, unnamed";
#else
	const std::string type = first_line("/sys/hypervisor/type");

	return or_unknown(type.empty() ? first_line("/sys/class/dmi/id/sys_vendor") : type);
#endif
}

/* Of this process's group and those above: the tightest. */
std::string cgroup_quota()
{
	std::ifstream file("/proc/self/cgroup");
	std::string path, found = "none";

	for (std::string line; std::getline(file, line);)
		if (line.compare(0, 3, "0::") == 0)
			path = line.substr(3);
	double least = 1e9;
	for (;; path.resize(path.rfind('/') == path.npos ? 0 : path.rfind('/'))) {
		const std::string max = first_line("/sys/fs/cgroup" + path + "/cpu.max");
		double quota, period;

		if (sscanf(max.c_str(), "%lf %lf", &quota, &period) == 2 && quota / period < least) {
			least = quota / period;
			found = fixed(least, 2) + " CPUs";
		}
		if (path.empty())
			break;
	}
	const std::string old = first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
	if (found == "none" && !old.empty() && old[0] != '-')
		found = old + " us of " + first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
	return found;
}

} // namespace

void record_mhz(Results &results, const char *key)
{
	pin_thread(0);
	results.record.emplace_back(key, fixed(observed_mhz(), 0));
	unpin_thread();
}

void record_machine(Results &results)
{
	auto &record = results.record;
	struct utsname uts;
	struct sysinfo memory;

	record.emplace_back("cpu", cpu_model());
	record.emplace_back("features", haw_cpu_text());
	record.emplace_back("flags",
			    or_unknown(cpuinfo("flags").empty() ? cpuinfo("Features") : cpuinfo("flags")));
	record.emplace_back("microcode", or_unknown(cpuinfo("microcode")));
	record.emplace_back("processors_usable", std::to_string(processor_count()));
	record.emplace_back("processors_online", std::to_string(sysconf(_SC_NPROCESSORS_ONLN)));
	record.emplace_back("smt", smt());
	record.emplace_back("numa_nodes", std::to_string(numa_nodes()));
	record.emplace_back("governor",
			    or_unknown(first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")));
	record_mhz(results, "observed_mhz_at_start");
	record.emplace_back("cycles_are",
			    CycleCounter().counts_core_cycles()
				    ? "core cycles outside the kernel, from a performance counter"
				    : "ticks of the time-stamp counter, for want of a performance counter");
	record.emplace_back("cgroup_quota", cgroup_quota());
	record.emplace_back("hypervisor", hypervisor());
	if (uname(&uts) == 0)
		record.emplace_back("kernel",
				    std::string(uts.sysname) + " " + uts.release + " " + uts.machine);
	if (sysinfo(&memory) == 0)
		record.emplace_back("memory_mib",
				    std::to_string(uint64_t(memory.totalram) * memory.mem_unit >> 20));
}

void record_libraries(Results &results, const Plan &plan)
{
	results.record.emplace_back("hawser", haw_version());
	results.record.emplace_back("glibc", gnu_get_libc_version());
	results.record.emplace_back("libcrypto", OpenSSL_version(OPENSSL_VERSION));
	for (const auto &engine : plan.engines)
		results.record.emplace_back("backend_" + engine->name(),
					    engine->backend()->version(engine->backend()));
}

} // namespace bench
