/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/loopback_cases.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench/hardware/clock.h"
#include "bench/hardware/core_end.h"
#include "bench/hardware/guard.h"
#include "bench/hardware/processors.h"

namespace bench
{

namespace
{

/* What one receive asks for, as the packetizer's rows do. */
constexpr size_t receive_size = 256 * 1024;
/* What one send gets without SSH: a wire buffer. */
constexpr size_t send_size = 512 * 1024;

struct Sockets {
	int sender = -1, receiver = -1;

	Sockets()
	{
		struct sockaddr_in address = {};
		socklen_t length = sizeof(address);
		const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		auto *name = reinterpret_cast<struct sockaddr *>(&address);
		if (bind(listener, name, length) == 0 && listen(listener, 1) == 0 &&
		    getsockname(listener, name, &length) == 0 && connect(sender, name, length) == 0)
			receiver = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
		close(listener);
		if (receiver < 0) {
			close(sender);
			throw std::runtime_error("no connection over loopback can be made here");
		}
		for (int fd : {sender, receiver})
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	~Sockets()
	{
		close(sender);
		close(receiver);
	}
	Sockets(const Sockets &) = delete;
	Sockets &operator=(const Sockets &) = delete;
};

/* Send what there is, as far as the socket takes it; true if something is left. */
template <class Output, class Sent> bool flush(int fd, Output output, Sent sent)
{
	for (haw_span out; (out = output()).len > 0;) {
		const ssize_t n = send(fd, out.ptr, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0)
			throw std::runtime_error("the peer's end of the loopback connection has failed");
		sent(size_t(n));
	}
	return false;
}

/* Not for long: the sender has to see, too, that the last byte has arrived, of which nobody tells it. */
void wait_for(int fd, short events, bool busy)
{
	const struct timespec shortly = {0, busy ? 0 : 200000};
	struct pollfd p = {fd, events, 0};

	ppoll(&p, 1, &shortly, nullptr);
}

/* One turn of an end on its socket. False once the peer has closed. */
bool turn(CoreEnd &end, int fd)
{
	end.process();
	const bool blocked = flush(
		fd, [&] { return end.output(); }, [&](size_t n) { end.sent(n); });
	const haw_mut_span space = end.space();

	wait_for(fd, short(blocked ? POLLIN | POLLOUT : POLLIN), end.is_busy());
	const ssize_t n = recv(fd, space.ptr, std::min(space.len, receive_size), MSG_DONTWAIT);
	if (n > 0)
		end.received(size_t(n));
	return n != 0;
}

/* The receiving end on a thread of its own. */
class Receiver
{
      public:
	template <class Run>
	explicit Receiver(Run run)
	    : thread_([this, run] {
		      pin_thread(1);
		      try {
			      run(count);
		      } catch (const std::exception &e) {
			      failed = true;
		      }
	      })
	{
	}
	~Receiver()
	{
		thread_.join();
	}
	double cpu_ns()
	{
		clockid_t clock;

		return pthread_getcpuclockid(thread_.native_handle(), &clock) == 0 ? clock_ns(clock) : 0;
	}
	bool has(uint64_t bytes) const
	{
		if (failed)
			throw std::runtime_error("the receiving end has failed");
		return count >= bytes;
	}

	std::atomic<uint64_t> count{0};
	std::atomic<bool> failed{false};

      private:
	std::thread thread_;
};

/* Closes what the receiver waits for, so that it ends whatever happens. */
struct Shutdown {
	int fd;

	~Shutdown()
	{
		shutdown(fd, SHUT_RDWR);
	}
};

/* Time MOVE(until), which sends so that the receiver's count gets there. */
template <class Move> void measure(benchmark::State &state, Receiver &receiver, size_t bytes, Move move)
{
	double sender_ns = 0, receiver_ns = 0;
	uint64_t until = receiver.count;

	for (auto _ : state) {
		const double start = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		const double receiver_cpu = receiver.cpu_ns();

		until += bytes;
		move(until);
		state.SetIterationTime((clock_ns(CLOCK_MONOTONIC) - start) / 1e9);
		sender_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		receiver_ns += receiver.cpu_ns() - receiver_cpu;
	}
	const double total = double(state.iterations()) * double(bytes);
	state.SetBytesProcessed(int64_t(total));
	state.counters["sender_ns_per_byte"] = sender_ns / total;
	state.counters["receiver_ns_per_byte"] = receiver_ns / total;
}

void run_loopback(benchmark::State &state, const Case &c)
{
	Sockets sockets;
	HostKey host;
	CoreEnd client(*c.engine, c.suite, nullptr), server(*c.engine, c.suite, &host);

	pin_thread(0);
	Receiver receiver([&](std::atomic<uint64_t> &count) {
		while (turn(server, sockets.receiver))
			count = server.bulk_received();
	});
	Shutdown end{sockets.sender};
	auto move = [&](uint64_t until) {
		while (!receiver.has(until))
			if (!turn(client, sockets.sender))
				throw std::runtime_error("the receiving end has closed");
	};

	while (!client.is_ready())
		turn(client, sockets.sender);
	/* The window grows to what this path needs. */
	client.send_bulk(c.bytes / 4);
	move(c.bytes / 4);
	measure(state, receiver, c.bytes, [&](uint64_t until) {
		client.send_bulk(c.bytes);
		move(until);
	});
}

void run_plain(benchmark::State &state, size_t bytes)
{
	std::vector<uint8_t> source(send_size, 0x5a), sink(receive_size);
	Sockets sockets;

	pin_thread(0);
	Receiver receiver([&](std::atomic<uint64_t> &count) {
		for (ssize_t n = -1; n != 0;) {
			wait_for(sockets.receiver, POLLIN, false);
			n = recv(sockets.receiver, sink.data(), sink.size(), MSG_DONTWAIT);
			count += n > 0 ? uint64_t(n) : 0;
		}
	});
	Shutdown end{sockets.sender};

	measure(state, receiver, bytes, [&](uint64_t until) {
		size_t left = bytes, at = 0;
		auto output = [&] { return haw_span{source.data() + at, std::min(left, send_size - at)}; };
		auto sent = [&](size_t n) {
			left -= n;
			at = (at + n) % send_size;
		};

		while (flush(sockets.sender, output, sent))
			wait_for(sockets.sender, POLLOUT, false);
		while (!receiver.has(until))
			std::this_thread::sleep_for(std::chrono::microseconds(20));
	});
}

} // namespace

benchmark::internal::Benchmark *add_loopback(Case c)
{
	c.what = "loopback";
	return add(c.name(), guarded(run_loopback, c))->UseManualTime();
}

benchmark::internal::Benchmark *add_loopback_plain(size_t bytes)
{
	return add("loopback_plain/" + std::to_string(bytes), guarded(run_plain, bytes))->UseManualTime();
}

} // namespace bench
